"""Ids in addresses of pages."""

from __future__ import annotations


class IdConverter:
    """Takes any id: those that users and agents choose may hold slashes and line ends.

    Django's own ``path`` takes no line end, and a page with a link to such an id could not be made.
    """

    regex = r"[\s\S]+"

    def to_python(self, value: str) -> str:
        """Give the id of an address."""
        return value

    def to_url(self, value: str) -> str:
        """Give an id for an address."""
        return value
