from __future__ import annotations

import socket

import pytest

from orchestrator import ports
from swf_common_lib.errors import Conflict


@pytest.fixture
def listener():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen(1)
        yield server


def test_a_port_with_a_listener_is_not_free(listener):
    assert not ports.is_free(listener.getsockname()[1])


def test_a_port_is_free_again_after_its_listener_left(listener):
    port = listener.getsockname()[1]
    listener.close()

    assert ports.is_free(port)


def test_picking_steps_over_taken_and_avoided_ports(listener, monkeypatch):
    taken = listener.getsockname()[1]
    monkeypatch.setitem(ports.FIRST_CHOICE, "SWF_WEB_PORT", taken)

    port = ports.pick("SWF_WEB_PORT")

    assert port > taken
    assert (port - taken) % 10 == 0
    assert ports.pick("SWF_WEB_PORT", avoid=[port]) > port


def test_no_free_port_is_an_error_that_names_the_setting(monkeypatch):
    monkeypatch.setattr(ports, "is_free", lambda port: False)

    with pytest.raises(Conflict, match="SWF_MCP_PORT"):
        ports.pick("SWF_MCP_PORT")


def test_a_taken_port_is_told_with_its_setting_and_what_to_do():
    error = ports.taken("SWF_WEB_PORT", 8002)

    assert error.detail == "port 8002 (SWF_WEB_PORT) is taken by another program"
    assert "--new-ports" in error.hint
