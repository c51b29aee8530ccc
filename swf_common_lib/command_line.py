"""Command lines that suggest the nearest option for one that they do not know."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from swf_common_lib.config import nearest


class CommandParser(argparse.ArgumentParser):
    """An ArgumentParser whose error for an unknown option names the nearest one.

    The parser of a sub-command is of the same kind, and shows its own usage with the error.
    """

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        """Parse; report unknown arguments here, with the usage of this (sub-)command."""
        options, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error("; ".join(self._unknown(word) for word in unknown))
        return options, unknown

    def _unknown(self, word: str) -> str:
        name = word.partition("=")[0]
        if not name.startswith("-"):
            return f"unexpected argument {word!r}"
        match = nearest(name, self._option_string_actions)
        return f"unknown option {name}" + (f"; did you mean {match}?" if match else "")
