"""Super time frames, samples of them, slices of the samples."""

from __future__ import annotations

from django.db.models import Count
from django.http import HttpRequest, HttpResponseBase

from monitor.records.filters import SAMPLES, SLICES, STF_FILES
from monitor.records.models import FastMonFile, StfFile
from monitor.web.listing import Filter, show_list
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
