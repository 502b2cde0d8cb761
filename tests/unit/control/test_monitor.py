"""The port for monitors: half-open and slow requests cost a bounded number of threads, for a bounded time."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from gateway.adapters.ledger import LedgerAway
from gateway.control import monitor
from gateway.control.monitor import HOST, MOST, MonitorServer
from gateway.control.server import Request, respond


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(monitor, "SECONDS", 0.5)
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        number = int(probe.getsockname()[1])
    server = MonitorServer(number, {"GET healthz": lambda _: {"ok": True}})
    server.start()
    yield number
    server.close()


def answers(port: int) -> bool:
    """Whether it serves; a place that was held is free a moment after its peer reads the end."""
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        connection = http.client.HTTPConnection(HOST, port, timeout=10)
        with suppress(OSError, http.client.HTTPException), closing(connection):
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
    return False


def test_half_open_requests_are_bounded_and_end(port: int) -> None:
    before = threading.active_count()
    open_ones = [socket.create_connection((HOST, port)) for _ in range(60)]
    for connection in open_ones:
        connection.sendall(b"GET /heal")
    # Those over the most are closed at once, the others when their time is up: each reads an end, none hangs.
    assert [connection.recv(1) for connection in open_ones if not connection.settimeout(60)] == [b""] * 60
    assert threading.active_count() <= before + 2 * MOST + 1
    assert answers(port)


def test_a_request_that_comes_byte_by_byte_is_cut_off(port: int) -> None:
    with socket.create_connection((HOST, port)) as connection:
        connection.settimeout(0.05)
        limit = time.monotonic() + 60
        while not ended(connection):
            assert time.monotonic() < limit
    assert answers(port)


def ended(connection: socket.socket) -> bool:
    """Send one byte more; whether the other end is closed."""
    try:
        connection.sendall(b"G")
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def test_a_ledger_that_is_away_is_told_to_people_in_a_sentence() -> None:
    def away(_: Request) -> None:
        raise LedgerAway

    status, body, _ = respond(away, Request(("parcels",), {}, "test"))
    assert status == 503
    assert json.loads(body)["error"].startswith("台账数据库暂时不可用")
    assert "LedgerAway" not in body.decode()
