"""Findings as an assistant reads them: what was found, and the tool that helps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from swf_common_lib.errors import TestbedError
from swf_common_lib.finding_text import Advice, Sentences, fill
from swf_common_lib.findings import (
    Finding,
    FindingCode,
    Severity,
    Subject,
    SubjectKind,
    Value,
)
from swf_common_lib.remedies import Remedy
from swf_common_lib.text import given, instant

SENTENCES: Sentences = MappingProxyType(
    {
        FindingCode.DATABASE_AWAY: (
            "the database does not answer[: {error}][, its process is {state}][ ({how})]; nothing"
            " can be told of executions and agents meanwhile, and nothing of what runs is lost"
        ),
        FindingCode.BROKER_AWAY: (
            "the message broker[ at {address}] does not answer[: {error}][, its process is"
            " {state}][ ({how})]; no message passes, so nothing starts, stops or goes on until it"
            " is back"
        ),
        FindingCode.BROKER_HANGS: (
            "the message broker keeps its connections and greets nobody new, so it hangs or is"
            " overloaded[: {error}]"
        ),
        FindingCode.MONITOR_AWAY: (
            "the monitor[ at {address}] does not answer[, its process is {state}][ ({how})];"
            " runners and agents can neither report to it nor take executions, and what is known"
            " of them is old"
        ),
        FindingCode.INGEST_AWAY: (
            "ingest does not record[, its process is {state}][ ({how})][: it is {liveness}]["
            " ({error})]; messages wait in the broker, counts here are behind, nothing is lost"
        ),
        FindingCode.INGEST_BEHIND: "ingest is {lag} behind: counts and statistics are that old",
        FindingCode.MCP_AWAY: (
            "the MCP server[ at {address}] does not answer[, its process is {state}][ ({how})]"
        ),
        FindingCode.SWEEPER_QUIET: (
            "the sweeper has not looked for {silent_for}: executions whose runner is gone are not"
            " ended, and what no runner heard is not announced again"
        ),
        FindingCode.PORT_TAKEN: (
            "port {port} of {subject} is taken by a program that is not the testbed's["
            " ({process}, pid {pid})]: who connects there talks to a stranger"
        ),
        FindingCode.PROCESS_RESTARTING: (
            "{subject} ends and is started again, again and again[: {times} unexpected ends][,"
            " the last: {how}][ ({said})]"
        ),
        FindingCode.PROCESS_GIVEN_UP: (
            "{subject} does not stay up: supervisord has given up on it[, its last end: {how}]["
            " ({said})]"
        ),
        FindingCode.PROCESS_DIED: (
            "{subject} ended unexpectedly[ ({how})] and supervisord has started it again[; times"
            " within the hour: {times}]"
        ),
        FindingCode.SUPERVISORD_AWAY: (
            "processes of the testbed live without the supervisord ({subject}) that started them["
            " ({programs})]: nobody restarts them, and no command reaches them"
        ),
        FindingCode.RUNNER_MISSING: (
            "{subject} is pending and no workflow runner is alive to take it[;"
            " commands that wait for one: {commands_waiting}][; it is terminated at"
            " {terminated_at} if none comes]"
        ),
        FindingCode.RUNNERS_BUSY: (
            "{subject} is pending: every runner ({runners}) has as many executions as it may"
        ),
        FindingCode.AGENT_DOWN: (
            "{subject} is enabled in testbed.toml and not up[ (ended {ended})]: {effect}"
        ),
        FindingCode.AGENT_SILENT: (
            "agent {subject} has been silent[ for {silent_for}] without a good-bye: killed, or"
            " cut off[; host {host}][; {effect}]"
        ),
        FindingCode.AGENT_FROZEN: (
            "agent {subject} is frozen: its process (pid {pid}) exists and does nothing[, no"
            " heartbeat for {silent_for}][; {effect}]. It has to be stopped first: a start alone"
            " leaves the frozen process"
        ),
        FindingCode.AGENT_LOST: (
            "agent {subject} (pid {pid}) fell silent without a good-bye and was replaced by"
            " {replaced_by}[; it had {slices_in_hand} in hand, which go to other workers]"
        ),
        FindingCode.AGENT_TROUBLED: "agent {subject} reports {reports}[: {description}]",
        FindingCode.AGENTS_MISSING: (
            "{subject} needs agents ({roles}) that are not up in namespace {namespace}:"
            " {effect}[; some are up in {elsewhere}, which hear nothing of this one]"
        ),
        FindingCode.NAMESPACE_UNSERVED: (
            "no agent is up in namespace {subject}: its messages are recorded, and nobody works"
            " on them[; agents are up in {elsewhere}]"
        ),
        FindingCode.AGENTS_LATE: (
            "{agent} started after the {message} messages of {subject} were broadcast: no such"
            " agent heard them"
        ),
        FindingCode.QUEUE_UNCONSUMED: "{waiting} wait in {subject}, which nobody consumes",
        FindingCode.QUEUE_GROWING: (
            "{waiting} wait in {subject}, {growth} more than its {consumers} consumers take"
        ),
        FindingCode.DEAD_LETTERS: "{waiting} lie in {subject}: their handlers failed each time",
        FindingCode.MESSAGES_REFUSED: "the broker refused {count} of {subject}[: {error}]",
        FindingCode.MESSAGES_NOT_UNDERSTOOD: (
            "{count} of {subject} could not be understood, the first a {first_type}[ from"
            " {first_sender}][: {problem}]"
        ),
        FindingCode.RUNNER_LOST: (
            "{subject} failed because its runner {runner} was lost: killed, its host went down,"
            " or it was cut off; the monitor ended the run in its stead"
        ),
        FindingCode.LEASE_LAPSED: (
            "{subject}: its runner {runner} is {overdue} late with renewing its lease: killed,"
            " hung, or cut off; it is ended as failed within seconds unless it comes back"
        ),
        FindingCode.WORKFLOW_RAISED: "the workflow's code of {subject} raised {error}[ at {place}]",
        FindingCode.CONFIGURATION_UNUSABLE: (
            "the configuration of {subject} cannot be used[: the code asks for"
            " {missing_parameter}, which it lacks][: {error}][ at {place}]"
        ),
        FindingCode.EXECUTION_FAILED: "{subject} failed[: {error}]",
        FindingCode.NEVER_CLAIMED: "{subject} never began: no workflow runner took it[: {error}]",
        FindingCode.EXECUTION_STOPPED: (
            "{subject} was stopped[ by {by}][: {reason}][; it had made {made} of {requested}]"
        ),
        FindingCode.EXECUTION_PAUSED: "{subject} is paused[: {reason}]",
        FindingCode.STOP_NOT_HONOURED: (
            "{subject} does not obey the stop that {by} asked for {waited} ago: its workflow's"
            " code does not return, or its runner {runner} hangs"
        ),
        FindingCode.PAUSE_NOT_HONOURED: (
            "{subject} does not obey the {change} that {by} asked for {waited} ago: its"
            " workflow's code does not return, or its runner {runner} hangs"
        ),
        FindingCode.CLOCK_STANDS_STILL: (
            "the simulated clock of {subject} has stood at {tick} for {still_for}: its workflow's"
            " code computes or sleeps without an end"
        ),
        FindingCode.ENDLESS_AT_FULL_SPEED: (
            "{subject} has no end and nothing slows it down: {stf_files} so far, and the database"
            " grows until it is stopped"
        ),
        FindingCode.START_REFUSED: "a start[ of {workflow}] by {by} was refused[: {problem}]",
        FindingCode.CONFIGURATION_BROKEN: "{subject} cannot be used: {problem}",
        FindingCode.WORK_UNANSWERED: (
            "{subject}: {agent} lives and has not answered {message} messages, and nothing has"
            " happened for {quiet_for}"
        ),
        FindingCode.WORK_ABANDONED: (
            "{subject} has ended with work left, and nobody works on it: no {roles} agent is up"
            " in namespace {namespace}[; {worker_unanswered} unfinished of {worker_asked}][;"
            " {data_unanswered} of {data_asked} not registered]"
        ),
        FindingCode.STFS_MISSING: "{subject} came to its end with {made} of {requested} asked for",
        FindingCode.STFS_UNREGISTERED: (
            "{subject}: {data_unanswered} of {data_asked} are not registered, though {agent} is"
            " up, and nothing has happened for {quiet_for}"
        ),
        FindingCode.STF_GAP: (
            "run {subject}: {missing} are missing between number {first} and {last}"
        ),
        FindingCode.STF_CADENCE_STOPPED: (
            "run {subject} takes data and has made no STF for {without_stf} (expected within"
            " {expected_within})"
        ),
        FindingCode.RUN_NOT_CLOSED: (
            "run {subject} is still in phase {phase} though {execution} has ended"
        ),
        FindingCode.RUN_NOT_STARTED: (
            "{slices_queued} of run {subject} wait, and that run was never announced: no worker"
            " comes for them"
        ),
        FindingCode.SLICES_FAILED: (
            "{failed} of {made} made by {subject} failed for good, after all their tries[:"
            " {errors}]"
        ),
        FindingCode.WORKERS_TOO_FEW: (
            "{workers} of {subject} finish {capacity} of {slice_rate}: {backlog} were unfinished"
            " at {at_tick}; {workers_to_keep_up} keep up"
        ),
        FindingCode.DISK_NEAR_FULL: (
            "the disk of {subject} is nearly full: {free} of {total} are free in {folder};"
            " brokers and databases stop when it is full"
        ),
        FindingCode.DATABASE_NEAR_LIMIT: "the database is near its limit: {used} of {limit}",
        FindingCode.CLOCKS_APART: (
            "the clock of host {subject} is {ahead} ahead of that of {of}: times of their"
            " messages cannot be compared"
        ),
        FindingCode.VERSIONS_APART: (
            "agent {subject} runs version {version}, the monitor {monitor_version}"
        ),
    }
)
"""By code; fields as ``swf_common_lib.finding_text`` fills them."""

ADVICE: Advice = MappingProxyType(
    {
        Remedy.NOTHING: "nothing needs to be done; get_workflow_execution has its history",
        Remedy.WAIT: "wait; ask again with get_system_status",
        Remedy.START_SERVICES: (
            "no tool starts services: ask a person to run `testbed start-local` on the host[ of"
            " {service}]"
        ),
        Remedy.RESTART_SERVICES: (
            "no tool restarts services: ask a person to run `testbed stop-local` and `testbed"
            " start-local` on the host; what the broker holds stays"
        ),
        Remedy.FREE_PORT: (
            "no tool can do it: ask a person to end that program or set another port ({setting}),"
            " then `testbed start-local`"
        ),
        Remedy.READ_LOG: (
            "list_logs(level='WARNING'[, source={agent_text}]) says why[;"
            " get_agent(name={agent_text}) shows its process][;"
            " of an agent, get_agent(name={program_text}) has the last lines of its output]"
        ),
        Remedy.START_AGENTS: "start_agents[(agents={programs_list})]; it goes on by itself then",
        Remedy.RESTART_AGENTS: (
            "stop_agents[(agents={programs_list})], then start_agents[(agents={programs_list})]"
        ),
        Remedy.START_IN_SERVED_NAMESPACE: (
            "start_agents cannot help: agents serve the namespace that testbed.toml names."
            " start_workflow with namespace[ {served_namespace_text}], or have testbed.toml name"
            " {namespace}"
        ),
        Remedy.CORRECT_SENDER: (
            "the queue is none of the testbed's: list_logs of its senders; correct its name there"
        ),
        Remedy.TAKE_DEAD_LETTERS: (
            "list_logs with level=ERROR says over what they failed; they stay until a person"
            " takes them from the broker"
        ),
        Remedy.SHOW_MESSAGE: "get_message(id={message})",
        Remedy.SHOW_SLICES: "list_tf_slices(run_number={run_number}, status='failed')",
        Remedy.START_AGAIN: (
            "start_workflow with the same arguments; this one is over[; first"
            " start_agents(agents={programs_list})][; list_logs with source={agent_text} has the"
            " last words of what was lost]"
        ),
        Remedy.START_AGENTS_THEN_AGAIN: (
            "start_agents[(agents={programs_list})], then start_workflow again: what was"
            " broadcast meanwhile is not repeated"
        ),
        Remedy.STOP_EXECUTION: "stop_workflow(execution_id={execution_text})",
        Remedy.RESUME_EXECUTION: "resume_workflow(execution_id={execution_text})",
        Remedy.STOP_OTHERS_OR_WAIT: (
            "wait_for_workflow, or stop_workflow one of list_workflow_executions(status='running')"
        ),
        Remedy.RESTART_RUNNER: (
            "stop_agents(agents={programs_list}) ends its runner, and with it all that this"
            " runner executes; then start_agents(agents={programs_list})"
        ),
        Remedy.MEND_WORKFLOW: (
            "get_workflow_execution with format=detailed has the stack trace; mend"
            " workflows/{workflow}.py, then start_workflow"
        ),
        Remedy.MEND_CONFIGURATION: (
            "get_workflow_definition[(workflow={workflow_text})] lists the parameters,"
            " validate_workflow_config checks yours; then start_workflow"
        ),
        Remedy.MEND_FILE: "correct {file}; validate_workflow_config names every fault in it",
        Remedy.MORE_WORKERS: (
            'start_workflow with parameters {"target_worker_count": {workers_number}}, or with'
            " fewer slices_per_sample or a shorter slice_processing_time"
        ),
        Remedy.ANNOUNCE_RUN: (
            "if the number is a mistake, correct who registered them; a run_imminent message with"
            " run_id {run_number} (send_message) calls workers"
        ),
        Remedy.FREE_DISK: (
            "ask a person to free room on that disk, or to run `testbed prune --older-than 30d`"
        ),
        Remedy.PRUNE: "ask a person to run `testbed prune --older-than 30d`",
        Remedy.MORE_CONNECTIONS: (
            "ask a person to let PostgreSQL take more connections, or to end programs that hold"
            " some for nothing"
        ),
        Remedy.SET_CLOCK: "ask a person to let NTP set that host's clock",
        Remedy.LOOK_AT_STATUS: "get_system_status says how it stands",
        Remedy.INITIALISE: "ask a person to run `testbed init` on the host",
        Remedy.SAME_VERSION: "ask a person to install the same version there and restart the agent",
    }
)
"""By remedy."""


def view(finding: Finding) -> dict[str, Any]:
    """Return a finding as an answer holds it: the values, and both sentences."""
    return concise_view(finding) | given(
        evidence={
            one.name: f"{one.value} {one.unit}" if one.unit else one.value
            for one in finding.evidence
        }
    )


def concise_view(finding: Finding) -> dict[str, Any]:
    """Return a finding without its evidence, the figures of which are in its sentence."""
    return given(
        code=finding.code.value,
        severity=finding.severity.value,
        subject=f"{finding.subject.kind.value} {finding.subject.id}".strip(),
        what=sentence(finding),
        since=instant(finding.since),
        remedy=finding.remedy.value,
        next=advice(finding),
        symptom_of=finding.symptom_of.value if finding.symptom_of else None,
    )


def brief_view(finding: Finding) -> dict[str, Any]:
    """Return a finding that stands behind worse ones: what it is about, and what helps."""
    return given(
        code=finding.code.value,
        severity=finding.severity.value,
        subject=f"{finding.subject.kind.value} {finding.subject.id}".strip(),
        remedy=finding.remedy.value,
        symptom_of=finding.symptom_of.value if finding.symptom_of else None,
    )


def sentence(finding: Finding) -> str:
    """Return what was found."""
    return fill(SENTENCES[finding.code], finding, **_more(finding))


def advice(finding: Finding) -> str:
    """Return what to do about it."""
    return fill(ADVICE[finding.remedy], finding, **_more(finding))


def error_text(error: TestbedError) -> str:
    """Return an error as an assistant reads it: its remedy names tools, where the hint does not."""
    if error.remedy is None:
        return str(error)
    return f"{error.detail}\n{_advice_for(error.remedy, error.target)}"


def _advice_for(remedy: Remedy, target: Mapping[str, Value]) -> str:
    """Return what to do about an error."""
    asked = Finding(
        FindingCode.START_REFUSED,
        Severity.ERROR,
        Subject(SubjectKind.SERVICE, ""),
        remedy,
        target=target,
    )
    return advice(asked)


def _more(finding: Finding) -> dict[str, str]:
    """Return what a call needs in its own form: lists and texts as JSON has them."""
    target = finding.target
    quoted = {
        f"{name}_text": json.dumps(target[key])
        for name, key in (
            ("agent", "agent"),
            ("program", "program"),
            ("execution", "execution_id"),
            ("workflow", "workflow"),
            ("served_namespace", "served_namespace"),
        )
        if target.get(key)
    }
    if target.get("programs"):
        quoted["programs_list"] = json.dumps(str(target["programs"]).split(", "))
    if "workers" in target:
        quoted["workers_number"] = str(target["workers"])
    return quoted
