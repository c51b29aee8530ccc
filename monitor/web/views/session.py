"""Opening and ending a browser session."""

from __future__ import annotations

from django.contrib import auth
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_POST, require_safe

from monitor.records.tokens import redeem_login_link
from monitor.web.pages import show
from swf_common_lib.errors import TestbedError


@require_safe
def login(request: HttpRequest) -> HttpResponseBase:
    """Show how to get a login link."""
    if request.user.is_authenticated:
        return redirect("web:dashboard")
    return show(request, "login.html", {})


# GET although it opens a session: the link is followed from a terminal. It works once, for a
# short time. HEAD, with which programs look ahead at links, would use it up and is refused.
@require_GET
def redeem(request: HttpRequest, key: str) -> HttpResponseBase:
    """Open a session with a one-time link."""
    try:
        user = redeem_login_link(key)
    except TestbedError as error:
        return show(request, "login.html", {}, error=error)
    auth.login(request, user)
    return redirect("web:dashboard")


@require_POST
def logout(request: HttpRequest) -> HttpResponseBase:
    """End the session."""
    auth.logout(request)
    return redirect("web:login")
