"""What others say to people at a terminal, said to an assistant, who has tools instead."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_TOOLS: Mapping[str, str] = MappingProxyType(
    {
        "`testbed start-agents` or `supervisorctl -c agents.supervisord.conf start "
        "workflow-runner`": 'start_agents(agents=["workflow-runner"])',
        "`testbed start-agents`": "start_agents",
        "`testbed stop-agents`": "stop_agents",
        "`testbed stop-workflow`": "stop_workflow",
        "`testbed status`": "get_agent",
        "`testbed logs`": "list_logs",
        "testbed status": "get_system_status",
    }
)


def for_assistants(text: str) -> str:
    """Return ``text`` with its commands replaced by the tools that do the same."""
    for command, tool in _TOOLS.items():
        text = text.replace(command, tool)
    return text
