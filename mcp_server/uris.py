"""URIs of resources."""

from __future__ import annotations

from urllib.parse import unquote

from mcp_server.answers.arguments import text_problem

STATUS = "testbed://status"
LONGEST_URI = 1_000
EXECUTION = "testbed://executions/"
LOG = "/log"
WORKFLOW = "testbed://workflows/"


def execution_resource(execution_id: str) -> str:
    """Return the URI of an execution's resource."""
    return f"{EXECUTION}{execution_id}"


def workflow_resource(name: str) -> str:
    """Return the URI of a workflow's resource."""
    return f"{WORKFLOW}{name}"


def uri_problem(uri: str) -> str:
    """Return why no resource can have the URI ``uri``; an empty text when one can."""
    if len(uri) > LONGEST_URI:
        return f"the URI has {len(uri)} characters; no resource's has more than {LONGEST_URI}"
    if problem := text_problem(unquote(uri)):
        return f"the URI {uri!r} {problem}"
    return ""
