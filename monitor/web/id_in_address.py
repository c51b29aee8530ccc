"""Ids in the URLs of pages."""

from __future__ import annotations


class IdConverter:
    """Accepts any id: ids that users and agents choose may have slashes and line ends.

    Django's own ``path`` accepts no line end: a page with a link to such an id would fail.
    """

    regex = r"[\s\S]+"

    def to_python(self, value: str) -> str:
        """Return the id in a URL."""
        return value

    def to_url(self, value: str) -> str:
        """Return an id as it stands in a URL."""
        return value
