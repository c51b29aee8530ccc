"""`python -m monitor.token_admin create|list|revoke`: tokens for REST and MCP, on the host itself.

`testbed token create|list|revoke` runs it. Whoever may write the database may do this.
"""

from __future__ import annotations

import argparse
import getpass
import os
import sys

import django

from swf_common_lib.errors import TestbedError

SCOPES = ("read", "operate", "admin")


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; gives the exit status: 0 done, 1 an error."""
    parser = argparse.ArgumentParser(prog="testbed token")
    commands = parser.add_subparsers(dest="command", required=True)
    create = commands.add_parser("create", help="make a token and print it, this once")
    create.add_argument("name", help="whose it is, or what for")
    create.add_argument("--scope", choices=SCOPES, default="read", help="what it permits")
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

    if options.command == "create":
        return [create_token(options.name, options.scope, getpass.getuser())]
    if options.command == "revoke":
        revoke_token(options.name)
        return [f"{options.name}: revoked"]
    return [
        f"{token.name}  {token.scope}  made {token.created_at:%Y-%m-%d}  "
        + (f"revoked {token.revoked_at:%Y-%m-%d}" if token.revoked_at else "in use")
        for token in ApiToken.objects.order_by("name")
    ]


if __name__ == "__main__":
    raise SystemExit(main())
