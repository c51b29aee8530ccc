"""What every broker under the testbed has to do, seen by bare stomp.py clients.

It runs against the embedded broker and a real ActiveMQ (see conftest).
"""

from __future__ import annotations

import time

import pytest
import stomp

from tests.integration.broker.client import accepted
from tests.waiting import wait_until


class TestConnecting:
    @pytest.mark.parametrize("version", ["1.1", "1.2"])
    def test_agrees_on_the_version_offered(self, client, queue, version):
        one = client(version=version)
        one.subscribe(queue)
        one.send(queue, "hello")
        one.ack(one.next())
        assert not one.errors

    def test_refuses_a_wrong_password(self, client):
        with pytest.raises(stomp.exception.ConnectFailedException):
            client(password="wrong")

    def test_refuses_a_second_connection_with_the_same_client_id(self, client, unique):
        first = client(client_id=unique)
        with pytest.raises(stomp.exception.ConnectFailedException):
            client(client_id=unique)
        first.leave()
        client(client_id=unique)

    def test_the_client_id_is_free_again_after_a_lost_connection(self, client, unique):
        client(client_id=unique).vanish()
        accepted(client, client_id=unique)

    def test_disconnect_is_confirmed(self, client):
        one = client()
        one.connection.disconnect(receipt="bye")
        one.confirmed("bye")


class TestQueues:
    def test_a_message_waits_for_its_consumer(self, client, queue):
        client().send(queue, "early")
        later = client()
        later.subscribe(queue)
        assert later.next().body == "early"

    def test_keeps_the_order(self, client, queue):
        one = client()
        for number in range(200):
            one.post(queue, str(number))
        one.subscribe(queue, ack="auto")
        assert one.next_bodies(200) == [str(number) for number in range(200)]

    def test_shares_messages_among_its_consumers(self, client, queue):
        sender, consumers = client(), [client(), client(), client()]
        for consumer in consumers:
            consumer.subscribe(queue, prefetch=1)
        for number in range(3):
            sender.send(queue, str(number))
        assert {consumer.next().body for consumer in consumers} == {"0", "1", "2"}

    def test_a_headers_of_the_sender_arrive(self, client, queue):
        one = client()
        one.subscribe(queue)
        odd = "colon: back\\slash, new\nline, \N{SNOWMAN}"
        one.send(queue, "{}", msg_type="stf_ready", run_id="100001", odd=odd)
        headers = one.next().headers
        assert headers["msg-type"] == "stf_ready"
        assert headers["run-id"] == "100001"
        assert headers["odd"] == odd
        assert headers["destination"] == queue
        assert headers["subscription"] == "1"
        assert abs(int(headers["timestamp"]) / 1000 - time.time()) < 60
        assert headers["message-id"]

    def test_message_ids_differ(self, client, queue):
        one = client()
        one.subscribe(queue)
        for _ in range(3):
            one.send(queue)
        assert len({one.next().headers["message-id"] for _ in range(3)}) == 3

    def test_unsubscribing_stops_the_messages(self, client, queue):
        one = client()
        one.subscribe(queue)
        one.unsubscribe()
        one.send(queue)
        assert one.nothing_comes()


class TestAcknowledging:
    def test_prefetch_bounds_what_is_given_unacknowledged(self, client, queue):
        one = client()
        for number in range(5):
            one.send(queue, str(number))
        one.subscribe(queue, prefetch=2)
        first, second = one.next(), one.next()
        assert one.nothing_comes()
        one.ack(second)
        assert one.next().body == "2"
        assert one.nothing_comes()
        one.ack(first)
        assert one.next().body == "3"

    @pytest.mark.parametrize("version", ["1.1", "1.2"])
    def test_client_acknowledges_all_up_to_one(self, client, queue, version):
        one = client(version=version)
        for number in range(6):
            one.send(queue, str(number))
        one.subscribe(queue, ack="client", prefetch=6)
        frames = [one.next() for _ in range(6)]
        one.ack(frames[3])
        one.leave()
        two = client(version=version)
        two.subscribe(queue)
        assert two.next_bodies(2) == ["4", "5"]
        assert two.nothing_comes()

    def test_what_was_not_acknowledged_comes_again_in_order_and_first(self, client, queue, unique):
        one = client(client_id=unique)
        for number in range(6):
            one.send(queue, str(number))
        one.subscribe(queue, prefetch=4)
        frames = [one.next() for _ in range(4)]
        one.ack(frames[1])
        one.vanish()
        two = accepted(client, client_id=unique)  # it has taken back what the first one had
        two.subscribe(queue)
        frames = [two.next() for _ in range(5)]
        assert [frame.body for frame in frames] == ["0", "2", "3", "4", "5"]
        assert frames[0].headers.get("redelivered") == "true"
        assert "redelivered" not in frames[4].headers

    def test_unsubscribing_gives_back(self, client, queue):
        one, two = client(), client()
        one.send(queue, "a")
        one.subscribe(queue)
        one.next()
        one.unsubscribe()
        two.subscribe(queue)
        frame = two.next()
        assert frame.body == "a"
        assert frame.headers.get("redelivered") == "true"

    @pytest.mark.parametrize("version", ["1.1", "1.2"])
    def test_nack_makes_a_dead_letter(self, client, queue, unique, version):
        one = client(version=version)
        one.subscribe(queue)
        one.send(queue, unique, msg_type="slice")
        one.nack(one.next())
        assert one.nothing_comes()
        dead = client()
        dead.subscribe("/queue/ActiveMQ.DLQ")
        wait_until(lambda: any(frame.body == unique for frame in dead.messages))
        frame = next(frame for frame in dead.messages if frame.body == unique)
        assert frame.headers["msg-type"] == "slice"
        for each in dead.messages:
            dead.ack(each)

    def test_nack_keeps_one_that_is_not_persistent_too(self, client, queue, unique):
        one = client()
        one.subscribe(queue)
        one.send(queue, unique, persistent="false")
        one.nack(one.next())
        dead = client()
        dead.subscribe("/queue/ActiveMQ.DLQ", ack="auto", prefetch=100)
        wait_until(lambda: any(frame.body == unique for frame in dead.messages))

    def test_an_ack_of_nothing_is_an_error(self, client, queue):
        one = client()
        one.subscribe(queue)
        one.connection.ack("no-such-id")
        assert "ACK" in one.error()


class TestTopics:
    def test_everybody_gets_every_message(self, client, topic):
        sender, one, two = client(), client(), client()
        one.subscribe(topic, ack="auto")
        two.subscribe(topic, ack="auto")
        for number in range(10):
            sender.send(topic, str(number))
        assert one.next_bodies(10) == two.next_bodies(10) == [str(n) for n in range(10)]

    def test_nobody_gets_what_came_before(self, client, topic):
        one = client()
        one.send(topic, "missed")
        one.subscribe(topic, ack="auto")
        one.send(topic, "seen")
        assert one.next().body == "seen"

    def test_a_topic_is_not_the_queue_of_its_name(self, client, unique):
        one = client()
        one.subscribe(f"/queue/{unique}")
        one.send(f"/topic/{unique}")
        assert one.nothing_comes()


class TestDurableSubscriptions:
    def test_messages_wait_while_the_client_is_away(self, client, topic, unique):
        one = client(client_id=unique)
        one.subscribe(topic, durable="ingest", ack="client")
        one.leave()
        sender = client()
        for number in range(20):
            sender.send(topic, str(number))
        again = client(client_id=unique)
        again.subscribe(topic, durable="ingest", ack="client")
        frames = [again.next() for _ in range(20)]
        assert [frame.body for frame in frames] == [str(number) for number in range(20)]
        again.ack(frames[-1])
        again.leave()
        third = client(client_id=unique)
        third.subscribe(topic, durable="ingest", ack="client")
        assert third.nothing_comes()

    def test_what_was_not_acknowledged_comes_again(self, client, topic, unique):
        one = client(client_id=unique)
        one.subscribe(topic, durable="ingest", ack="client")
        for number in range(5):
            one.send(topic, str(number))
        frames = [one.next() for _ in range(5)]
        one.ack(frames[1])
        one.leave()
        again = client(client_id=unique)
        again.subscribe(topic, durable="ingest", ack="client")
        assert again.next_bodies(3) == ["2", "3", "4"]

    def test_one_that_is_ended_keeps_nothing(self, client, topic, unique):
        one = client(client_id=unique)
        one.subscribe(topic, durable="ingest")
        one.unsubscribe()
        one.unsubscribe(durable="ingest")
        one.send(topic, "unheard")
        one.subscribe(topic, durable="ingest")
        assert one.nothing_comes()

    def test_with_a_selector(self, client, topic, unique):
        one = client(client_id=unique)
        one.subscribe(topic, durable="mine", selector="namespace='mine'")
        one.leave()
        sender = client()
        for name in ("other", "mine", "other"):
            sender.send(topic, name, namespace=name)
        again = client(client_id=unique)
        again.subscribe(topic, durable="mine", selector="namespace='mine'")
        assert again.next().body == "mine"
        assert again.nothing_comes()

    def test_one_with_another_selector_starts_anew(self, client, topic, unique):
        one = client(client_id=unique)
        one.subscribe(topic, durable="mine", selector="namespace='old'")
        one.leave()
        sender = client()
        sender.send(topic, "old", namespace="old")
        again = client(client_id=unique)
        again.subscribe(topic, durable="mine", selector="namespace='new'")
        sender.send(topic, "new", namespace="new")
        assert again.next().body == "new"
        assert again.nothing_comes()

    def test_two_clients_have_the_same_name_each_for_its_own(self, client, topic, unique):
        ones = [client(client_id=f"{unique}.{number}") for number in range(2)]
        for one in ones:
            one.subscribe(topic, durable="same")
        ones[0].send(topic, "both")
        for one in ones:
            assert one.next().body == "both"


class TestSelectors:
    @pytest.mark.parametrize(
        ("selector", "expected"),
        [
            ("namespace='x'", "ac"),
            ("namespace <> 'x'", "b"),
            ("namespace='x' AND run='100001'", "a"),
            ("run='100001' OR run='100002'", "abc"),
            ("NOT (namespace='x')", "b"),
            ("namespace IN ('y', 'z') OR (namespace='x' AND run='100002')", "bc"),
            ("extra IS NULL", "ac"),
            ("extra IS NOT NULL", "b"),
            ("extra = 'it''s'", "b"),
        ],
    )
    def test_choose_by_headers(self, client, queue, selector, expected):
        one = client()
        one.subscribe(queue, selector=selector, ack="auto")
        one.send(queue, "a", namespace="x", run="100001")
        one.send(queue, "b", namespace="y", run="100001", extra="it's")
        one.send(queue, "c", namespace="x", run="100002")
        assert one.next_bodies(len(expected)) == list(expected)
        assert one.nothing_comes()

    def test_many_for_somebody_else_are_in_nobodys_way(self, client, queue):
        busy, free, sender = client(), client(), client()
        busy.subscribe(queue, selector="namespace='busy'", prefetch=1)
        free.subscribe(queue, selector="namespace='free'", prefetch=1)
        for number in range(2000):
            sender.post(queue, str(number), namespace="busy")
        sender.send(queue, "mine", namespace="free")
        assert free.next().body == "mine"

    def test_what_no_selector_takes_waits_for_another_consumer(self, client, queue):
        one, two = client(), client()
        one.subscribe(queue, selector="run='2'")
        one.send(queue, "first", run="1")
        one.send(queue, "second", run="2")
        assert one.next().body == "second"
        two.subscribe(queue, selector="run='1'")
        assert two.next().body == "first"

    def test_one_not_understood_is_an_error(self, client, queue):
        one = client()
        one.connection.subscribe(queue, "1", headers={"selector": "namespace = = 'x'"})
        assert "selector" in one.error().lower()


class TestReceipts:
    def test_every_frame_that_asks_gets_one(self, client, queue):
        one = client()
        connection = one.connection
        connection.subscribe(queue, "1", ack="client", headers={"receipt": "subscribe"})
        connection.send(queue, "x", headers={"receipt": "send"})
        frame = one.next()
        connection.begin("t", headers={"receipt": "begin"})
        connection.ack(frame.headers["ack"], transaction="t", receipt="ack")
        connection.commit("t", headers={"receipt": "commit"})
        connection.begin("u", headers={"receipt": "begin again"})
        connection.abort("u", headers={"receipt": "abort"})
        connection.unsubscribe("1", headers={"receipt": "unsubscribe"})
        connection.disconnect(receipt="disconnect")
        wanted = {"subscribe", "send", "begin", "ack", "commit", "begin again", "abort"}
        wait_until(lambda: wanted | {"unsubscribe", "disconnect"} <= one.receipts)

    def test_one_for_a_window_of_messages(self, client, queue):
        one = client()
        for number in range(99):
            one.post(queue, str(number))
        one.send(queue, "99")
        two = client()
        two.subscribe(queue)
        assert two.next_bodies(100) == [str(number) for number in range(100)]


class TestTransactions:
    def test_commit_sends_and_acknowledges_at_once(self, client, unique):
        one = client()
        one.send(f"/queue/{unique}.in", "in")
        one.subscribe(f"/queue/{unique}.in")
        frame = one.next()
        one.connection.begin("t")
        one.send(f"/queue/{unique}.out", "out", transaction="t")
        one.ack(frame, transaction="t")
        two = client()
        two.subscribe(f"/queue/{unique}.out")
        assert two.nothing_comes()
        one.connection.commit("t")
        assert two.next().body == "out"
        one.leave()
        two.subscribe(f"/queue/{unique}.in", "2")
        assert two.nothing_comes()

    def test_abort_forgets(self, client, queue):
        one = client()
        one.connection.begin("t")
        one.send(queue, "never", transaction="t")
        one.connection.abort("t")
        one.subscribe(queue)
        assert one.nothing_comes()
