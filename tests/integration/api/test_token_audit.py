"""Making and revoking a token leaves a row of history: who, through what, which."""

from __future__ import annotations

import getpass

import pytest
from django.core.management import call_command

from monitor.records.models import SystemStateEvent
from swf_common_lib.errors import Conflict


@pytest.mark.django_db
def test_tokens_are_in_the_history(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("token", "create", "night shift", "--scope", "operate", "--user", "maria")
    key = capsys.readouterr().out.strip()
    with pytest.raises(Conflict):
        call_command("token", "create", "night shift")
    call_command("token", "revoke", "night shift")
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
