"""What helps against a trouble, as a value: each surface has its own words for it.

An assistant has tools, a person at a terminal commands, a page buttons.
"""

from __future__ import annotations

from enum import Enum


class Remedy(str, Enum):
    """What helps; the ``target`` beside it says with what."""

    NOTHING = "nothing"
    WAIT = "wait"
    START_SERVICES = "start_services"
    RESTART_SERVICES = "restart_services"
    FREE_PORT = "free_port"
    READ_LOG = "read_log"
    START_AGENTS = "start_agents"
    RESTART_AGENTS = "restart_agents"
    START_IN_SERVED_NAMESPACE = "start_in_served_namespace"
    """Agents serve another namespace: start it there, or have testbed.toml name this one."""
    CORRECT_SENDER = "correct_sender"
    """A queue that no role consumes: its name is misspelt by who sends to it."""
    TAKE_DEAD_LETTERS = "take_dead_letters"
    SHOW_MESSAGE = "show_message"
    SHOW_SLICES = "show_slices"
    START_AGAIN = "start_again"
    START_AGENTS_THEN_AGAIN = "start_agents_then_again"
    """What was broadcast meanwhile is not repeated: the execution has to be started again."""
    STOP_EXECUTION = "stop_execution"
    RESUME_EXECUTION = "resume_execution"
    STOP_OTHERS_OR_WAIT = "stop_others_or_wait"
    RESTART_RUNNER = "restart_runner"
    MEND_WORKFLOW = "mend_workflow"
    MEND_CONFIGURATION = "mend_configuration"
    MEND_FILE = "mend_file"
    MORE_WORKERS = "more_workers"
    ANNOUNCE_RUN = "announce_run"
    FREE_DISK = "free_disk"
    PRUNE = "prune"
    MORE_CONNECTIONS = "more_connections"
    """The database server permits too few, or other programs hold them."""
    SET_CLOCK = "set_clock"
    SAME_VERSION = "same_version"
    LOOK_AT_STATUS = "look_at_status"
    INITIALISE = "initialise"
    """The installation lacks what `testbed init` makes."""

    def __str__(self) -> str:
        return str(self.value)
