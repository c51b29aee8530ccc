"""Make or bring up to date the database, and the operator's token.

`testbed init` runs it. Safe to repeat: it prints a line for each thing it did, nothing otherwise.
"""

from __future__ import annotations

import getpass
import os
from pathlib import Path

import django

from swf_common_lib.errors import TestbedError

OPERATOR_TOKEN = "operator"  # noqa: S105  its name, not its key


def main() -> None:
    """Migrate, and write the operator's token unless a valid one is there."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "monitor.settings")
    django.setup()

    from django.conf import settings
    from django.core.management import call_command

    from monitor.database_server import require_answer, unhurried

    testbed = settings.TESTBED
    embedded: Path | None = None if testbed.swf_database_url else testbed.database_file
    made = embedded is not None and not embedded.exists()
    try:
        require_answer()
    except TestbedError as error:
        raise SystemExit(str(error)) from None
    with unhurried():
        call_command("migrate", interactive=False, verbosity=0)
    if embedded is not None and made:
        embedded.chmod(0o600)
        print(f"made the database {embedded}")
    if ensure_operator_token(testbed.token_file):
        print(f"wrote the operator's token to {testbed.token_file}")


def ensure_operator_token(path: Path) -> bool:
    """Write a new token to ``path`` unless the one that is there is good; True when written.

    Whoever can read the file owns the installation, so the token has every scope.
    """
    from monitor.records.models.access import TokenScope
    from monitor.records.tokens import create_token, verify_token
    from swf_common_lib.errors import NotAuthenticated

    try:
        verify_token(path.read_text(encoding="utf-8").strip())
    except (FileNotFoundError, NotAuthenticated):
        key = create_token(OPERATOR_TOKEN, TokenScope.ADMIN, getpass.getuser(), replace=True)
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(key + "\n")
        return True
    return False


if __name__ == "__main__":
    main()
