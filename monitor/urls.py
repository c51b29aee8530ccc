"""All addresses of the monitor."""

from __future__ import annotations

from django.urls import include, path

handler400 = "monitor.api.problems.bad_request"
handler500 = "monitor.api.problems.server_error"

urlpatterns = [
    path("api/", include("monitor.api.urls")),
    path("", include("monitor.web.urls")),
]
