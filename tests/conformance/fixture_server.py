"""`python -m tests.conformance.fixture_server`: our MCP server with what the suite wants to see.

Everything is the product's but the fixtures: its server, its HTTP service, its token gate.
"""

from __future__ import annotations

import os

import django

from mcp_server.application import Application
from swf_common_lib.settings import load_settings


def main() -> None:
    """Serve until told to end."""
    settings = load_settings()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "monitor.settings")
    django.setup()

    from mcp_server.http.service import serve_http
    from mcp_server.server import build_server
    from monitor.executions.announcer import announcer
    from tests.conformance.contents import add_contents
    from tests.conformance.jobs import Jobs, add_jobs
    from tests.conformance.questions import add_questions

    application = Application(settings)
    server = build_server(application, task_providers=[Jobs()])
    add_contents(server)
    add_questions(server)
    add_jobs(server)
    try:
        serve_http(server, application)
    finally:
        application.close()
        announcer().close()


if __name__ == "__main__":
    main()
