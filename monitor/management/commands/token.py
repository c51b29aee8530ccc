"""Tokens for REST and MCP, on the host itself.

`testbed token create|list|revoke` runs it. Whoever may write the database may do this.
"""

from __future__ import annotations

import argparse
import getpass
import os
import re
import sys

import django

from swf_common_lib.errors import InvalidRequest, TestbedError

_USER = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9])?")
SCOPES = ("read", "operate", "admin")


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; gives the exit status: 0 done, 1 an error."""
    parser = argparse.ArgumentParser(prog="testbed token")
    commands = parser.add_subparsers(dest="command", required=True)
    create = commands.add_parser("create", help="make a token and print it, this once")
    create.add_argument("name", help="whose it is, or what for")
    create.add_argument("--scope", choices=SCOPES, default="read", help="what it permits")
    create.add_argument("--user", help="in whose name it acts (default: yours)")
    commands.add_parser("list", help="the tokens, without their keys")
    revoke = commands.add_parser("revoke", help="make a token useless for good")
    revoke.add_argument("name")
    options = parser.parse_args(arguments)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "monitor.settings")
    try:
        django.setup()
        for line in _do(options):
            print(line)
    except TestbedError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _do(options: argparse.Namespace) -> list[str]:
    from monitor.records.models import ApiToken
    from monitor.records.tokens import create_token, revoke_token
    from monitor.records.transitions import record_event

    own = getpass.getuser()
    if options.command == "create":
        if options.user and not _USER.fullmatch(options.user):
            raise InvalidRequest(
                f"{options.user!r} cannot be a user's name",
                "Take letters, digits, and . _ - between them.",
            )
        user = options.user or own
        key = create_token(options.name, options.scope, user)
        what = f"{options.name}: scope {options.scope}, in the name of {user}"
        record_event("", "token_created", actor=own, via="cli", reason=what)
        return [key]
    if options.command == "revoke":
        revoke_token(options.name)
        record_event("", "token_revoked", actor=own, via="cli", reason=options.name)
        return [f"{options.name}: revoked"]
    return [
        f"{token.name}  {token.scope}  made {token.created_at:%Y-%m-%d}  "
        + (f"revoked {token.revoked_at:%Y-%m-%d}" if token.revoked_at else "in use")
        for token in ApiToken.objects.order_by("name")
    ]


if __name__ == "__main__":
    raise SystemExit(main())
