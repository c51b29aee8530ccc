"""How many persistent messages a second the embedded broker passes on, and what one costs it.

    python -m tests.benchmarks.bench_broker [--messages 100000] [--size 400] [--durables 1]

One sender with a receipt every 100 messages and 20 such windows open, to a topic with durable
subscribers (``ack: client``, prefetch 5000, an ACK every 500). Bare sockets, so that the broker is
what is measured. CPU seconds are the broker's: messages / CPU seconds is what one core carries.
"""

from __future__ import annotations

import argparse
import re
import socket
import tempfile
import threading
import time
from pathlib import Path

from tests.broker_process import BrokerProcess, start_broker

WINDOW, OPEN_WINDOWS, ACK_EVERY = 100, 20, 500
_ACK = re.compile(rb"\nack:([^\n]+)\n")


class Client:
    """A bare STOMP client."""

    def __init__(self, broker: BrokerProcess, client_id: str = "") -> None:
        self.socket = socket.create_connection((broker.host, broker.port))
        name = f"client-id:{client_id}\n" if client_id else ""
        self.send(
            f"CONNECT\naccept-version:1.2\nhost:x\nlogin:{broker.user}\n"
            f"passcode:{broker.password}\n{name}\n\0"
        )
        self.receive_until(b"CONNECTED")

    def send(self, frame: str) -> None:
        self.socket.sendall(frame.encode())

    def receive_until(self, text: bytes) -> None:
        data = b""
        while text not in data:
            data += self.socket.recv(65536)


def publish(broker: BrokerProcess, options: argparse.Namespace) -> None:
    client = Client(broker)
    allowed = threading.Semaphore(OPEN_WINDOWS)
    windows = options.messages // WINDOW
    done = threading.Event()

    def read_receipts() -> None:
        seen = 0
        while seen < windows:
            found = client.socket.recv(65536).count(b"RECEIPT\n")
            seen += found
            for _ in range(found):
                allowed.release()
        done.set()

    threading.Thread(target=read_receipts, daemon=True).start()
    head = (
        f"SEND\ndestination:{options.destination}\npersistent:{options.persistent}\nvo:eic\n"
        "msg_type:stf_ready\nnamespace:bench\nrun_id:100001\ncontent-length:%d\n"
    ) % options.size
    one = f"{head}\n{'x' * options.size}\0"
    last = f"{head}receipt:w\n\n{'x' * options.size}\0"
    window = one * (WINDOW - 1) + last
    for _ in range(windows):
        allowed.acquire()
        client.send(window)
    done.wait()


def consume(broker: BrokerProcess, options: argparse.Namespace, name: str) -> None:
    client = Client(broker, client_id=name)
    durable = f"activemq.subscriptionName:{name}\n" if "/topic/" in options.destination else ""
    client.send(
        f"SUBSCRIBE\nid:1\ndestination:{options.destination}\nack:client\nreceipt:s\n"
        f"activemq.prefetchSize:5000\n{durable}\n\0"
    )
    options.ready.release()
    seen, acked, rest, last = 0, 0, b"", b""
    while seen < options.messages:
        data = rest + client.socket.recv(262144)
        frames = data.split(b"\0")
        rest = frames.pop()
        for frame in frames:
            match = _ACK.search(frame, 0, 200)
            if match:
                seen, last = seen + 1, match[1]
        if seen - acked >= ACK_EVERY or seen >= options.messages:
            client.send(f"ACK\nid:{last.decode()}\n\n\0")
            acked = seen
    client.send("DISCONNECT\nreceipt:end\n\n\0")
    client.receive_until(b"end")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--size", type=int, default=400, help="bytes of a body")
    parser.add_argument("--durables", type=int, default=1, help="durable subscribers")
    parser.add_argument("--persistent", default="true")
    parser.add_argument("--destination", default="/topic/bench")
    options = parser.parse_args()
    options.ready = threading.Semaphore(0)
    with tempfile.TemporaryDirectory() as folder:
        broker = start_broker(Path(folder))
        try:
            measure(broker, options)
        finally:
            broker.stop()


def measure(broker: BrokerProcess, options: argparse.Namespace) -> None:
    consumers = [
        threading.Thread(target=consume, args=(broker, options, f"durable{n}"), daemon=True)
        for n in range(options.durables)
    ]
    for consumer in consumers:
        consumer.start()
        options.ready.acquire()
    started, cpu = time.monotonic(), cpu_seconds(broker)
    publish(broker, options)
    confirmed = time.monotonic() - started
    for consumer in consumers:
        consumer.join()
    drained, cpu = time.monotonic() - started, cpu_seconds(broker) - cpu
    count = options.messages
    print(f"confirmed {count / confirmed:,.0f}/s, drained {count / drained:,.0f}/s")
    print(f"broker CPU {cpu:.2f} s: {count / cpu:,.0f} messages per core and second")


def cpu_seconds(broker: BrokerProcess) -> float:
    """Return the user and system time that the broker has taken so far (Linux)."""
    assert broker.process is not None
    fields = Path(f"/proc/{broker.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


if __name__ == "__main__":
    main()
