"""What a caller may do, by the scope of its token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from monitor.records.models import ApiToken
from monitor.records.tokens import permits
from swf_common_lib.errors import NotAllowed, NotAuthenticated
from swf_common_lib.states import TokenScope

if TYPE_CHECKING:  # REST framework's views import this module
    from rest_framework.views import APIView

_HOW = (
    "Send 'Authorization: Token <key>'; `testbed token` prints the token of this installation. "
    "A browser gets its session with `testbed login`."
)


class ScopePermission(BasePermission):
    """Reading needs scope ``read``, everything else ``operate``."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Return True for a permitted caller; raise NotAuthenticated or NotAllowed for others."""
        needed = TokenScope.READ if request.method in SAFE_METHODS else TokenScope.OPERATE
        require_scope(request.user, request.auth, needed)
        return True


def require_scope(user: Any, auth: Any, needed: str) -> None:
    """Raise NotAuthenticated without a caller, NotAllowed when its scope does not suffice."""
    if user is None or not user.is_authenticated:
        raise NotAuthenticated("the request carries neither a token nor a session", _HOW)
    if not has_scope(user, auth, needed):
        raise NotAllowed(
            f"this needs a token of scope {needed}; this one has scope {scope_of(user, auth)}",
            "An administrator makes one: testbed token create.",
        )


def has_scope(user: Any, auth: Any, needed: str) -> bool:
    """Return whether the caller's scope suffices."""
    return permits(scope_of(user, auth), needed)


def scope_of(user: Any, auth: Any) -> str:
    """Return the scope of the caller: that of its token, or of its browser session."""
    if isinstance(auth, ApiToken):
        return auth.scope
    # A browser session: opened by a login link, which needs scope operate to make.
    return str(TokenScope.ADMIN if user.is_superuser else TokenScope.OPERATE)
