"""What the embedded broker confirmed is there after any end of it."""

from __future__ import annotations

import json
import resource
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing

from tests.broker_process import ROOT
from tests.integration.broker.client import Client, Wire
from tests.ports import free_port
from tests.waiting import PATIENCE, wait_until


class TestAfterAKill:
    def test_confirmed_messages_are_there_in_order(self, own_broker):
        one = Client(own_broker, client_id="monitor")
        one.subscribe("/topic/epictopic", durable="ingest", ack="client")
        for number in range(300):
            one.post("/topic/epictopic", str(number))
            one.post("/queue/slices", f"slice {number}")
        one.send("/queue/slices", "last")
        own_broker.kill()
        own_broker.start()
        again = Client(own_broker, client_id="monitor")
        again.subscribe("/topic/epictopic", durable="ingest", ack="client", prefetch=1000)
        frames = [again.next() for _ in range(300)]
        assert [frame.body for frame in frames] == [str(number) for number in range(300)]
        assert frames[0].headers["redelivered"] == "true"
        assert frames[0].headers["message-id"] == one.messages[0].headers["message-id"]
        again.subscribe("/queue/slices", "2", prefetch=1000)
        bodies = again.next_bodies(301)
        assert bodies == [*(f"slice {number}" for number in range(300)), "last"]

    def test_acknowledged_messages_are_not(self, own_broker):
        one = Client(own_broker)
        for number in range(10):
            one.send("/queue/x", str(number))
        one.subscribe("/queue/x", ack="client")
        frames = [one.next() for _ in range(10)]
        one.ack(frames[6])
        own_broker.kill()
        own_broker.start()
        two = Client(own_broker)
        two.subscribe("/queue/x")
        assert two.next_bodies(3) == ["7", "8", "9"]
        assert two.nothing_comes()

    def test_dead_letters_and_a_commit_are_there(self, own_broker):
        one = Client(own_broker)
        one.send("/queue/x", "bad", namespace="n")
        one.subscribe("/queue/x")
        one.nack(one.next())
        one.connection.begin("t")
        one.send("/queue/y", "in transaction", transaction="t")
        one.connection.commit("t", headers={"receipt": "committed"})
        one.confirmed("committed")
        own_broker.kill()
        own_broker.start()
        two = Client(own_broker)
        two.subscribe("/queue/x")
        two.subscribe("/queue/y", "2")
        assert two.next().body == "in transaction"
        two.subscribe("/queue/ActiveMQ.DLQ", "3")
        dead = two.next()
        assert dead.headers["original-destination"] == "/queue/x"
        assert dead.headers["namespace"] == "n"
        assert "NACK" in dead.headers["dlqDeliveryFailureCause"]
        assert two.nothing_comes()

    def test_what_is_not_persistent_is_gone(self, own_broker):
        one = Client(own_broker)
        one.send("/queue/x", "fleeting", persistent="false")
        one.send("/queue/x", "lasting")
        own_broker.kill()
        own_broker.start()
        two = Client(own_broker)
        two.subscribe("/queue/x")
        assert two.next().body == "lasting"
        assert two.nothing_comes()

    def test_an_ended_durable_subscription_stays_ended(self, own_broker):
        one = Client(own_broker, client_id="a")
        one.subscribe("/topic/x", durable="s")
        one.send("/topic/x")
        one.unsubscribe(durable="s")
        own_broker.kill()
        own_broker.start()
        two = Client(own_broker, client_id="a")
        two.subscribe("/topic/x", durable="s")
        assert two.nothing_comes()


class TestWhatTheFileHolds:
    def test_a_message_goes_with_the_last_who_waits_for_it(self, own_broker):
        names = ["reader", "leaver", "away"]
        clients = {name: Client(own_broker, client_id=name) for name in names}
        for name in names:
            clients[name].subscribe("/topic/x", durable="s", ack="client", prefetch=100)
        clients["away"].leave()
        for number in range(40):
            clients["reader"].send("/topic/x", str(number))
        frames = [clients["reader"].next() for _ in range(40)]
        clients["reader"].ack(frames[-1])
        clients["leaver"].unsubscribe(durable="s")
        assert self.rows(own_broker) == {"box": 2, "message": 40, "entry": 40}
        own_broker.start()
        again = Client(own_broker, client_id="away")
        again.subscribe("/topic/x", durable="s", ack="client", prefetch=100)
        again.ack([again.next() for _ in range(40)][-1])
        again.unsubscribe(durable="s")
        assert self.rows(own_broker) == {"box": 1, "message": 0, "entry": 0}

    @staticmethod
    def rows(broker):
        """Count what is in the file; that ends the broker."""
        broker.stop()
        with closing(sqlite3.connect(broker.store)) as database:
            return {
                table: database.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]
                for table in ("box", "message", "entry")
            }

    def test_it_is_readable_by_its_owner_only(self, own_broker):
        assert own_broker.store.stat().st_mode & 0o077 == 0


class TestRedelivery:
    def test_a_message_that_fails_seven_times_is_a_dead_letter(self, own_broker):
        one = Client(own_broker)
        one.send("/queue/x", "poison")
        one.send("/queue/x", "good")
        for attempt in range(7):
            victim = Client(own_broker)
            victim.subscribe("/queue/x", prefetch=10)
            frame = victim.next()
            assert frame.body == "poison"
            assert frame.headers.get("redelivery-count", "0") == str(attempt)
            victim.vanish()
        survivor = Client(own_broker)
        survivor.subscribe("/queue/x")
        assert survivor.next().body == "good"
        survivor.subscribe("/queue/ActiveMQ.DLQ", "2")
        assert survivor.next().body == "poison"


class TestBacklog:
    def test_one_larger_than_the_memory_window_comes_in_order(self, own_broker):
        count, pad = 20_000, "x" * 50
        own_broker_sender = Wire(own_broker)
        frames = [
            f"SEND\ndestination:/queue/x\npersistent:true\n\n{number} {pad}\0"
            for number in range(count)
        ]
        own_broker_sender.send("".join(frames))
        own_broker_sender.send("SEND\ndestination:/queue/x\nreceipt:end\n\nfleeting\0")
        own_broker_sender.until(b"receipt-id:end")
        one = Client(own_broker)
        one.subscribe("/queue/x", ack="client", prefetch=700)
        for start in range(0, 5000, 500):
            taken = [one.next() for _ in range(500)]
            assert [int(f.body.split()[0]) for f in taken] == list(range(start, start + 500))
            one.ack(taken[-1])
        one.vanish()
        own_broker.kill()
        own_broker.start()
        two = Client(own_broker)
        two.subscribe("/queue/x", ack="auto")
        bodies = two.next_bodies(count - 5000)
        assert [int(body.split()[0]) for body in bodies] == list(range(5000, count))

    def test_selectors_find_what_lies_behind_it(self, own_broker):
        wire = Wire(own_broker)
        old = "SEND\ndestination:/queue/x\npersistent:true\nrun_id:1\n\nold\0"
        new = "SEND\ndestination:/queue/x\npersistent:true\nrun_id:2\nreceipt:end\n\nnew\0"
        wire.send(old * 9000 + new)
        wire.until(b"receipt-id:end")
        one = Client(own_broker)
        one.subscribe("/queue/x", selector="run_id='2'")
        assert one.next().body == "new"
        wire.send(new)
        assert one.next().body == "new"


class TestStopping:
    def test_sigterm_ends_it_and_keeps_everything(self, own_broker):
        one = Client(own_broker)
        for number in range(1000):
            one.post("/queue/x", str(number))
        one.send("/queue/x", "last")
        assert own_broker.stop() == 0
        own_broker.start()
        two = Client(own_broker)
        two.subscribe("/queue/x", prefetch=2000)
        assert two.next_bodies(1001)[-1] == "last"


class TestTroubleWithTheStore:
    def test_a_full_disk_is_told_and_survived(self, own_broker):
        one = Client(own_broker)
        one.subscribe("/queue/lasting")
        assert own_broker.process is not None
        pid = own_broker.process.pid
        size = own_broker.store.with_name("broker.sqlite3-wal").stat().st_size
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size + 20_000, resource.RLIM_INFINITY))
        sender = Client(own_broker)
        sender.post("/queue/x", "y" * 100_000, receipt="no")
        assert "store cannot be written" in sender.error()
        assert "no" not in sender.receipts
        wait_until(lambda: sender.lost)
        one.send("/queue/lasting", "memory only", persistent="false")
        assert one.next().body == "memory only"
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        wait_until(lambda: "can be written again" in own_broker.log)
        one.send("/queue/x", "again")
        own_broker.kill()
        own_broker.start()
        two = Client(own_broker)
        two.subscribe("/queue/x")
        assert "again" in two.next_bodies(2)

    def test_a_file_that_is_none_of_ours_is_named(self, tmp_path):
        (tmp_path / "broker.sqlite3").write_text("no database" * 100)
        code, said = run_broker(tmp_path, free_port())
        assert code == 2
        assert "broker.sqlite3" in said
        assert "Traceback" not in said

    def test_one_file_serves_one_broker(self, own_broker):
        code, said = run_broker(own_broker.folder, free_port())
        assert code == 2
        assert "no other broker uses this file" in said


class TestSettings:
    def test_a_taken_port_is_named_with_its_setting(self, tmp_path):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            code, said = run_broker(tmp_path, taken.getsockname()[1])
        assert code == 2
        assert "ACTIVEMQ_PORT" in said
        assert "Traceback" not in said

    def test_no_password_no_broker(self, tmp_path):
        code, said = run_broker(tmp_path, free_port(), ACTIVEMQ_PASSWORD="")
        assert code == 2
        assert "ACTIVEMQ_PASSWORD is empty" in said

    def test_it_listens_on_the_loopback_only(self, tmp_path):
        code, said = run_broker(tmp_path, free_port(), ACTIVEMQ_HOST="0.0.0.0")
        assert code == 2
        assert "loopback only" in said


def run_broker(folder, port, **environ):
    """Run a broker that is expected to give up at once; return its exit code and what it said."""
    result = subprocess.run(
        [sys.executable, "-m", "orchestrator.embedded_broker"],
        cwd=ROOT,
        env={
            "ACTIVEMQ_HOST": "127.0.0.1",
            "ACTIVEMQ_PASSWORD": "secret",
            "ACTIVEMQ_PORT": str(port),
            "SWF_RUNTIME_DIR": str(folder),
            **environ,
        },
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    return result.returncode, result.stderr


def test_statistics_say_what_lies_where(own_broker):
    one = Client(own_broker, client_id="monitor")
    one.subscribe("/topic/t", durable="ingest")
    one.send("/topic/t")
    one.next()
    one.send("/queue/q")
    one.leave()
    two = Client(own_broker)
    two.subscribe("/temp-queue/r", ack="auto")
    two.send("/queue/testbed.broker.statistics", reply_to="/temp-queue/r", correlation_id="5")
    reply = two.next()
    assert reply.headers["correlation-id"] == "5"
    found = json.loads(reply.body)
    rows = {row["destination"]: row for row in found["destinations"]}
    assert rows["/queue/q"]["depth"] == 1
    assert rows["/topic/t"]["enqueued"] == 1
    (durable,) = found["durable_subscriptions"]
    assert (durable["client_id"], durable["name"]) == ("monitor", "ingest")
    assert (durable["pending"], durable["connected"]) == (1, False)
    assert found["connections"] == 1
