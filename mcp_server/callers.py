"""Who makes a call, and what this caller may do."""

from __future__ import annotations

import getpass
from dataclasses import dataclass
from typing import Any

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.mcpserver import Context

from mcp_server.application import Application
from swf_common_lib.states import TokenScope

ToolContext = Context[Application, Any]
"""The context that the SDK passes to tools."""


@dataclass(frozen=True)
class Caller:
    """The user who calls a tool, and the scope of the token."""

    name: str
    """User in whose name things are started and stopped."""
    scope: str

    def may(self, scope: TokenScope) -> bool:
        """Return whether the caller's scope includes ``scope``."""
        return self.scope in TokenScope.values and TokenScope(self.scope).includes(scope)


def caller_of(context: ToolContext) -> Caller:
    """Return the caller of the present request."""
    return caller_with(context.request_context.request)


def caller_with(request: Any) -> Caller:
    """Return the caller who sent an HTTP request.

    Where there is none (``request`` is None), the user started the server on standard input and
    output: that is the operator of this machine. A request without a user, which the token gate
    does not let pass, may do nothing.
    """
    if request is None:
        return Caller(getpass.getuser(), TokenScope.ADMIN)
    user = request.scope.get("user")
    if not isinstance(user, AuthenticatedUser):
        return Caller("", "")
    return Caller(user.access_token.subject or user.username, user.scopes[0])


def application_of(context: ToolContext) -> Application:
    """Return the application that serves the present request."""
    return context.request_context.lifespan_context
