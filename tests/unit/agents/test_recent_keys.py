"""What was seen lately: bounded, the oldest forgotten first."""

from __future__ import annotations

from agents.workers.recent_keys import RecentKeys


def test_the_oldest_is_forgotten_beyond_the_limit() -> None:
    recent: RecentKeys[int] = RecentKeys(3)
    for number in range(10):
        recent.add(number)
    assert [number for number in range(10) if number in recent] == [7, 8, 9]
    assert len(recent) == 3


def test_what_is_known_takes_no_room_again() -> None:
    recent: RecentKeys[str] = RecentKeys(2)
    for name in ("a", "b", "b", "b"):
        recent.add(name)
    assert "a" in recent
    recent.add("c")
    assert "a" not in recent
