"""Figures of queues: whatever queues a broker has, the labels are ours and "other"."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from monitor.probes.queues import queue_metrics
from orchestrator.queue_depths import QueueDepth, Reading

OURS = {
    "/queue/workflow_control",
    "/queue/panda.results.fastprocessing",
    "/queue/panda.transformer.slices",
    "/queue/ActiveMQ.DLQ",
    "other",
}
names = st.one_of(
    st.sampled_from(sorted(OURS)),
    st.text().map(lambda text: f"/queue/{text}"),
    st.integers(0).map(lambda number: f"/queue/panda.transformer.slices.{number}"),
    st.text(),
)
depths = st.builds(QueueDepth, *[st.integers(0, 10**6)] * 4)


def waiting(reading: Reading) -> dict[str, float]:
    (family,) = [one for one in queue_metrics(reading) if one.name == "swf_queue_messages_waiting"]
    return {sample.labels["queue"]: sample.value for sample in family.samples}


@given(st.dictionaries(names, depths))
def test_labels_are_bounded_and_nothing_is_lost(queues: dict[str, QueueDepth]) -> None:
    found = waiting(Reading(queues))

    assert set(found) == OURS
    assert sum(found.values()) == sum(depth.waiting for depth in queues.values())


def test_further_streams_of_a_queue_are_added_to_it() -> None:
    slices = "/queue/panda.transformer.slices"
    one, two = QueueDepth(3, 1, 1, 0), QueueDepth(4, 0, 0, 0)

    assert waiting(Reading({slices: one, f"{slices}.2": two}))[slices] == 7


def test_of_a_broker_that_does_not_tell_nothing_is_made_up() -> None:
    (known,) = queue_metrics(Reading(unknown="it does not say"))

    assert [sample.value for sample in known.samples] == [0]
