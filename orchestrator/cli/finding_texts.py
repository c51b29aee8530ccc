"""Findings as a person at a terminal reads them: what was found, and the command that helps."""

from __future__ import annotations

import shlex
from types import MappingProxyType

from swf_common_lib.finding_text import Advice, Sentences, fill
from swf_common_lib.findings import Finding, FindingCode, SubjectKind
from swf_common_lib.remedies import Remedy
from swf_common_lib.roles import ROLES, RUNNER

_PROCESS = "[, process {state}][, last end: {how}][, ended on purpose: {stopped_in_order}]"
_LEFT = (
    "[; {data_unanswered} of {data_asked} to register][; {fastmon_unanswered} of {fastmon_asked}"
    " to sample][; {fast_processing_unanswered} of {fast_processing_asked} to cut]"
    "[; {worker_unanswered} of {worker_asked} to work on]"
    "[; {processing_unanswered} of {processing_asked} to process]"
)
"""What is left of each step of an execution's work."""

SENTENCES: Sentences = MappingProxyType(
    {
        FindingCode.DATABASE_AWAY: (
            f"The database is down{_PROCESS}[: {{error}}]. What runs loses nothing, but nothing"
            " can be looked up"
        ),
        FindingCode.BROKER_AWAY: (
            f"No broker[ at {{address}}]{_PROCESS}[: {{error}}]. Messages stay with their senders"
            " until it is back"
        ),
        FindingCode.BROKER_HANGS: (
            "New connections get no greeting from the broker[: {error}]. It hangs, or has too"
            " much to do"
        ),
        FindingCode.MONITOR_AWAY: (
            f"No answer from the monitor[ at {{address}}]{_PROCESS}[: {{error}}]. How agents and"
            " executions stand is not known meanwhile"
        ),
        FindingCode.INGEST_AWAY: (
            f"Nobody records messages: ingest is away{_PROCESS}[, by its heartbeats"
            " {liveness}][: {error}]. The broker keeps them"
        ),
        FindingCode.INGEST_BEHIND: "Counts are {lag} old: ingest does not keep up",
        FindingCode.MCP_AWAY: (
            f"Assistants cannot connect: no MCP server[ at {{address}}]{_PROCESS}"
        ),
        FindingCode.SWEEPER_QUIET: (
            "Nobody has looked after lost executions for {silent_for}: the monitor's sweeper"
            " stands still"
        ),
        FindingCode.PORT_TAKEN: (
            "A strange program[, {process}][ (pid {pid})] listens on port {port}, where {subject}"
            " should"
        ),
        FindingCode.PROCESS_RESTARTING: (
            "{subject} does not stay alive[: {times} ends without an order][, the last {how}]["
            " ({said})]"
        ),
        FindingCode.PROCESS_GIVEN_UP: (
            "supervisord starts {subject} no more[: {times} ends without an order][, the last"
            " {how}][ ({said})]"
        ),
        FindingCode.PROCESS_DIED: (
            "{subject} died[ ({how})][, deaths within the hour: {times}]. It runs again"
        ),
        FindingCode.SUPERVISORD_AWAY: (
            "No supervisord of the {subject} answers[, though its process {pid} lives]."
            " {processes} processes go on without it[: {programs}]"
        ),
        FindingCode.RUNNER_MISSING: (
            "{subject} waits for a runner, and there is none[; commands in its queue:"
            " {commands_waiting}][; without one it is given up at {terminated_at}]"
        ),
        FindingCode.RUNNERS_BUSY: (
            "{subject} has waited {waiting} for its turn; all runners are full: {runners}"
        ),
        FindingCode.AGENT_DOWN: (
            "{subject} does not run, though testbed.toml wants it[; it ended {ended}][. Until it"
            " does, {effect}]"
        ),
        FindingCode.AGENT_SILENT: (
            "{subject} sends no heartbeats[, the last came {silent_for} ago][ from {host}]. It"
            " was killed, or its network is gone[. Until it is back, {effect}]"
        ),
        FindingCode.AGENT_FROZEN: (
            "{subject} has a process (pid {pid}) that stands still[, last heard of {silent_for}"
            " ago][. Until it is restarted, {effect}]"
        ),
        FindingCode.AGENT_LOST: (
            "{subject} vanished, and {replaced_by} has its place[. What it held, {slices_in_hand},"
            " is given out again]"
        ),
        FindingCode.AGENT_TROUBLED: "{subject} calls its own state {reports}[: {description}]",
        FindingCode.AGENTS_MISSING: (
            "{subject} lacks {roles} in namespace {namespace}, so {effect}[. Those in {elsewhere}"
            f" do not hear it]{_LEFT}"
        ),
        FindingCode.NAMESPACE_UNSERVED: (
            "Namespace {subject} has no agents, so its runs get no further than data taking[."
            " There are agents in {elsewhere}]"
        ),
        FindingCode.AGENTS_LATE: (
            "{agent} came too late for the {message} messages of {subject}. Nobody answers them"
            f" any more{_LEFT}"
        ),
        FindingCode.QUEUE_UNCONSUMED: "Nobody reads {subject}: {waiting} in it[, {growth} more]",
        FindingCode.QUEUE_GROWING: (
            "{subject} fills faster than it is read: {waiting}, {growth} more, readers: {consumers}"
        ),
        FindingCode.DEAD_LETTERS: "{waiting} failed at every try and were put into {subject}",
        FindingCode.MESSAGES_REFUSED: (
            "{subject} could not send[ {count}]: no room or no right at the broker[ ({error})]"
        ),
        FindingCode.MESSAGES_NOT_UNDERSTOOD: (
            "Faulty: {count} of {subject}, first a {first_type}[ by {first_sender}][, because"
            " {problem}]"
        ),
        FindingCode.RUNNER_LOST: (
            "{subject} lost its runner[ {runner}] and was closed as failed by the monitor"
        ),
        FindingCode.LEASE_LAPSED: (
            "{runner} has not renewed its claim on {subject}, which is {overdue} over. If it does"
            " not come back, the execution fails in seconds"
        ),
        FindingCode.WORKFLOW_RAISED: "{subject} died of an exception: {error}[, at {place}]",
        FindingCode.CONFIGURATION_UNUSABLE: (
            "{subject} cannot work with its configuration[, which has no {missing_parameter}][:"
            " {error}][, at {place}]"
        ),
        FindingCode.EXECUTION_FAILED: "{subject} ended in failure[, because: {error}]",
        FindingCode.NEVER_CLAIMED: "No runner ever came for {subject}[ ({error})]",
        FindingCode.EXECUTION_STOPPED: (
            "Somebody[, {by},] ended {subject}[: {reason}][, after {made} of {requested}]"
        ),
        FindingCode.EXECUTION_PAUSED: "{subject} takes a break[: {reason}]",
        FindingCode.STOP_NOT_HONOURED: (
            "{by} stopped {subject} {waited} ago, and it goes on: its code, or runner {runner},"
            " hangs"
        ),
        FindingCode.PAUSE_NOT_HONOURED: (
            "{by} asked for a {change} of {subject} {waited} ago, in vain: its code, or runner"
            " {runner}, hangs"
        ),
        FindingCode.CLOCK_STANDS_STILL: (
            "{subject} makes no progress: {still_for} at {tick}. Its code loops or sleeps, in"
            " runner {runner}"
        ),
        FindingCode.ENDLESS_AT_FULL_SPEED: (
            "{subject} never ends and runs as fast as it can: {stf_files} up to now, all in the"
            " database"
        ),
        FindingCode.START_REFUSED: (
            "{by} could not start[ {workflow}][ (through {via})][, because {problem}]"
        ),
        FindingCode.CONFIGURATION_BROKEN: "{subject} has a fault: {problem}",
        FindingCode.WORK_UNANSWERED: (
            "{agent} is up and leaves {message} messages of {subject} alone, nothing moved for"
            f" {{quiet_for}}{_LEFT}"
        ),
        FindingCode.WORK_ABANDONED: (
            "{subject} is over, and its work stays undone: no {roles} in namespace"
            f" {{namespace}}{_LEFT}"
        ),
        FindingCode.STFS_MISSING: "{subject} made {made}, not the {requested} that it should",
        FindingCode.STFS_UNREGISTERED: (
            "{agent} is up, but {data_unanswered} out of {data_asked} of {subject} never got"
            " registered; nothing moved for {quiet_for}"
        ),
        FindingCode.STF_GAP: "Run {subject} has a hole between {first} and {last}: {missing}",
        FindingCode.STF_CADENCE_STOPPED: (
            "Run {subject} should have an STF each {expected_within} and got none for"
            " {without_stf}[; it has {made}]"
        ),
        FindingCode.RUN_NOT_CLOSED: (
            "Run {subject} says {phase}, but {execution}, which made it, is over"
        ),
        FindingCode.RUN_NOT_STARTED: (
            "No worker will take {slices_queued}: nobody has announced their run, {subject}"
        ),
        FindingCode.SLICES_FAILED: (
            "{failed} out of {made} of {subject} came to nothing, even when tried again[. Errors:"
            " {errors}]"
        ),
        FindingCode.WORKERS_TOO_FEW: (
            "{subject} has {workers} and needs {workers_to_keep_up}: {slice_rate} come in[,"
            " {capacity} go out][; {backlog} were left at {at_tick}][, mean wait {mean_wait}]"
        ),
        FindingCode.DISK_NEAR_FULL: (
            "{free} of {total} left on {subject}, in {folder}. At none, broker and database stop"
        ),
        FindingCode.DATABASE_NEAR_LIMIT: "The database may have {limit} and has {used}",
        FindingCode.CLOCKS_APART: (
            "Clocks differ by {ahead} between {subject} and {of}: do not compare their times"
        ),
        FindingCode.VERSIONS_APART: (
            "{subject}[ on {host}] was installed with {version}, the monitor with {monitor_version}"
        ),
    }
)
"""By code; fields as ``swf_common_lib.finding_text`` fills them."""

ADVICE: Advice = MappingProxyType(
    {
        Remedy.NOTHING: "Nothing to do",
        Remedy.WAIT: "Wait a little, then look again: `testbed status`",
        Remedy.START_SERVICES: (
            "`testbed start-local`, in containers `testbed start`[; `testbed logs {log}` has its"
            " last words]"
        ),
        Remedy.RESTART_SERVICES: (
            "[`supervisorctl -c supervisord.conf restart {service}`, or all of them: ]`testbed"
            " stop-local`, `testbed start-local`, `testbed start-agents`"
        ),
        Remedy.FREE_PORT: (
            "End it[ (`kill {pid}`)], or choose another port[ with {setting}] in"
            " .testbed/settings.toml; then `testbed start-local`"
        ),
        Remedy.READ_LOG: "`testbed logs{log_word} -n 50` says more",
        Remedy.START_AGENTS: "`testbed start-agents{program_words}`",
        Remedy.RESTART_AGENTS: (
            "`testbed stop-agents{program_words}`, then `testbed start-agents{program_words}`"
        ),
        Remedy.START_IN_SERVED_NAMESPACE: (
            "Start it where agents are[: `testbed run-workflow {workflow} --namespace"
            " {served_namespace}`]; or put namespace[ {namespace}] into testbed.toml, then"
            " `testbed start-agents`"
        ),
        Remedy.CORRECT_SENDER: "None of our agents has such a queue: who sends there is mistaken",
        Remedy.TAKE_DEAD_LETTERS: (
            "`testbed logs` shows what they failed with. Take them out of the broker when that is"
            " mended"
        ),
        Remedy.SHOW_MESSAGE: "`testbed login`, and in the web UI /messages/{message}/",
        Remedy.SHOW_SLICES: (
            "`testbed login`, and in the web UI /slices/?run_number={run_number}&status=failed"
        ),
        Remedy.START_AGAIN: (
            "Start it anew with your options[: `testbed run-workflow {workflow}`][, after `testbed"
            " start-agents {programs_spaced}`][. `testbed logs {log}` has the last words]"
        ),
        Remedy.START_AGENTS_THEN_AGAIN: (
            "`testbed start-agents{program_words}`, then start it anew[: `testbed run-workflow"
            " {workflow}`]. Agents miss what was broadcast before they came"
        ),
        Remedy.STOP_EXECUTION: "`testbed stop-workflow {execution_id}`",
        Remedy.RESUME_EXECUTION: "`testbed resume-workflow {execution_id}` when it shall go on",
        Remedy.STOP_OTHERS_OR_WAIT: (
            "Wait for its turn, or end one of those above: `testbed stop-workflow ID`"
        ),
        Remedy.RESTART_RUNNER: (
            "`testbed stop-agents{program_words}` and `testbed start-agents{program_words}`. All"
            " that this runner executes ends with it"
        ),
        Remedy.MEND_WORKFLOW: (
            "Correct workflows/{workflow}.py, then `testbed run-workflow {workflow}`"
        ),
        Remedy.MEND_CONFIGURATION: (
            "`testbed validate` checks every configuration. Correct what you gave, and start anew"
        ),
        Remedy.MEND_FILE: "Correct {file}; `testbed validate` says whether it is good then",
        Remedy.MORE_WORKERS: (
            "`testbed run-workflow {workflow} --worker-count {workers_number}`, or fewer slices:"
            " `--set slices_per_sample=N`"
        ),
        Remedy.ANNOUNCE_RUN: (
            "Either the number is wrong where they were made, or run_imminent of {run_number} was"
            " never sent"
        ),
        Remedy.FREE_DISK: "Delete what nobody needs; old records: `testbed prune --older-than 30d`",
        Remedy.PRUNE: "On the monitor's host: `testbed prune --older-than 30d`",
        Remedy.MORE_CONNECTIONS: (
            "On the database server: raise max_connections in postgresql.conf, or end programs"
            " that hold connections for nothing"
        ),
        Remedy.SET_CLOCK: "Have chrony or systemd-timesyncd run there: `chronyc tracking`",
        Remedy.SAME_VERSION: (
            "Bring both to one version; there then `testbed stop-agents{program_words}`, `testbed"
            " start-agents{program_words}`"
        ),
        Remedy.LOOK_AT_STATUS: "`testbed status` shows how far it came",
        Remedy.INITIALISE: "`testbed init`",
    }
)
"""By remedy."""

_SERVICES = frozenset({"postgres", "broker", "web", "ingest", "mcp"})
"""Programs of supervisord.conf, whose logs `testbed logs` has."""


def sentence(finding: Finding) -> str:
    """Return what was found."""
    return fill(SENTENCES[finding.code], finding, **_more(finding))


def advice(finding: Finding) -> str:
    """Return what to do about it."""
    return fill(ADVICE[finding.remedy], finding, **_more(finding))


def _more(finding: Finding) -> dict[str, str]:
    """Return further fields, as commands take them: names with spaces between them."""
    target = finding.target
    programs = " ".join(shlex.quote(one) for one in str(target.get("programs", "")).split(", "))
    programs = programs if target.get("programs") else program_of_agent(str(target.get("agent")))
    log = _log(finding)
    fields = {
        "program_words": f" {programs}" if programs else "",
        "programs_spaced": programs if target.get("programs") else "",
        "log": log,
        "log_word": f" {log}" if log else "",
    }
    if "workers" in target:
        fields["workers_number"] = str(target["workers"])
    return fields


def program_of_agent(name: str) -> str:
    """Return the program that ran an agent, by the name that it registered; empty: not known."""
    for role in ROLES.values():
        if name.startswith(f"{role.agent_type}-agent-"):
            return role.program
    return ""


def _log(finding: Finding) -> str:
    """Return the program whose log says more; empty where there is none to name."""
    target = finding.target
    if program := target.get("program") or program_of_agent(str(target.get("agent", ""))):
        return str(program)
    if target.get("service") in _SERVICES:
        return str(target["service"])
    failed = finding.subject.kind is SubjectKind.EXECUTION and finding.remedy is Remedy.READ_LOG
    return RUNNER.program if failed else ""
