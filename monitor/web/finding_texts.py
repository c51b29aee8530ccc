"""Findings as a shifter in a browser reads them: what is wrong, and what to do on the page.

The list shows severity, subject, since when, and the figures beside the sentence; so a sentence
does not repeat them. Buttons are ``monitor.web.finding_actions``.
"""

from __future__ import annotations

from types import MappingProxyType

from swf_common_lib.finding_text import Advice, Sentences, fields_of, fill
from swf_common_lib.findings import Finding, FindingCode
from swf_common_lib.remedies import Remedy

SENTENCES: Sentences = MappingProxyType(
    {
        # Services and processes
        FindingCode.DATABASE_AWAY: (
            "The monitor cannot reach its database[ ({error})], so this page may be out of date."
            " Work that is under way is not lost."
        ),
        FindingCode.BROKER_AWAY: (
            "There is no connection to the message broker[: {error}]. Until it is back, no"
            " execution begins, stops or makes progress."
        ),
        FindingCode.BROKER_HANGS: (
            "The message broker accepts no new connection[: {error}]. It has probably hung, or has"
            " more to do than it can."
        ),
        FindingCode.MONITOR_AWAY: (
            "The monitor's web process is down[ (it ended by {how})]. Runners cannot take or report"
            " executions, and nothing on this page is new."
        ),
        FindingCode.INGEST_AWAY: (
            "Messages are not being recorded: the ingest process is not at work[ ({error})]."
            " Counts on these pages stand still; the broker keeps the messages for later."
        ),
        FindingCode.INGEST_BEHIND: (
            "Recording of messages lags by {lag}. All counts on these pages are that old."
        ),
        FindingCode.MCP_AWAY: (
            "Assistants cannot use the testbed: the MCP server is down. Executions and agents do"
            " not need it."
        ),
        FindingCode.SWEEPER_QUIET: (
            "The monitor's sweeper has stopped. Executions whose runner has died stay “running”,"
            " and a start that no runner heard is not repeated."
        ),
        FindingCode.PORT_TAKEN: (
            "Another program[, {process},] occupies port {port}, which this service needs."
        ),
        FindingCode.PROCESS_RESTARTING: (
            "This process crashes soon after each start, and supervisord keeps starting it."
        ),
        FindingCode.PROCESS_GIVEN_UP: (
            "This process could not be kept running; supervisord no longer tries."
        ),
        FindingCode.PROCESS_DIED: (
            "This process crashed and was started again. It is up now; what it was doing then may"
            " be lost."
        ),
        FindingCode.SUPERVISORD_AWAY: (
            "The supervisord of these processes is gone while they still run[: {programs}]. If one"
            " of them ends, nothing starts it again."
        ),
        # Agents
        FindingCode.RUNNER_MISSING: (
            "This execution is waiting for a workflow runner, and none is alive."
        ),
        FindingCode.RUNNERS_BUSY: (
            "This execution is waiting for its turn: all workflow runners are fully occupied."
        ),
        FindingCode.AGENT_DOWN: (
            "This agent should be running, by testbed.toml, and is not. Consequence: {effect}."
        ),
        FindingCode.AGENT_SILENT: (
            "This agent sends no heartbeats any more and did not sign off: it was killed, or has"
            " lost its network.[ Consequence: {effect}.]"
        ),
        FindingCode.AGENT_FROZEN: (
            "This agent's process still exists but is suspended or stuck.[ Consequence: {effect}.]"
        ),
        FindingCode.AGENT_LOST: (
            "This agent disappeared without signing off. {replaced_by} has replaced it[; the"
            " {slices_in_hand} that it held went to other workers]."
        ),
        FindingCode.AGENT_TROUBLED: "This agent reports a problem of its own[: {description}].",
        FindingCode.AGENTS_MISSING: (
            "Agents that this execution needs are not running in its namespace {namespace}:"
            " {roles}. Consequence: {effect}.[ Agents of namespace {elsewhere} cannot hear it.]"
        ),
        FindingCode.NAMESPACE_UNSERVED: (
            "Nobody works in this namespace: no agent of it is running[, only agents of"
            " {elsewhere}]."
        ),
        FindingCode.AGENTS_LATE: (
            "{agent} came too late for this execution: its {message} messages had been sent"
            " before, and are not sent twice."
        ),
        # Queues and messages
        FindingCode.QUEUE_UNCONSUMED: "No program reads this queue. In it: {waiting}.",
        FindingCode.QUEUE_GROWING: (
            "This queue fills faster than its {consumers} readers empty it."
        ),
        FindingCode.DEAD_LETTERS: (
            "Set aside here, because every attempt to handle them went wrong: {waiting}."
        ),
        FindingCode.MESSAGES_REFUSED: (
            "The message broker did not accept messages that were sent to it[: {error}]."
        ),
        FindingCode.MESSAGES_NOT_UNDERSTOOD: (
            "Some messages of this execution made no sense to the monitor[; the first is a"
            " {first_type}][ of {first_sender}][: {problem}]."
        ),
        # Executions
        FindingCode.RUNNER_LOST: (
            "The runner of this execution, {runner}, died or was cut off. The monitor has closed"
            " the execution as failed."
        ),
        FindingCode.LEASE_LAPSED: (
            "The runner of this execution, {runner}, no longer reports. If it does not return at"
            " once, the execution is closed as failed."
        ),
        FindingCode.WORKFLOW_RAISED: (
            "An error in the workflow's own code ended this execution: {error}"
        ),
        FindingCode.CONFIGURATION_UNUSABLE: (
            "The parameters of this execution do not work[: {missing_parameter} is missing][:"
            " {error}]"
        ),
        FindingCode.EXECUTION_FAILED: "This execution ended as failed[: {error}]",
        FindingCode.NEVER_CLAIMED: (
            "This execution was given up: in all the time that it waited, no runner took it."
        ),
        FindingCode.EXECUTION_STOPPED: (
            "This execution was ended before its time[: {reason}][, after {made} of {requested}]"
        ),
        FindingCode.EXECUTION_PAUSED: "This execution is on hold[: {reason}]",
        FindingCode.STOP_NOT_HONOURED: (
            "{by} has asked this execution to stop, and it still goes on. Its code is caught in"
            " something endless, or its runner {runner} is stuck."
        ),
        FindingCode.PAUSE_NOT_HONOURED: (
            "{by} has asked for a {change}, and nothing has changed. The workflow's code hangs, or"
            " the runner {runner} is stuck."
        ),
        FindingCode.CLOCK_STANDS_STILL: (
            "Simulated time does not advance in this execution, although it is running: its code"
            " loops or sleeps on runner {runner}."
        ),
        FindingCode.ENDLESS_AT_FULL_SPEED: (
            "This execution runs at full speed and has no end of its own. It fills the database"
            " for as long as you let it."
        ),
        FindingCode.START_REFUSED: (
            "{by} tried to start[ {workflow}][ through {via}], which was not accepted[: {problem}]"
        ),
        FindingCode.CONFIGURATION_BROKEN: "Nothing can be started from this file: {problem}",
        # Runs and their work
        FindingCode.WORK_UNANSWERED: (
            "{agent} is alive but does nothing for this execution: its {message} messages have no"
            " answer."
        ),
        FindingCode.WORK_ABANDONED: (
            "This execution is over and its data are only partly processed; the agents that would"
            " do the rest are not running in {namespace}: {roles}. Consequence: {effect}."
        ),
        FindingCode.STFS_MISSING: (
            "This execution ended as if complete, with {made} out of {requested}."
        ),
        FindingCode.STFS_UNREGISTERED: (
            "{agent} is alive, yet part of the data was never registered: {data_unanswered} of"
            " {data_asked}."
        ),
        FindingCode.STF_GAP: (
            "The numbering of this run's files has holes: {missing} between number {first} and"
            " number {last}."
        ),
        FindingCode.STF_CADENCE_STOPPED: (
            "Data taking is on in this run, but files have stopped coming: none for {without_stf},"
            " where one is due every {expected_within} at the latest."
        ),
        FindingCode.RUN_NOT_CLOSED: (
            "This run is left open in phase {phase}, although {execution} is over."
        ),
        FindingCode.RUN_NOT_STARTED: (
            "Slices were registered for this run, but its start was not announced: workers do not"
            " know of it."
        ),
        FindingCode.SLICES_FAILED: (
            "Not processed, in spite of retries: {failed} out of {made}[. {errors}]"
        ),
        FindingCode.WORKERS_TOO_FEW: (
            "Slices are made faster than {workers} can process them; {workers_to_keep_up} would"
            " be enough."
        ),
        # The host
        FindingCode.DISK_NEAR_FULL: (
            "Little room is left on the disk that holds {folder}: {free} of {total}. When it is"
            " full, messages and records are refused."
        ),
        FindingCode.DATABASE_NEAR_LIMIT: (
            "The database uses {used} of the {limit} that it may have."
        ),
        FindingCode.CLOCKS_APART: (
            "This host's clock differs from that of {of} by {ahead}, so the times of its messages"
            " mislead."
        ),
        FindingCode.VERSIONS_APART: (
            "This agent has version {version} of the testbed, the monitor has {monitor_version}."
        ),
    }
)
"""By code; fields as ``swf_common_lib.finding_text`` fills them."""

ADVICE: Advice = MappingProxyType(
    {
        Remedy.NOTHING: "There is nothing to do.",
        Remedy.WAIT: "Wait a moment: this page renews itself.",
        Remedy.START_SERVICES: (
            "This needs a shell on the host of the services: `testbed start-local`."
        ),
        Remedy.RESTART_SERVICES: (
            "This needs a shell on the host of the services: `testbed stop-local`, then"
            " `testbed start-local`. No message in the broker is lost."
        ),
        Remedy.FREE_PORT: (
            "Close that program, or choose another port, then run `testbed start-local` on the"
            " host."
        ),
        Remedy.READ_LOG: ("Its log has the reason[; on its host: `testbed logs {program}`]."),
        Remedy.START_AGENTS: (
            "Start the agents: work that waits is then taken on. In a shell on their host:"
            " `testbed start-agents[ {program_words}]`."
        ),
        Remedy.RESTART_AGENTS: (
            "Stop it and start it again. In a shell on its host: `testbed stop-agents"
            "[ {program_words}]`, then `testbed start-agents[ {program_words}]`."
        ),
        Remedy.START_IN_SERVED_NAMESPACE: (
            "Start it again where agents are[, in namespace {served_namespace}], or write"
            " namespace {namespace} into testbed.toml and start the agents anew."
        ),
        Remedy.CORRECT_SENDER: (
            "The testbed has no queue of this name: correct it in the program that sends to it."
        ),
        Remedy.TAKE_DEAD_LETTERS: (
            "The log says what went wrong with them. They stay here until somebody removes them"
            " from the broker."
        ),
        Remedy.SHOW_MESSAGE: "Look at the message, and correct its sender.",
        Remedy.SHOW_SLICES: "Look at the slices and their errors.",
        Remedy.START_AGAIN: (
            "Start the same again: this execution cannot go on.[ First start {programs}.]"
        ),
        Remedy.START_AGENTS_THEN_AGAIN: (
            "Start the agents, then start the same again: messages that nobody heard do not come"
            " a second time. In a shell on their host: `testbed start-agents[ {program_words}]`."
        ),
        Remedy.STOP_EXECUTION: "Stop it when it has made enough.",
        Remedy.RESUME_EXECUTION: "Resume it when you are ready.",
        Remedy.STOP_OTHERS_OR_WAIT: "Wait for its turn, or stop an execution that runs.",
        Remedy.RESTART_RUNNER: (
            "Restart the runner; every execution that it has ends with it. In a shell on its host:"
            " `testbed stop-agents[ {program_words}]`, then `testbed start-agents"
            "[ {program_words}]`."
        ),
        Remedy.MEND_WORKFLOW: (
            "The execution's page has the stack trace. Correct workflows/{workflow}.py, then start"
            " it again."
        ),
        Remedy.MEND_CONFIGURATION: (
            "Compare its parameters with those of the workflow, correct them, and start anew; in a"
            " shell, `testbed validate` checks the files."
        ),
        Remedy.MEND_FILE: (
            "Correct the file; in a shell, `testbed validate` lists everything that is wrong."
        ),
        Remedy.MORE_WORKERS: (
            "Next time ask for {workers_number} workers, or for fewer or shorter slices."
        ),
        Remedy.ANNOUNCE_RUN: (
            "Was run {run_number} meant? Then its data taking has to announce it. If it is a"
            " mistake, correct who registered the slices."
        ),
        Remedy.FREE_DISK: (
            "Make room on this disk; in a shell, `testbed prune --older-than 30d` deletes old"
            " records."
        ),
        Remedy.PRUNE: (
            "In a shell on the host, `testbed prune --older-than 30d` deletes old records."
        ),
        Remedy.MORE_CONNECTIONS: (
            "Raise max_connections of the PostgreSQL server, or end programs that hold connections"
            " for nothing."
        ),
        Remedy.SET_CLOCK: "Have that host's clock set by NTP.",
        Remedy.SAME_VERSION: "Install one version on both hosts, then restart the agent.",
        Remedy.LOOK_AT_STATUS: "The dashboard shows how everything stands.",
        Remedy.INITIALISE: "This needs a shell on the host: `testbed init`.",
    }
)
"""By remedy."""


def sentence(finding: Finding) -> str:
    """Return what was found."""
    return fill(SENTENCES[finding.code], finding, **_more(finding))


def advice(finding: Finding) -> str:
    """Return what to do about it."""
    return fill(ADVICE[finding.remedy], finding, **_more(finding))


def named_in_sentence(finding: Finding) -> set[str]:
    """Return the names of the evidence that the sentence tells already."""
    return fields_of(SENTENCES[finding.code])


def _more(finding: Finding) -> dict[str, str]:
    """Return fields in the form that a command has."""
    target, more = finding.target, {}
    if target.get("programs"):
        more["program_words"] = str(target["programs"]).replace(", ", " ")
    if "workers" in target:
        more["workers_number"] = str(target["workers"])
    return more
