"""The words for states of what the testbed keeps on record, each defined here alone."""

from __future__ import annotations

from enum import Enum


class Word(str, Enum):
    """A word that is stored and sent as it is."""

    def __str__(self) -> str:
        return str(self.value)

    @classmethod
    def choices(cls) -> list[tuple[str, str]]:
        """Return the words with their labels, as a model's field takes them."""
        return [(word.value, word.name.replace("_", " ").title()) for word in cls]


class EndCause(Word):
    """What brought an execution to its end."""

    FINISHED = "finished"
    """Its workflow came to its own end."""
    DURATION_REACHED = "duration_reached"
    STOPPED = "stopped"
    """Somebody asked for it."""
    RUNNER_STOPPED = "runner_stopped"
    """Its runner was stopped in order, and ended what it had in hand."""
    WORKFLOW_RAISED = "workflow_raised"
    CONFIGURATION = "configuration"
    """Its record could not be executed: no code in it, or a configuration that nobody can use."""
    RUNNER_LOST = "runner_lost"
    """Its lease lapsed, or its runner was not heard of any more."""
    NEVER_CLAIMED = "never_claimed"
    """No runner took it in time."""
    REPORTED = "reported"
    """An agent that names no causes reported the end."""


class Change(Word):
    """What can be asked of the runner of an execution."""

    STOP = "stop"
    PAUSE = "pause"
    RESUME = "resume"


class AgentsEvent(Word):
    """What people do to the agents of a host, as types of events in the history."""

    START_REQUESTED = "agents_start_requested"
    STARTED = "agents_started"
    START_FAILED = "agents_start_failed"
    STOP_REQUESTED = "agents_stop_requested"
    STOPPED = "agents_stopped"
    STOP_FAILED = "agents_stop_failed"
