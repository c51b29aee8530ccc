"""Authentication of REST requests: a token in the Authorization header."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from monitor.records.models import ApiToken
from monitor.records.tokens import verify_token
from swf_common_lib.errors import NotAuthenticated

_KEYWORDS = ("token", "bearer")


def token_of(request: HttpRequest | Request) -> ApiToken | None:
    """Return the token that a request carries; None when it carries none.

    Raises NotAuthenticated for one that is ill-formed, unknown or revoked.
    """
    words = request.META.get("HTTP_AUTHORIZATION", "").split()
    if not words or words[0].lower() not in _KEYWORDS:
        return None
    if len(words) != 2:
        raise NotAuthenticated(
            "the Authorization header is not of the form 'Token <key>'",
            "`testbed token` prints the token of this installation.",
        )
    return verify_token(words[1])


class TokenAuthentication(BaseAuthentication):
    """``Authorization: Token <key>``, or ``Bearer <key>``."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        """Return user and token, or None when the request carries no token."""
        token = token_of(request)
        return None if token is None else (token.user, token)

    def authenticate_header(self, request: Request) -> str:
        """Return the name of the scheme, for answers with status 401."""
        return "Token"


def user_name(request: Any) -> str:
    """Return the caller's user name, for records; an empty text without a caller."""
    user = getattr(request, "user", None)
    return user.get_username() if user is not None and user.is_authenticated else ""
