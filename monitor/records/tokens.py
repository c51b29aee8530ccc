"""Tokens for REST and MCP, and one-time links that open a browser session."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from monitor.records.models import ApiToken, LoginLink
from swf_common_lib.errors import Conflict, InvalidRequest, NotAuthenticated, NotFound
from swf_common_lib.states import TokenScope
from swf_common_lib.suggestions import did_you_mean

LOGIN_LINK_LIFE = timedelta(minutes=10)
LAST_USE_PRECISION = timedelta(minutes=1)
"""The time of last use is written at most this often."""
_SCOPES: list[str] = list(TokenScope.values)


def create_token(name: str, scope: str, username: str, *, replace: bool = False) -> str:
    """Create a token and return its key, which is not stored and so cannot be shown again.

    ``replace``: replace an existing token of this name. Raises InvalidRequest for an unknown
    scope, Conflict when the name is taken.
    """
    if scope not in _SCOPES:
        raise InvalidRequest(
            f"there is no scope {scope!r}", f"The scopes are {', '.join(_SCOPES)}."
        )
    if not name.strip() or len(name) > 100:
        raise InvalidRequest("a token needs a name of 1 to 100 characters")
    key = f"swf_{secrets.token_urlsafe(32)}"
    try:
        with transaction.atomic():
            if replace:
                ApiToken.objects.filter(name=name).delete()
            ApiToken.objects.create(
                name=name, digest=_digest(key), scope=scope, user=ensure_operator(username)
            )
    except IntegrityError as error:
        raise Conflict(
            f"there is a token named {name!r} already", "Choose another name, or replace it."
        ) from error
    return key


def verify_token(key: str) -> ApiToken:
    """Return the token of a key; raise NotAuthenticated for an unknown or revoked one."""
    token: ApiToken | None = (
        ApiToken.objects.select_related("user").filter(digest=_digest(key)).first()
    )
    if token is None or token.revoked_at is not None or not token.user.is_active:
        state = "unknown" if token is None else "revoked"
        raise NotAuthenticated(
            f"the token is {state}",
            "`testbed token` prints the token of this installation; send it as"
            " 'Authorization: Token <key>'.",
        )
    _note_use(token)
    return token


def revoke_token(name: str) -> None:
    """Revoke a token for ever; raise NotFound for an unknown name."""
    if not ApiToken.objects.filter(name=name, revoked_at=None).update(revoked_at=timezone.now()):
        names = ApiToken.objects.filter(revoked_at=None).values_list("name", flat=True)
        raise NotFound(f"there is no token {name!r} in use; {did_you_mean(name, names)}")


def permits(scope: str, needed: str) -> bool:
    """Return whether a token of ``scope`` may do what needs ``needed``."""
    return _SCOPES.index(scope) >= _SCOPES.index(needed)


def ensure_operator(username: str) -> User:
    """Return the user of that name, created if new; nobody can log in with a password."""
    user: User
    user, created = User.objects.get_or_create(username=username)
    if created:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    return user


def create_login_link(username: str) -> str:
    """Return the key of a new one-time login link, valid for ``LOGIN_LINK_LIFE``."""
    key = secrets.token_urlsafe(32)
    now = timezone.now()
    LoginLink.objects.filter(expires_at__lt=now).delete()
    LoginLink.objects.create(
        digest=_digest(key), user=ensure_operator(username), expires_at=now + LOGIN_LINK_LIFE
    )
    return key


def redeem_login_link(key: str) -> User:
    """Use up a login link and return its user; raise NotAuthenticated for an invalid one."""
    with transaction.atomic():
        link: LoginLink | None = (
            LoginLink.objects.select_related("user")
            .filter(digest=_digest(key), expires_at__gt=timezone.now())
            .first()
        )
        # Whoever deletes the row may use the link: so two requests at once cannot both.
        if link is None or not LoginLink.objects.filter(pk=link.pk).delete()[0]:
            raise NotAuthenticated(
                "this login link was used already, or has expired",
                "Make a new one with `testbed login`.",
            )
    user: User = link.user
    return user


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def _note_use(token: ApiToken) -> None:
    now = timezone.now()
    if token.last_used_at is None or token.last_used_at < now - LAST_USE_PRECISION:
        stale = Q(last_used_at=None) | Q(last_used_at__lt=now - LAST_USE_PRECISION)
        ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=now)
