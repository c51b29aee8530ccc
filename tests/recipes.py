"""The recipes of docs/extending.md: read from the page, and applied to a copy of the project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.waiting import PATIENCE

CHECKOUT = Path(__file__).parent.parent
PAGE = CHECKOUT / "docs" / "extending.md"
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"^`([^`\n]+)`:\n\n\Z", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One code block: the content of a file, changes of one, or commands."""

    language: str
    file: str
    text: str

    def apply(self, project: Path) -> None:
        """Carry it out in a copy of the project."""
        if self.language == "sh":
            for line in self.text.splitlines():
                run(project, *line.split())
            return
        file = project / self.file
        if self.language == "diff":
            file.write_text(changed(file.read_text(), self.text))
        else:
            assert not file.exists(), f"{self.file} exists: show what changes in it"
            file.write_text(self.text)


def recipes() -> dict[str, list[Block]]:
    """Return the blocks of each recipe, by its heading."""
    parts = re.split(r"^## (.*)\n", PAGE.read_text(), flags=re.MULTILINE)
    return {
        title: list(_blocks(text)) for title, text in zip(parts[1::2], parts[2::2], strict=True)
    }


def _blocks(text: str) -> Iterator[Block]:
    for fence in _FENCE.finditer(text):
        named = _FILE.search(text[: fence.start()])
        language = fence[1]
        assert (language == "sh") == (named is None), f"which file is this? {fence[2][:80]}"
        yield Block(language, named[1] if named else "", fence[2])


def changed(text: str, diff: str) -> str:
    """Return a text with the changes of a diff, whose parts are found by their context alone."""
    for part in re.split(r"^@@\n", diff, flags=re.MULTILINE):
        lines = part.splitlines(keepends=True)
        before = "".join(line[1:] or "\n" for line in lines if not line.startswith("+"))
        after = "".join(line[1:] or "\n" for line in lines if not line.startswith("-"))
        found = ("\n" + text).count("\n" + before)
        assert found == 1, f"found {found} times:\n{before}"
        text = ("\n" + text).replace("\n" + before, "\n" + after)[1:]
    return text


def copy_project(to: Path) -> None:
    """Copy what git has of this checkout, as it is in the folder now."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (CHECKOUT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(CHECKOUT / name, to / name)


def environment_of(project: Path) -> dict[str, str]:
    """Return an environment in which Python imports the copy, not this checkout."""
    path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}"
    return {"PATH": path, "PYTHONPATH": str(project), "SWF_HOME": str(project)}


def run(project: Path, *command: str) -> str:
    """Run a command in a copy of the project; it must succeed. Return what it printed."""
    kept = {name: value for name, value in os.environ.items() if name in ("HOME", "TMPDIR", "LANG")}
    done = subprocess.run(
        command,
        cwd=project,
        env={**kept, **environment_of(project)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=5 * PATIENCE,
    )
    assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout[-6000:]}"
    return done.stdout
