"""What somebody asks for when starting a workflow."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass, field
from typing import Any

from swf_common_lib.errors import InvalidRequest

REALTIME = 1.0
UNPACED = 0.0
_NOT_ASKED_FOR = ("idempotency_key", "executed_by", "through", "runner")
"""Fields that say who asks, and how; the rest is what is asked for."""
_LONGEST = {"executed_by": 100, "through": 20, "runner": 100, "idempotency_key": 200}


@dataclass(frozen=True)
class StartRequest:
    """One start, from wherever it comes. Nothing of it is checked against files yet."""

    workflow: str | None
    """Name of a workflow; None: that of the configuration, or ``testbed.toml``'s default."""
    config: str | None = None
    """Name of a configuration; None: the workflow's default."""
    namespace: str = ""
    """Namespace of its messages; empty: ``testbed.toml``'s."""
    parameters: dict[str, Any] = field(default_factory=dict)
    """Overrides: ``stf_count`` or ``section.key``."""
    realtime: bool = False
    speed: float | None = None
    """Simulated seconds a second, 0: as fast as it goes; None: as ``realtime`` says."""
    duration: float = 0
    """Simulated seconds after which it is ended; 0: at its own end."""
    executed_by: str = ""
    through: str = "rest"
    idempotency_key: str | None = None
    """A second start of the same user with the same key gives the first one's execution."""
    runner: str = ""
    """Runner that asks and executes it at once; empty: it is announced to all."""
    config_text: str | None = None
    """A configuration's text (TOML), used instead of a file."""
    testbed_text: str | None = None
    """A ``testbed.toml`` that counts instead of the monitor's own: that of whoever starts it."""
    testbed_name: str = ""
    """What its file is called."""
    version: str | None = None
    """Version of the definition to run; with ``from_definition``."""
    from_definition: bool = False
    """Run the code and the configuration that the database holds, not those of the files."""

    @property
    def key_scope(self) -> str:
        """Within which keys are told apart: the user, or everybody for the id of a message."""
        return "" if self._of_message else self.executed_by

    @property
    def digest(self) -> str:
        """SHA-256 of what is asked for; empty for a message: its id stands for what it says."""
        if self._of_message:
            return ""
        asked = {name: value for name, value in asdict(self).items() if value}
        if self.speed is not None:  # 0 is as fast as it goes; None may be testbed.toml's pace
            asked["speed"] = float(self.speed)
        for name in _NOT_ASKED_FOR:
            asked.pop(name, None)
        text = json.dumps(asked, sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def _of_message(self) -> bool:
        """Whether a command on the broker asks, whose id is the key.

        Its sender records it when no runner answers; a runner that takes it late, or again, may
        be another user's, and adds a namespace of its own. It is the same start.
        """
        return bool(self.runner) or self.through == "message"

    def check(self) -> None:
        """Raise InvalidRequest naming every value that cannot be meant."""
        problems = []
        for name in ("speed", "duration"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value >= 0):
                problems.append(f"{name} = {value}: expected a finite number, 0 or more")
        for name, length in _LONGEST.items():
            value = getattr(self, name)
            if value is not None and (len(value) > length or not value.isprintable()):
                problems.append(f"{name}: expected up to {length} printable characters")
        if self.realtime and self.speed not in (None, REALTIME):
            problems.append(
                f"realtime and speed = {self.speed:g} exclude each other: real time is speed 1"
            )
        if problems:
            raise InvalidRequest("; ".join(problems), "Nothing was started.")
