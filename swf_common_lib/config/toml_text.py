"""Reading TOML, with errors that name file and line."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli

from swf_common_lib.errors import ConfigurationError

_POSITION = re.compile(r"^(?P<what>.*) \(at line (?P<line>\d+), column (?P<column>\d+)\)$", re.S)


def read_toml(path: Path, label: str = "") -> dict[str, Any]:
    """Read the TOML file at ``path``; errors call it ``label`` (default: its path).

    Raises ConfigurationError when it cannot be read, is not UTF-8 or not TOML.
    """
    label = label or str(path)
    return parse_toml(read_text(path, label), label)


def read_text(path: Path, label: str = "") -> str:
    """Read the text of a configuration file without parsing it; errors call it ``label``.

    Raises ConfigurationError when it cannot be read or is not UTF-8.
    """
    label = label or str(path)
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise ConfigurationError([f"{label}: there is no such file"]) from error
    except OSError as error:
        raise ConfigurationError([f"{label}: cannot be read: {error.strerror}"]) from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        hint = f"Save {path.name} as UTF-8 and try again."
        raise ConfigurationError([f"{label}, line {line}: not UTF-8 text"], hint) from error


def parse_toml(text: str, label: str) -> dict[str, Any]:
    """Parse TOML ``text``; raises ConfigurationError naming ``label`` and the line."""
    try:
        return tomli.loads(text)
    except (tomli.TOMLDecodeError, RecursionError) as error:
        match = _POSITION.match(str(error))
        if match is None:
            what = str(error).removesuffix(" (at end of document)")
            where = f"{label}, line {text.count(chr(10)) + 1}" if what != str(error) else label
            raise ConfigurationError([f"{where}: not valid TOML: {what}"]) from error
        where = f"{label}, line {match['line']}, column {match['column']}"
        raise ConfigurationError([f"{where}: not valid TOML: {match['what']}"]) from error
    except ValueError as error:  # tomli lets impossible dates and oversized integers through
        raise ConfigurationError([f"{label}: not valid TOML: {error}"]) from error


def parse_assignment(text: str) -> tuple[str, Any]:
    """Split ``key=value`` as a command line gives it; the value is TOML, else plain text.

    The key is a parameter's name or ``section.key``. Raises ConfigurationError when there is no
    key or no ``=``.
    """
    key, equals, raw = text.partition("=")
    key, raw = key.strip(), raw.strip()
    if not equals or not key:
        raise ConfigurationError(
            [f"{text!r} is not an assignment"], "Write it as name=value or section.name=value."
        )
    try:
        table = parse_toml(f"value = {raw}", text)
    except ConfigurationError:
        return key, raw
    return key, table["value"] if set(table) == {"value"} else raw


def storable(value: Any) -> bool:
    """Return whether ``value`` can be kept as JSON: no dates and no infinite numbers in it."""
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and storable(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return all(storable(item) for item in value)
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, str | int | bool)
