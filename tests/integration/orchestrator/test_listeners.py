"""Whose process listens on a port, with real ones."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from orchestrator.listeners import Stranger, listens, stranger_on
from tests.ports import free_port
from tests.processes import end
from tests.strangers import stranger_listening
from tests.waiting import wait_until

HOST = "127.0.0.1"
PARENT_OF_ONE = (
    "import subprocess, sys; subprocess.run([sys.executable, '-c', "
    '\'import socket, sys; listener = socket.create_server(("127.0.0.1", int(sys.argv[1]))); '
    "sys.stdin.read()', sys.argv[1]])"
)


@pytest.fixture
def supervisord(tmp_path):
    return tmp_path / "s.sock"


def test_a_port_at_which_nobody_listens_has_no_stranger(supervisord):
    assert stranger_on(HOST, free_port(), os.getpid(), supervisord) is None
    assert stranger_on(HOST, free_port(), 0, supervisord) is None


def test_the_services_own_process_is_no_stranger(supervisord):
    with socket.create_server((HOST, 0)) as own:
        port = own.getsockname()[1]

        assert stranger_on(HOST, port, os.getpid(), supervisord) is None


def test_a_child_of_the_service_is_no_stranger(supervisord):
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT_OF_ONE, str(port)], stdin=subprocess.PIPE
    )
    try:
        wait_until(lambda: listens(process.pid, port))
        assert not [
            one for one in psutil.Process(process.pid).net_connections() if one.laddr.port == port
        ]
        assert stranger_on(HOST, port, process.pid, supervisord) is None
    finally:
        assert process.stdin
        process.stdin.close()
        process.wait()


@pytest.fixture
def service() -> Iterator[int]:
    """A service that lives and listens nowhere: its process id."""
    process = subprocess.Popen(["sleep", "600"])
    yield process.pid
    end(process)


@pytest.mark.parametrize("up", [True, False])
def test_a_stranger_is_named(supervisord, service, up):
    port = free_port()
    with stranger_listening(port) as pid:
        found = stranger_on(HOST, port, service if up else 0, supervisord)

    assert found is not None
    assert found.pid == pid
    assert "python" in found.name


def test_another_program_of_the_same_supervisord_is_no_stranger(supervisord, monkeypatch):
    port = free_port()
    monkeypatch.setenv("SUPERVISOR_SERVER_URL", f"unix://{supervisord}")
    with stranger_listening(port):
        assert stranger_on(HOST, port, 0, supervisord) is None
        assert stranger_on(HOST, port, 0, supervisord.with_name("other.sock")) is not None


def test_a_service_that_has_just_ended_does_not_hide_a_stranger(supervisord):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    end(gone)
    port = free_port()
    with stranger_listening(port) as pid:
        found = stranger_on(HOST, port, gone.pid, supervisord)

    assert found is not None
    assert found.pid == pid


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_stranger_of_another_user_is_told_though_nobody_may_know_him(supervisord):
    """A user who is not root looks: root's listener is one that cannot be read."""
    port = free_port()
    with stranger_listening(port):
        os.seteuid(65534)
        try:
            found = stranger_on(HOST, port, 0, supervisord)
        finally:
            os.seteuid(0)

    assert found == Stranger()
