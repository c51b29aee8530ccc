"""All addresses of the monitor."""

from __future__ import annotations

from django.urls import include, path

from monitor.probes import views

handler400 = "monitor.api.problems.bad_request"
handler500 = "monitor.api.problems.server_error"

urlpatterns = [
    path("readyz", views.readyz, name="readyz"),
    path("metrics", views.metrics, name="metrics"),
    path("api/", include("monitor.api.urls")),
    path("", include("monitor.web.urls")),
]
