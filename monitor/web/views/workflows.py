"""Workflow definitions in the database, and configurations on this host."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from monitor.records.models import WorkflowDefinition
from monitor.web.flatten import highlight
from monitor.web.pages import page, show
from monitor.web.source_links import source_url
from swf_common_lib.config import expand, list_configurations, load_testbed_file
from swf_common_lib.errors import ConfigurationError, NotFound

LATEST = 10


@page
def workflow(request: HttpRequest, definition_id: int) -> HttpResponseBase:
    """Show one definition: code, configuration, its executions."""
    found = WorkflowDefinition.objects.filter(pk=definition_id).first()
    if found is None:
        raise NotFound(
            f"There is no workflow definition {definition_id}.", "Choose one from the list."
        )
    context = {
        "definition": found,
        "code": highlight(found.definition, "python", numbered=True),
        "source_url": source_url(found.source) if isinstance(found.source, dict) else "",
        "sections": found.parameter_values if isinstance(found.parameter_values, dict) else {},
        "versions": WorkflowDefinition.objects.filter(workflow_name=found.workflow_name)
        .exclude(pk=found.pk)
        .only("id", "version", "workflow_name")
        .order_by("-id")[:20],
        "executions": found.executions.order_by("-created_at")[:LATEST],
    }
    return show(request, "workflow.html", context)


@page
def configuration(request: HttpRequest, name: str) -> HttpResponseBase:
    """Show one configuration: its file, and what it expands to here."""
    folder = settings.TESTBED.swf_home / "workflows"
    summary = next((c for c in list_configurations(folder) if c.name == name), None)
    if summary is None:
        raise NotFound(
            f"There is no configuration {name} on this host.", "Choose one from the list."
        )
    expanded, problem = None, None
    try:
        testbed = load_testbed_file(settings.TESTBED.swf_testbed_config)
        expanded = expand(name, workflow=None, workflows_dir=folder, testbed=testbed)
    except ConfigurationError as error:
        problem = error
    # The name comes from the list of the folder's files, so the path cannot leave the folder.
    text = (folder / f"{name}.toml").read_text(encoding="utf-8", errors="replace")
    context = {
        "summary": summary,
        "code": highlight(text, "toml"),
        "expanded": expanded,
        "fault": problem,
    }
    return show(request, "configuration.html", context)
