"""The form that starts an execution."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace
from typing import Any

from django.conf import settings
from django.http import QueryDict

from monitor.executions import StartRequest
from swf_common_lib.config import (
    ConfigurationSummary,
    list_configurations,
    load_testbed_file,
    parse_assignment,
)
from swf_common_lib.errors import ConfigurationError, InvalidRequest

FAST, REALTIME, PACED = "fast", "realtime", "paced"
_KEY = len(str(uuid.UUID(int=0)))


@dataclass(frozen=True)
class StartForm:
    """The form's fields as text, as the browser sends them."""

    config: str = ""
    namespace: str = ""
    stf_count: str = ""
    mode: str = FAST
    speed: str = ""
    """Simulated seconds per second, in mode ``paced``."""
    parameters: str = ""
    """Further overrides, one a line: ``name = value`` or ``section.name = value``."""
    key: str = field(default_factory=lambda: str(uuid.uuid4()))
    """Identifies the form as it was shown: sent twice, it starts only once."""

    @classmethod
    def from_post(cls, post: QueryDict) -> StartForm:
        """Read the fields of a sent form."""
        names = cls.__dataclass_fields__
        return cls(**{name: str(post.get(name, "")).strip() for name in names})

    def request(self, username: str) -> StartRequest:
        """Return the start that the form describes; raise InvalidRequest for invalid values."""
        if not self.config:
            raise InvalidRequest(
                "No workflow configuration was chosen.", "Choose one in the form and start again."
            )
        request = StartRequest(
            workflow=None,
            config=self.config,
            namespace=self.namespace,
            parameters=self._overrides(),
            realtime=self.mode == REALTIME,
            speed=self._speed(),
            executed_by=username,
            through="web",
        )
        # A form that is changed and sent again, as after "back", is another start.
        key = f"{self.key[:_KEY]} {request.digest}" if self.key else None
        return replace(request, idempotency_key=key)

    def _speed(self) -> float | None:
        if self.mode not in (FAST, REALTIME, PACED):
            raise InvalidRequest(
                f"Mode {self.mode!r} is unknown.", f"Choose {FAST}, {REALTIME} or {PACED}."
            )
        if self.mode != PACED:
            return 0.0 if self.mode == FAST else None
        try:
            return float(self.speed)
        except ValueError:
            raise InvalidRequest(
                f"Speed {self.speed!r} is not a number.",
                "Give simulated seconds a second, such as 10.",
            ) from None

    def _overrides(self) -> dict[str, Any]:
        overrides = dict(
            parse_assignment(line)
            for line in self.parameters.splitlines()
            if line.strip() and not line.lstrip().startswith("#")
        )
        if self.stf_count:
            try:
                overrides["stf_count"] = int(self.stf_count)
            except ValueError:
                raise InvalidRequest(
                    f"STF count {self.stf_count!r} is not a whole number.", "Give one, such as 10."
                ) from None
        return overrides


@dataclass(frozen=True)
class Choices:
    """What the form offers."""

    configurations: list[ConfigurationSummary] = field(default_factory=list)
    default_config: str = ""
    default_namespace: str = ""
    problem: ConfigurationError | None = None
    """Why ``testbed.toml`` gives no defaults."""


def choices() -> Choices:
    """Read what the installation offers: configurations, and the defaults of ``testbed.toml``."""
    testbed = settings.TESTBED
    usable = [c for c in list_configurations(testbed.swf_home / "workflows") if not c.problem]
    try:
        defaults = load_testbed_file(testbed.swf_testbed_config)
    except ConfigurationError as error:
        return Choices(usable, problem=error)
    return Choices(usable, defaults.workflow.config.removesuffix(".toml"), defaults.namespace)
