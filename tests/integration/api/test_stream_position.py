"""Where a stream of messages stands."""

from __future__ import annotations

import pytest
from django.utils import timezone

from monitor.api import stream
from monitor.records.models import WorkflowMessage

pytestmark = pytest.mark.django_db(transaction=True)


def message(kind: str) -> WorkflowMessage:
    """Record a message."""
    made: WorkflowMessage = WorkflowMessage.objects.create(
        message_id=f"m{WorkflowMessage.objects.count()}",
        message_type=kind,
        destination="/topic/epictopic",
        sent_at=timezone.now(),
        received_at=timezone.now(),
        content={},
    )
    return made


def test_what_nobody_wanted_is_looked_through_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made = [message("stf_ready" if number % 2 else "stf_gen") for number in range(9)]
    monkeypatch.setattr(stream, "BATCH", 2)
    opened = stream.Stream({"message_type": "stf_ready"}, 0)
    found = [row.pk for _ in range(3) for row in opened.following()]
    assert found == [row.pk for row in made if row.message_type == "stf_ready"]
    assert opened.position == made[-1].pk
    unwanted = message("stf_gen")
    assert opened.following() == []
    assert opened.position == unwanted.pk
    wanted = message("stf_ready")
    assert [row.pk for row in opened.following()] == [wanted.pk]
    assert opened.following() == []
