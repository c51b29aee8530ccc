"""Links to the code of a workflow on GitHub."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

_PART = re.compile(r"[A-Za-z0-9._-]+")


def source_url(source: Mapping[str, Any], commit: str = "") -> str:
    """Return the GitHub URL of a definition's file, at ``commit`` or else on its branch.

    Empty when organisation, repository or path are not known.
    """
    org, repo, path = (str(source.get(name) or "") for name in ("org", "repo", "path"))
    revision = commit or str(source.get("branch") or "") or "HEAD"
    if not (_PART.fullmatch(org) and _PART.fullmatch(repo) and path):
        return ""
    return f"https://github.com/{org}/{repo}/blob/{quote(revision)}/{quote(path.lstrip('/'))}"


def commit_url(source: Mapping[str, Any], commit: str) -> str:
    """Return the GitHub URL of a commit; empty when it is not known."""
    org, repo = str(source.get("org") or ""), str(source.get("repo") or "")
    if not (_PART.fullmatch(org) and _PART.fullmatch(repo) and _PART.fullmatch(commit)):
        return ""
    return f"https://github.com/{org}/{repo}/commit/{commit}"
