"""What brokers do with single messages and silent connections; see test_messaging_contract."""

from __future__ import annotations

import time
import uuid

from tests.integration.broker.client import Wire, accepted
from tests.waiting import wait_until


class TestExpiry:
    def test_a_message_whose_time_is_over_is_not_delivered(self, client, queue):
        one = client()
        one.send(queue, "old", expires=int(time.time() * 1000) + 50)
        one.send(queue, "lasting", expires=int(time.time() * 1000) + 600_000)
        one.send(queue, "for ever")
        past = time.time() + 0.1
        wait_until(lambda: time.time() > past)
        one.subscribe(queue)
        frame = one.next()
        assert frame.body == "lasting"
        assert int(frame.headers["expires"]) > time.time() * 1000
        assert one.next().body == "for ever"

    def test_such_a_message_is_no_dead_letter(self, client, queue, unique):
        one = client()
        one.send(queue, unique, expires=int(time.time() * 1000) + 20)
        past = time.time() + 0.1
        wait_until(lambda: time.time() > past)
        one.subscribe(queue, ack="auto")
        assert one.nothing_comes()
        one.subscribe("/queue/ActiveMQ.DLQ", "dead", ack="auto", prefetch=100)
        one.nothing_comes()
        assert unique not in [frame.body for frame in one.messages]


class TestTemporaryQueues:
    def test_a_reply_finds_its_way(self, client, queue):
        asks, answers = client(), client()
        answers.subscribe(queue)
        asks.subscribe("/temp-queue/replies", ack="auto")
        asks.send(queue, "question", reply_to="/temp-queue/replies", correlation_id="7")
        question = answers.next()
        assert question.headers["reply-to"] != "/temp-queue/replies"
        answers.send(question.headers["reply-to"], "answer", correlation_id="7")
        answer = asks.next()
        assert (answer.body, answer.headers["correlation-id"]) == ("answer", "7")

    def test_it_goes_with_its_owner(self, client, queue):
        asks, answers = client(), client()
        answers.subscribe(queue)
        asks.subscribe("/temp-queue/replies", ack="auto")
        asks.send(queue, "question", reply_to="/temp-queue/replies")
        question = answers.next()
        asks.leave()
        answers.post(question.headers["reply-to"], "too late")
        assert question.headers["reply-to"].rsplit("/", 1)[1] in answers.error()

    def test_two_owners_may_use_the_same_name(self, client, queue):
        clients = [client(), client()]
        answers = client()
        answers.subscribe(queue)
        for number, asks in enumerate(clients):
            asks.subscribe("/temp-queue/same", ack="auto")
            asks.send(queue, str(number), reply_to="/temp-queue/same")
        for _ in clients:
            question = answers.next()
            answers.send(question.headers["reply-to"], f"to {question.body}")
        assert [asks.next().body for asks in clients] == ["to 0", "to 1"]


class TestHeartBeats:
    def test_both_ways_keep_a_silent_connection(self, client, queue):
        # The broker gives up after twelve seconds of silence; ten of its own beats are longer.
        one = client(heartbeats=(8000, 1500), heart_beat_receive_scale=20)
        wait_until(lambda: one.beats["received"] >= 10)
        assert not one.lost
        one.subscribe(queue)
        one.send(queue, "still there")
        assert one.next().body == "still there"

    def test_a_client_that_stays_silent_against_its_word_is_dropped(self, client, broker, unique):
        wire = Wire(broker, login=False)
        wire.send(
            f"CONNECT\naccept-version:1.2\nhost:x\nlogin:{broker.user}\n"
            f"passcode:{broker.password}\nclient-id:{unique}\nheart-beat:300,0\n\n\0"
        )
        wire.until(b"CONNECTED")
        wire.until_closed()
        accepted(client, client_id=unique)


class TestBodies:
    def test_two_megabytes(self, client, queue):
        body = uuid.uuid4().hex * 65536
        one = client()
        one.send(queue, body)
        one.subscribe(queue)
        assert one.next().body == body

    def test_unicode(self, client, queue):
        one = client()
        one.subscribe(queue)
        one.send(queue, "Grüße, \N{GREEK SMALL LETTER MU}s, \N{SNOWMAN}")
        assert one.next().body == "Grüße, \N{GREEK SMALL LETTER MU}s, \N{SNOWMAN}"

    def test_without_a_content_length(self, client, queue):
        one = client(auto_content_length=False)
        one.subscribe(queue)
        one.send(queue, '{"text": "message"}')
        frame = one.next()
        assert frame.body == '{"text": "message"}'
        assert "content-length" not in frame.headers

    def test_binary_with_nul(self, client, queue):
        body = bytes(range(256)) * 4 + b"\0\n\n\0\r\n"
        one = client(raw=True)
        one.subscribe(queue)
        one.send(queue, body)
        assert one.next().body == body

    def test_empty(self, client, queue):
        one = client()
        one.subscribe(queue)
        one.send(queue, "")
        assert one.next().body == ""
