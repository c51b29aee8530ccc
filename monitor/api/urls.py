"""Addresses of the REST interface."""

from __future__ import annotations

from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerView
from rest_framework.routers import DefaultRouter

from monitor.api.problems import unknown_address
from monitor.api.stream import stream, stream_status
from monitor.api.views import agents, files, logs, messages, runs, state, system, workflows

router = DefaultRouter()
router.include_format_suffixes = False
for prefix, viewset in (
    ("workflow-definitions", workflows.DefinitionViewSet),
    ("workflow-executions", workflows.ExecutionViewSet),
    ("workflow-messages", messages.MessageViewSet),
    ("systemagents", agents.AgentViewSet),
    ("subscribers", agents.SubscriberViewSet),
    ("namespaces", agents.NamespaceViewSet),
    ("logs", logs.LogViewSet),
    ("runs", runs.RunViewSet),
    ("run-states", runs.RunStateViewSet),
    ("stf-files", files.StfFileViewSet),
    ("fastmon-files", files.SampleViewSet),
    ("tf-slices", files.SliceViewSet),
    ("workers", runs.WorkerViewSet),
    ("system-state-events", runs.EventViewSet),
):
    router.register(prefix, viewset, basename=prefix)

urlpatterns = [
    path("messages/stream/", stream),
    path("messages/stream/status/", stream_status),
    path("state/next-agent-id/", state.agent_id),
    path("state/next-run-number/", state.run_number),
    path("state/next-workflow-execution-id/", state.execution_sequence),
    path("status/", system.status),
    path("health/", system.health),
    path("installation/", system.installation),
    path("login-links/", system.login_links),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("redoc/", SpectacularRedocView.as_view(url_name="schema"), name="redoc"),
    path("", include(router.urls)),
    re_path(r"^.*$", unknown_address),
]
