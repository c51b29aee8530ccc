"""Making and revoking a token leaves a row of history: who, through what, which."""

from __future__ import annotations

import getpass

import pytest

from monitor.management.commands.token import main
from monitor.records.models import SystemStateEvent


@pytest.mark.django_db
def test_tokens_are_in_the_history(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["create", "night shift", "--scope", "operate", "--user", "maria"]) == 0
    key = capsys.readouterr().out.strip()
    assert main(["create", "night shift"]) == 1, "the name is taken"
    assert main(["revoke", "night shift"]) == 0
    events = SystemStateEvent.objects.order_by("id")
    told = [(e.event_type, e.actor, e.via, e.event_data["reason"]) for e in events]
    own = getpass.getuser()
    assert told == [
        (
            "token_created",
            own,
            "cli",
            "night shift: scope operate, in the name of maria",
        ),
        ("token_revoked", own, "cli", "night shift"),
    ]
    assert key not in str(told)
