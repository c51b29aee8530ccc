"""The documentation of the checkout, as far as assistants may read it."""

from __future__ import annotations

from pathlib import Path

from swf_common_lib.config import did_you_mean
from swf_common_lib.errors import NotFound
from swf_common_lib.settings import Settings


def topics(settings: Settings) -> dict[str, Path]:
    """Return the topics that can be read, each with its file."""
    found = {path.stem: path for path in sorted(_folder(settings).glob("*.md"))}
    decisions = sorted((_folder(settings) / "decisions").glob("[0-9]*.md"))
    return {**found, **{path.stem: path for path in decisions}}


def document(settings: Settings, topic: str) -> str:
    """Return the text of a topic; raise NotFound, with the nearest topic, for an unknown one."""
    known = topics(settings)
    if topic not in known:
        raise NotFound(
            f"there is no document {topic[:100]!r}; {did_you_mean(topic[:100], known)}",
            f"There are: {', '.join(known)}." if known else "This checkout has no docs folder.",
        )
    return known[topic].read_text(encoding="utf-8")


def _folder(settings: Settings) -> Path:
    """Return the folder of the documents: that of SWF_HOME, else that of the running checkout."""
    own = settings.swf_home / "docs"
    return own if own.is_dir() else Path(__file__).parents[2] / "docs"
