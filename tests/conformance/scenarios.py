"""Scenarios of the suite for the production server, and the checks in them that need a fixture."""

from __future__ import annotations

from collections.abc import Collection, Mapping

_EITHER: Mapping[str, Collection[str]] = {
    "completion-complete": (),
    "dns-rebinding-protection": (),
    "prompts-list": (),
    "resources-list": (),
    "server-sse-multiple-streams": (),
    "tools-list": (),
}

WITHOUT_FIXTURES: Mapping[str, Mapping[str, Collection[str]]] = {
    "2025-11-25": {
        **_EITHER,
        "logging-set-level": (),
        "ping": (),
        "resources-subscribe": (),
        "resources-unsubscribe": (),
        "server-initialize": (),
        "server-session-lifecycle": (),
    },
    "2026-07-28": {
        **_EITHER,
        "caching": (),
        "http-header-validation": (),
        "input-required-result-unsupported-methods": (),
        "sep-2164-resource-not-found": (),
        "server-stateless": (
            "sep-2575-http-server-no-independent-requests-on-stream",
            "sep-2575-missing-capability-http-400",
            "sep-2575-server-no-log-without-loglevel",
            "sep-2575-server-rejects-undeclared-capability",
            "sep-2575-server-sends-prompts-list-changed-on-subscription",
            "sep-2575-server-sends-tools-list-changed-on-subscription",
        ),
        "tasks-capability-negotiation": (
            "sep-2663-server-rejects-undeclared-client",
            "tasks-per-request-meta-opt-in",
        ),
        "tasks-dispatch-and-envelope": (
            "sep-2663-durable-create-strong-consistency",
            "sep-2663-legacy-task-param-ignored",
            "tasks-immediate-result-shortcut",
            "tasks-result-type-complete-on-non-task-responses",
            "tasks-server-directed-creation-no-hint",
        ),
        "tasks-request-headers": (
            "sep-2663-routing-headers-accepted-on-tasks-get",
            "sep-2663-server-rejects-mismatched-mcp-name-on-tasks-get",
            "tasks-headers-tolerate-mcp-method-on-tools-call",
        ),
    },
}
"""By revision of the protocol and by scenario."""
