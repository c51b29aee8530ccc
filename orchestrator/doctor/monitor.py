"""Checks of the monitor: address, token, clock, database, ingest, and agents that it knows."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import requests

from orchestrator.doctor.broker import AWAY
from orchestrator.doctor.check_result import CheckResult, SameTrouble, error, ok, warning
from orchestrator.doctor.database import judge_database
from swf_common_lib.config import load_testbed_file
from swf_common_lib.errors import ConfigurationError, TestbedError
from swf_common_lib.findings import FindingCode
from swf_common_lib.monitor_client import MonitorClient, new_session
from swf_common_lib.roles import RUNNER
from swf_common_lib.settings import Settings
from swf_common_lib.states import AgentHealth, Liveness, TokenScope

LOCAL_NAMES = ("127.0.0.1", "localhost", "::1")
SKEW_WARNING, SKEW_ERROR = 2.0, 30.0
"""Seconds by which two clocks may differ; leases last 10 s, and agents count as lost after 30."""
_TIMEOUT = 10.0
_WRAPPING = re.compile(r"^HTTPS?Connection\(.*?\): (Failed to establish a new connection: )?")
"""The part of urllib3's messages before the cause."""
_INGEST = SameTrouble((FindingCode.INGEST_AWAY, FindingCode.INGEST_BEHIND), "ingest")
_ABSENT = (FindingCode.AGENT_DOWN, FindingCode.AGENT_SILENT, FindingCode.AGENT_FROZEN)
_SCOPES_THAT_OPERATE = (TokenScope.OPERATE, TokenScope.ADMIN)


def is_local(settings: Settings) -> bool:
    """Return whether supervisord runs the monitor, and with it the other services, on this host."""
    return (
        settings.swf_services == "local"
        and urlsplit(settings.swf_monitor_url).hostname in LOCAL_NAMES
    )


def check_monitor(settings: Settings) -> Iterator[CheckResult]:
    """Check everything that the monitor reports, or report that it does not answer."""
    url = settings.swf_monitor_url
    if not settings.swf_api_token:
        remedy = "Run `testbed init` on the monitor's host; elsewhere set SWF_API_TOKEN."
        yield error("token", "there is none", remedy)
    session = new_session(url, settings.swf_api_token, settings.swf_monitor_ca_certs)
    try:
        since = datetime.now(timezone.utc)
        answer = session.get(f"{url}/api/installation/", timeout=_TIMEOUT, allow_redirects=False)
    except requests.RequestException as fault:
        yield _no_answer(settings, fault)
        return
    finally:
        session.close()
    yield from _check_clock(answer.headers, since)
    if answer.is_redirect:
        remedy = "Set SWF_MONITOR_URL to the address that it leads to."
        yield error("monitor", f"{url} leads to {answer.headers['location']}", remedy)
        return
    client = MonitorClient.from_settings(settings)
    try:
        installation = client.get("installation/")
        status = client.get("status/")
    except TestbedError as fault:
        yield _error_answer(url, answer.status_code, fault)
        return
    yield ok("monitor", f"{url} answers")
    yield _judge_token(installation["caller"])
    yield from judge_database(installation["database"])
    yield from _judge_services(status["services"])
    yield from _judge_agents(settings, status["agents"])


def _start_remedy(settings: Settings) -> str:
    if settings.swf_services == "compose":
        return "`testbed start` starts it; `docker compose logs web` says why it ended."
    if is_local(settings):
        return "`testbed start-local` starts it; `testbed logs web` says why it ended."
    return "Start it where it is, open the way to it, or correct SWF_MONITOR_URL."


def _no_answer(settings: Settings, fault: requests.RequestException) -> CheckResult:
    cause = _innermost(fault)
    url = settings.swf_monitor_url
    if isinstance(cause, ssl.SSLCertVerificationError):
        remedy = (
            "SWF_MONITOR_CA_CERTS has to hold the authority that signed the certificate, and"
            " SWF_MONITOR_URL has to have a name in it."
        )
        return error("monitor", f"{url}: {cause.verify_message}", remedy)
    why = _WRAPPING.sub("", str(cause))
    return error("monitor", f"{url} does not answer ({why})", _start_remedy(settings))


def _innermost(fault: BaseException) -> BaseException:
    """Return the original error, which requests and urllib3 have wrapped."""
    for inner in (getattr(fault, "reason", None), *fault.args):
        if isinstance(inner, BaseException):
            return _innermost(inner)
    return fault


def _error_answer(url: str, status: int, fault: TestbedError) -> CheckResult:
    if status in (401, 403):
        remedy = (
            "Take the token that the monitor's host has in .testbed/token, or make one there:"
            " testbed token create NAME --scope operate."
        )
        return error("token", fault.detail, remedy)
    if status == 400:  # there is nothing else to object to
        remedy = "Set SWF_PUBLIC_URL or SWF_ALLOWED_HOSTS on the monitor's host."
        return error("monitor", f"{url} takes no requests under this host name", remedy)
    return error("monitor", fault.detail, fault.hint or "See its log: testbed logs web.")


def _judge_token(caller: Mapping[str, str]) -> CheckResult:
    detail = f"of {caller['user']}, scope {caller['scope']}"
    if caller["scope"] in _SCOPES_THAT_OPERATE:
        return ok("token", detail)
    remedy = "Agents and runs need scope operate: testbed token create NAME --scope operate."
    return warning("token", detail, remedy)


def _check_clock(headers: Mapping[str, str], now: datetime) -> Iterator[CheckResult]:
    try:
        there = parsedate_to_datetime(headers.get("date", ""))
    except ValueError:
        remedy = "Check the clocks yourself: chronyc tracking, on both hosts."
        yield warning("clock", "the monitor's answer has no date", remedy)
        return
    # The header has whole seconds, cut off: half a second is the best guess.
    skew = abs((there - now).total_seconds() + 0.5)
    if skew <= SKEW_WARNING:
        yield ok("clock", f"within {SKEW_WARNING:g} s of the monitor's")
        return
    detail = f"{skew:.0f} s away from the monitor's"
    remedy = "Synchronise the clocks of both hosts (chrony or systemd-timesyncd)."
    make = error if skew > SKEW_ERROR else warning
    yield make("clock", detail, remedy)


def _judge_services(services: Mapping[str, Mapping[str, Any]]) -> Iterator[CheckResult]:
    for name, title, same in (
        ("broker", "monitor's broker", AWAY),
        ("ingest", "ingest", _INGEST),
    ):
        service = services.get(name, {})
        detail = str(service.get("detail") or service.get("status"))
        remedy = f"On the monitor's host: testbed start-local; testbed logs {name}."
        if service.get("status") == "ok":
            yield ok(title, detail)
        else:
            make = warning if service.get("status") == "warning" else error
            yield make(title, detail, remedy, same)


def _judge_agents(settings: Settings, agents: list[dict[str, Any]]) -> Iterator[CheckResult]:
    """Check that the agents which testbed.toml enables report to the monitor."""
    try:
        testbed = load_testbed_file(settings.swf_testbed_config)
    except ConfigurationError:
        return  # reported already
    wanted = {RUNNER.agent_type} | {
        entry.name for entry in testbed.agents.values() if entry.enabled
    }
    alive = [agent for agent in agents if agent["liveness"] == Liveness.ALIVE]
    heard = {
        agent["agent_type"]
        for agent in alive
        if agent["namespace"] in ("", testbed.namespace) or agent["agent_type"] not in wanted
    }
    missing = sorted(wanted - heard)
    if missing:
        detail = f"not alive in namespace {testbed.namespace}: {', '.join(missing)}"
        remedy = "`testbed start-agents` (or `testbed run`) starts them."
        yield warning("agents", detail, remedy, SameTrouble(_ABSENT))
    for agent in alive:
        if agent["status"] in (AgentHealth.ERROR, AgentHealth.WARNING):
            detail = f"{agent['instance_name']}: {agent['description']}"
            same = SameTrouble((FindingCode.AGENT_TROUBLED,), agent["instance_name"])
            yield warning("agents", detail, "Its log says more: testbed logs.", same)
    if not missing:
        yield ok("agents", f"{len(alive)} alive")
