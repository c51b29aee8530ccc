"""The tools in sets: a server may offer only some of the sets."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import lru_cache
from types import MappingProxyType

from mcp_server.answers.tool import TestbedTool
from mcp_server.tools import (
    agents,
    control,
    data,
    definitions,
    executions,
    logs,
    messages,
    status,
)
from swf_common_lib.config import did_you_mean
from swf_common_lib.errors import InvalidRequest
from swf_common_lib.states import TokenScope

TOOLSETS: Mapping[str, Callable[[], list[TestbedTool]]] = MappingProxyType(
    {
        "status": status.tools,
        "workflows": definitions.tools,
        "control": control.tools,
        "executions": executions.tools,
        "agents": agents.tools,
        "messages": messages.tools,
        "data": data.tools,
        "logs": logs.tools,
    }
)


@lru_cache(maxsize=1)
def tools_by_set() -> Mapping[str, tuple[TestbedTool, ...]]:
    """Return the tools of each set. They hold no state: all servers of a process share them."""
    return MappingProxyType({name: tuple(make()) for name, make in TOOLSETS.items()})


def chosen_tools(names: Collection[str] = (), *, read_only: bool = False) -> list[TestbedTool]:
    """Return the tools of some sets (of all when ``names`` is empty), in the order of the sets.

    ``read_only``: without those that change anything. Raises InvalidRequest for an unknown set.
    """
    for name in names:
        if name not in TOOLSETS:
            raise InvalidRequest(
                f"there is no toolset {name!r}; {did_you_mean(name, TOOLSETS)}",
                f"The toolsets are {', '.join(TOOLSETS)}.",
            )
    sets = tools_by_set()
    tools = [tool for name in TOOLSETS if name in (names or TOOLSETS) for tool in sets[name]]
    return [tool for tool in tools if tool.scope == TokenScope.READ] if read_only else tools
