"""Super time frames, samples of them, slices of the samples."""

from __future__ import annotations

from django.db.models import Count
from django.http import HttpRequest, HttpResponseBase

from monitor.records.models import FastMonFile, StfFile
from monitor.records.queries.selections import EVENTS, LOGS, SAMPLES, SLICES, STF_FILES, WORKERS
from monitor.web.choices import agent_names
from monitor.web.listing import SINCE, Filter, show_list
from monitor.web.pages import page


@page
def stf_files(request: HttpRequest) -> HttpResponseBase:
    """List STF files."""
    filters = [
        Filter("run_number", "Run"),
        Filter("stf_filename", "File name"),
        Filter("status", "Status"),
    ]

    def with_samples(rows: list[StfFile]) -> dict[str, dict[object, int]]:
        samples = (
            FastMonFile.objects.filter(stf_file__in=[row.pk for row in rows])
            .values_list("stf_file_id")
            .annotate(Count("pk"))
        )
        return {"samples": dict(samples)}

    return show_list(
        request,
        "stf_files.html",
        STF_FILES,
        filters,
        key=["stf_filename"],
        complete=with_samples,
    )


@page
def tf_samples(request: HttpRequest) -> HttpResponseBase:
    """List TF samples."""
    filters = [
        Filter("run_number", "Run"),
        Filter("stf_filename", "STF file"),
        Filter("tf_filename", "File name"),
        Filter("status", "Status"),
    ]
    return show_list(request, "tf_samples.html", SAMPLES, filters, key=["tf_filename"])


@page
def slices(request: HttpRequest) -> HttpResponseBase:
    """List TF slices."""
    filters = [
        Filter("run_number", "Run"),
        Filter("tf_filename", "TF sample"),
        Filter("status", "Status"),
        Filter("assigned_worker", "Worker"),
    ]
    return show_list(request, "slices.html", SLICES, filters)


@page
def events(request: HttpRequest) -> HttpResponseBase:
    """List events."""
    filters = [
        Filter("run_number", "Run"),
        Filter("execution_id", "Execution"),
        Filter("event_type", "Type"),
        SINCE,
    ]
    return show_list(request, "events.html", EVENTS, filters)


LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


@page
def logs(request: HttpRequest) -> HttpResponseBase:
    """List log records."""
    filters = [
        Filter("level", "Level, at least", choices=LEVELS),
        Filter("instance_name", "Instance", suggestions=agent_names()),
        Filter("execution_id", "Execution"),
        Filter("text", "Text"),
        SINCE,
    ]
    return show_list(request, "logs.html", LOGS, filters)


@page
def workers(request: HttpRequest) -> HttpResponseBase:
    """List workers."""
    filters = [
        Filter("run_number", "Run"),
        Filter("status", "Status"),
    ]
    return show_list(request, "workers.html", WORKERS, filters)
