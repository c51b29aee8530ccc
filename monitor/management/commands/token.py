"""Tokens for REST and MCP, on the host itself.

`testbed token create|list|revoke` runs it. Whoever may write the database may do this.
"""

from __future__ import annotations

import getpass
import re
from argparse import ArgumentParser
from typing import Any

from monitor.command import MonitorCommand
from monitor.records.models import ApiToken
from monitor.records.tokens import create_token, revoke_token
from monitor.records.transitions import record_event
from swf_common_lib.errors import InvalidRequest
from swf_common_lib.states import TokenScope

_USER = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")


class Command(MonitorCommand):
    """Creates, lists or revokes tokens."""

    help = "create, list or revoke tokens for REST and MCP"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the three actions."""
        parser.prog = "testbed token"
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="make a token and print it, this once")
        create.add_argument("name", help="whose it is, or what for")
        create.add_argument(
            "--scope",
            choices=TokenScope.values,
            default=TokenScope.READ.value,
            help="what it permits",
        )
        create.add_argument("--user", help="in whose name it acts (default: yours)")
        actions.add_parser("list", help="the tokens, without their keys")
        revoke = actions.add_parser("revoke", help="make a token useless for good")
        revoke.add_argument("name")

    def handle(self, *, action: str, **options: Any) -> None:
        """Do what the action says."""
        if action == "create":
            self.stdout.write(_created(options["name"], options["scope"], options["user"]))
        elif action == "revoke":
            revoke_token(options["name"])
            record_event(
                "", "token_revoked", actor=getpass.getuser(), via="cli", reason=options["name"]
            )
            self.stdout.write(f"{options['name']}: revoked")
        else:
            for token in ApiToken.objects.order_by("name"):
                self.stdout.write(_line(token))


def _created(name: str, scope: str, user: str | None) -> str:
    """Create a token and return its key."""
    if user and not _USER.fullmatch(user):
        raise InvalidRequest(
            f"{user!r} cannot be a user's name",
            "Take letters, digits, and . _ - between them.",
        )
    own = getpass.getuser()
    key = create_token(name, scope, user or own)
    what = f"{name}: scope {scope}, in the name of {user or own}"
    record_event("", "token_created", actor=own, via="cli", reason=what)
    return key


def _line(token: ApiToken) -> str:
    ended = f"revoked {token.revoked_at:%Y-%m-%d}" if token.revoked_at else "in use"
    return f"{token.name}  {token.scope}  made {token.created_at:%Y-%m-%d}  {ended}"
