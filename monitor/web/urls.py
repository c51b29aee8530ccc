"""Addresses of the pages."""

from __future__ import annotations

from django.urls import path, register_converter
from django.views.generic import RedirectView

from monitor.web.id_in_address import IdConverter
from monitor.web.views import (
    agents,
    dashboard,
    executions,
    messages,
    runs,
    session,
    workflows,
)
from monitor.web.views.lists import LISTS

register_converter(IdConverter, "id")

app_name = "web"
# Ids may have slashes: so URLs that end in a fixed word come before the page of the id itself.
urlpatterns = [
    path("", dashboard.dashboard, name="dashboard"),
    # Browsers request this on pages without an icon, such as those of REST.
    path("favicon.ico", RedirectView.as_view(url="/static/web/icon.svg")),
    path("login/", session.login, name="login"),
    path("login/<str:key>/", session.redeem, name="redeem"),
    path("logout/", session.logout, name="logout"),
    *(path(f"{name}/", listed.view, name=name) for name, listed in LISTS.items()),
    path("workflows/<int:definition_id>/", workflows.workflow, name="workflow"),
    path("workflows/configurations/<str:name>/", workflows.configuration, name="configuration"),
    path("executions/start/", dashboard.start_execution, name="start"),
    path("executions/<id:execution_id>/stop/", executions.change, {"change": "stop"}, name="stop"),
    path(
        "executions/<id:execution_id>/pause/",
        executions.change,
        {"change": "pause"},
        name="pause",
    ),
    path(
        "executions/<id:execution_id>/resume/",
        executions.change,
        {"change": "resume"},
        name="resume",
    ),
    path("executions/<id:execution_id>/again/", executions.again, name="again"),
    path("executions/<id:execution_id>/", executions.execution, name="execution"),
    path("runs/<int:run_number>/", runs.run, name="run"),
    path("messages/<int:number>/", messages.message, name="message"),
    path("agents/start/", agents.start_agents, name="agents-start"),
    path("agents/restart/", agents.restart_agents, name="agents-restart"),
    path("agents/<id:name>/", agents.agent, name="agent"),
]
