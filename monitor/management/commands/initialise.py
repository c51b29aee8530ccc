"""Make or bring up to date the database, and the operator's token.

`testbed init` runs it. Safe to repeat: it prints a line for each thing it did, nothing otherwise.
"""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command

from monitor.command import MonitorCommand
from monitor.database_server import require_answer, unhurried
from monitor.records.tokens import create_token, verify_token
from swf_common_lib.errors import NotAuthenticated
from swf_common_lib.private_file import write_private
from swf_common_lib.states import TokenScope

OPERATOR_TOKEN = "operator"  # noqa: S105  its name, not its key


class Command(MonitorCommand):
    """Migrates, and writes the operator's token unless a valid one is there."""

    help = "make or bring up to date the database, and the operator's token"

    def handle(self, **options: Any) -> None:
        """Initialise."""
        testbed = settings.TESTBED
        embedded: Path | None = None if testbed.swf_database_url else testbed.database_file
        made = embedded is not None and not embedded.exists()
        require_answer()
        with unhurried():
            call_command("migrate", interactive=False, verbosity=0)
        if embedded is not None and made:
            embedded.chmod(0o600)
            self.stdout.write(f"made the database {embedded}")
        if ensure_operator_token(testbed.token_file):
            self.stdout.write(f"wrote the operator's token to {testbed.token_file}")


def ensure_operator_token(path: Path) -> bool:
    """Write a new token to ``path`` unless the one that is there is good; True when written.

    Whoever can read the file owns the installation, so the token has every scope.
    """
    try:
        verify_token(path.read_text(encoding="utf-8").strip())
    except (FileNotFoundError, NotAuthenticated):
        key = create_token(OPERATOR_TOKEN, TokenScope.ADMIN, getpass.getuser(), replace=True)
        write_private(path, key + "\n")
        return True
    return False
