"""The testbed's errors: one hierarchy, read the same in CLI, REST, web UI and MCP.

A message says what is wrong and where; the hint says what to do next.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from swf_common_lib.remedies import Remedy

Target = Mapping[str, str]


class TestbedError(Exception):
    """Base of every error that the testbed raises on purpose.

    ``detail`` says what is wrong and where, ``hint`` what to do next (may be empty). Where the hint
    names a command, ``remedy`` and ``target`` say the same as values, for surfaces without it.
    """

    __test__ = False  # pytest would collect a class of this name

    code = "error"
    http_status = 500
    usual_remedy: ClassVar[Remedy | None] = None
    usual_target: ClassVar[Target] = {}

    def __init__(
        self,
        detail: str,
        hint: str = "",
        remedy: Remedy | None = None,
        target: Target | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.hint = hint
        self.remedy = remedy or self.usual_remedy
        self.target = self.usual_target if target is None else target

    def __str__(self) -> str:
        return f"{self.detail}\n{self.hint}" if self.hint else self.detail

    def problem(self) -> dict[str, Any]:
        """Return the error as problem JSON (RFC 9457), the form in which REST answers."""
        body: dict[str, Any] = {
            "type": f"urn:swf-testbed:{self.code}",
            "title": self.code.replace("-", " "),
            "status": self.http_status,
            "detail": self.detail,
        }
        if self.hint:
            body["hint"] = self.hint
        if self.remedy is not None:
            body |= {"remedy": self.remedy.value, "target": dict(self.target)}
        return body


class ConfigurationError(TestbedError):
    """A configuration that cannot be used; ``problems`` lists every fault that was found."""

    code = "invalid-configuration"
    http_status = 400

    def __init__(
        self,
        problems: Sequence[str],
        hint: str = "",
        remedy: Remedy | None = None,
        target: Target | None = None,
    ) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(self.problems), hint, remedy, target)

    def problem(self) -> dict[str, Any]:
        """Return the error as problem JSON with the list of its problems."""
        return {**super().problem(), "problems": self.problems}


class InvalidRequest(TestbedError):
    """A request whose values cannot be accepted."""

    code = "invalid-request"
    http_status = 400


class InvalidMessage(TestbedError):
    """A message that is not JSON, or lacks or mistypes a field of its type."""

    code = "invalid-message"
    http_status = 400


class NotAuthenticated(TestbedError):
    """A request without a token, or with one that is unknown or revoked."""

    code = "not-authenticated"
    http_status = 401


class NotAllowed(TestbedError):
    """A request that the caller's token or the server's mode does not permit."""

    code = "not-allowed"
    http_status = 403


class NotFound(TestbedError):
    """A name or id that does not exist."""

    code = "not-found"
    http_status = 404


class Conflict(TestbedError):
    """A change that the present state does not permit."""

    code = "conflict"
    http_status = 409


class Unavailable(TestbedError):
    """A service (broker, monitor, supervisord) that cannot be reached now."""

    code = "unavailable"
    http_status = 503


class BrokerUnavailable(Unavailable):
    """The message broker cannot be reached or refuses the login."""

    code = "broker-unavailable"
    usual_remedy = Remedy.START_SERVICES
    usual_target = {"service": "broker"}


class MonitorUnavailable(Unavailable):
    """The monitor's REST interface cannot be reached."""

    code = "monitor-unavailable"
    usual_remedy = Remedy.START_SERVICES
    usual_target = {"service": "web"}


class TookTooLong(TestbedError):
    """A query that the database cancelled because it took too long."""

    code = "took-too-long"
    http_status = 504


class WorkflowFailed(TestbedError):
    """A workflow execution that ended ``failed`` or ``terminated``."""

    code = "workflow-failed"
