"""What the service manager hears: a real notify socket, the daemon's own loop, and parts of it that hang."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.nodes import Node

from gateway.adapters.channels.folders import Watch
from gateway.daemon import vitals
from gateway.daemon.process import Daemon
from gateway.daemon.vitals import PATIENCE, PULSE_SECONDS, Vitals
from gateway.policy.facts import Facts, Intake

UNIT = Path(__file__).parents[3] / "systemd" / "gateway.service"
FED = b"WATCHDOG=1"


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The service manager's end of the socket."""
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(address))
        listening.settimeout(60)
        monkeypatch.setenv("NOTIFY_SOCKET", str(address))
        yield listening


@pytest.fixture
def passed() -> list[float]:
    return [0.0]


class Entered(Daemon):
    """One that tells when it begins to scan."""

    def __init__(self, facts: Facts) -> None:
        super().__init__(facts)
        self.entered = threading.Event()

    def scan(self) -> None:
        self.entered.set()
        super().scan()


@pytest.fixture
def daemon(node: Node, manager: socket.socket, passed: list[float]) -> Iterator[Entered]:
    """Its loop as it runs, on a real node; nothing else of it, so that no sweep comes round but by the test."""
    made = Entered(node.facts)
    made.node, made.vitals = node.running, Vitals(lambda: passed[0])
    made._watch = Watch([node.folder()], network=False)
    loop = threading.Thread(target=made._loop)
    loop.start()
    yield made
    made.stopping.set()
    loop.join(60)
    assert not loop.is_alive()


def rounds(daemon: Daemon, count: int) -> None:
    """Wait until the loop has looked at every folder so many times more."""
    for _ in range(count):
        before = daemon.last_scan
        while daemon.last_scan == before:
            assert not daemon.stopping.wait(0.02)


def heard(manager: socket.socket) -> list[bytes]:
    """What was said and not yet read."""
    found = []
    manager.setblocking(False)
    try:
        while True:
            found.append(manager.recv(100))
    except BlockingIOError:
        return found
    finally:
        manager.settimeout(60)


def test_it_is_fed_while_all_comes_round(daemon: Daemon, manager: socket.socket) -> None:
    assert {manager.recv(100) for _ in range(3)} == {FED}


def test_a_sweep_that_hangs_silences_it(daemon: Daemon, manager: socket.socket, passed: list[float]) -> None:
    assert manager.recv(100) == FED
    passed[0] += PATIENCE["sweep"] + 1  # the scan comes round, the scheduler's job does not
    rounds(daemon, 2)
    heard(manager)
    rounds(daemon, 2)
    assert heard(manager) == []
    assert daemon.vitals.stuck() == ["sweep"]
    daemon.vitals.beat("sweep")
    assert manager.recv(100) == FED


def test_a_scan_that_hangs_silences_it(daemon: Entered, manager: socket.socket) -> None:
    assert manager.recv(100) == FED
    with daemon._turn:  # as if a share did not answer: the loop waits inside its scan
        daemon.entered.clear()
        assert daemon.entered.wait(60)
        heard(manager)
        manager.settimeout(1.2)  # two rounds and more
        with pytest.raises(TimeoutError):
            manager.recv(100)
    manager.settimeout(60)
    assert manager.recv(100) == FED


def test_the_units_patience_leaves_room_for_the_slowest_round() -> None:
    """Twice the pulse, as `sd_watchdog_enabled` advises, and more than a scan may take with the rest after it."""
    (seconds,) = re.findall(r"^WatchdogSec=(\d+)$", UNIT.read_text(), re.MULTILINE)
    assert int(seconds) >= 2 * PULSE_SECONDS
    assert int(seconds) > PATIENCE["scan"] + PULSE_SECONDS
    with pytest.raises(ValueError, match="less than or equal to 60"):
        Intake(scan_seconds=61)
    assert PATIENCE["scan"] > Intake.model_fields["scan_seconds"].default


def test_a_long_rest_is_no_silence(node: Node, manager: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vitals, "PULSE_SECONDS", 0.1)
    made = Daemon(node.facts)
    made._watch = Watch([node.folder()], network=False)
    made._watch.start()
    try:
        while made._watch.wait(0.1):
            pass
        made._rest(0.25)
        assert heard(manager) == [FED] * 3
        made._watch.wake.set()
        made._rest(60)
        assert heard(manager) == [], "what was heard ends the rest"
    finally:
        made._watch.stop()
