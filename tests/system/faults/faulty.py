"""An agent of the installation's own whose handler raises."""

from __future__ import annotations

from tests.stack import Stack

PROGRAM = "faulty-agent"
CHECKED = "stf_checked"
"""What it says of every STF file over which it does not raise: those of even number."""
SCRIPT = """\
from __future__ import annotations

from swf_common_lib.agent_main import run_agent
from swf_common_lib.base_agent import BaseAgent
from swf_common_lib.messages import StfGen


class FaultyAgent(BaseAgent):
    agent_type = "faulty"

    def on_stf_gen(self, message: StfGen) -> None:
        if message.sequence % 2:
            raise RuntimeError(f"no use for {message.filename}")
        self.broadcast("stf_checked", message, filename=message.filename)


if __name__ == "__main__":
    raise SystemExit(run_agent(FaultyAgent))
"""


def add_faulty_agent(stack: Stack) -> None:
    """Add the agent's script and program to the installation; they are not started yet."""
    folder = stack.home / "own"
    folder.mkdir()
    (folder / "faulty_agent.py").write_text(SCRIPT)
    file = stack.home / "agents.supervisord.conf"
    text = file.read_text()
    begin = text.index("[program:data-agent]")
    program = text[begin : text.index("[program:", begin + 1)]
    program = program.replace("data-agent", PROGRAM).replace("agents/data", "own/faulty")
    file.write_text(f"{text}\n{program}")
