"""The collector against a real OpenSSH: complete files only, once each, whole, whatever happens in between."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from gateway.adapters.channels import sshd
from gateway.adapters.channels.folders import ExchangeRoot
from gateway.adapters.channels.room import Room
from gateway.adapters.channels.sftp import Collector, Endpoint, Errand, Memory, Plan, Round, fetching, landing
from gateway.adapters.channels.sftp.breaker import Breaker
from gateway.adapters.channels.sshd import HOST, LocalSshd, make_key, openssh
from gateway.adapters.clock import SystemClock
from gateway.daemon.collecting import Collecting
from gateway.outcomes import Deferred, Fault, Ok
from gateway.parcels import AgreementId, PartyId

MB = 1 << 20
PARTY = PartyId("000000")
LABEL = "国家分发流入人口个案"
DROP, BESIDE = f"000000/上报/{LABEL}", f"000000/接收/{LABEL}"
REMOTE = "接收/跨省流入人口个案"
ENDING = ".tar.zst.gpg"
ROOM = Room(min_free=0)


def package(number: int = 1) -> str:
    return f"migrants-inflow_{number:02d}0000_440000_2026Q3_r1_{number:08x}"


@dataclass
class Exchange:
    """A partner's server and our side of it."""

    home: Path
    server: LocalSshd
    endpoint: Endpoint
    collectors: list[Collector] = field(default_factory=list)

    @property
    def remote(self) -> Path:
        return self.server.data / REMOTE

    @property
    def drop(self) -> Path:
        return self.home / "exchange" / DROP

    @property
    def beside(self) -> Path:
        return self.home / "exchange" / BESIDE

    @property
    def state(self) -> Path:
        return self.home / "state" / "collected"

    def lay(self, name: str, data: bytes) -> bytes:
        """As a courier does: whole at once."""
        hidden = self.remote / f".{name}.part"
        hidden.write_bytes(data)
        hidden.rename(self.remote / name)
        return data

    def lay_list(self, packages: dict[str, bytes], name: str = "分发清单_2026Q3_第1批_440000.json") -> bytes:
        rows = [{"package": p, "sha256": hashlib.sha256(d).hexdigest(), "size": len(d)} for p, d in packages.items()]
        return self.lay(name, json.dumps({"packages": rows}).encode())

    def collector(self, **more: Any) -> Collector:
        """A new one, as after a restart. What is not the collector's own is its plan's."""
        root = ExchangeRoot(self.home / "exchange", self.home / "record")
        errand = Errand(AgreementId("distributed-inflow"), REMOTE, DROP, BESIDE)
        own = {name: more.pop(name) for name in ("room", "breaker") if name in more}
        plan = replace(Plan(PARTY, self.endpoint, [errand], settle_seconds=0.0), **more)
        made = Collector(plan, root, Memory(self.state), now=SystemClock().now, **{"room": ROOM, **own})
        self.collectors.append(made)
        return made

    def pin(self) -> None:
        self.endpoint.known_hosts.write_text(self.server.known_hosts_line)

    def hidden(self) -> list[str]:
        return [p.name for p in self.drop.iterdir() if p.name.startswith(".")]

    def names(self) -> list[str]:
        return sorted(p.name for p in self.drop.iterdir())


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Exchange]:
    server = LocalSshd(tmp_path / "server", make_key(tmp_path / "key"))
    (server.data / REMOTE).mkdir(parents=True)
    for folder in (DROP, BESIDE):
        (tmp_path / "exchange" / folder).mkdir(parents=True)
    server.start()
    endpoint = Endpoint(
        host=HOST,
        port=server.port,
        username=server.username,
        key=tmp_path / "key",
        known_hosts=tmp_path / "known_hosts",
        stall_seconds=1.5,
    )
    made = Exchange(tmp_path, server, endpoint)
    made.pin()
    yield made
    for collector in made.collectors:
        collector.close()
    server.stop()


def ok(outcome: object) -> Round:
    assert isinstance(outcome, Ok), outcome
    assert isinstance(outcome.value, Round)
    return outcome.value


def deferred(outcome: object, code: str, reason: str | None = None) -> None:
    assert isinstance(outcome, Deferred), outcome
    assert (outcome.code, outcome.detail.get("reason")) == (code, reason)


def at_progress(monkeypatch: pytest.MonkeyPatch, moves: int, act: Callable[[], None]) -> None:
    """Do `act` once, when a collector told of progress for the `moves`-th time."""
    real, seen = Collector._progress, iter(range(1, moves + 1))

    def progress(collector: Collector) -> None:
        if next(seen, None) == moves:
            act()
        real(collector)

    monkeypatch.setattr(Collector, "_progress", progress)


# ---- what is taken, and when -----------------------------------------------------------------------------


def test_a_file_is_taken_at_the_second_equal_poll_and_never_again(exchange: Exchange) -> None:
    data = exchange.lay(package() + ENDING, os.urandom(100_000))
    collector = exchange.collector()
    assert ok(collector.round()) == Round(waiting=1)
    assert exchange.names() == []
    assert ok(collector.round()) == Round(files=1, bytes=100_000)
    assert (exchange.drop / (package() + ENDING)).read_bytes() == data
    (exchange.drop / (package() + ENDING)).unlink()  # the intake took it
    for again in (collector, collector, exchange.collector(), exchange.collector()):
        assert ok(again.round()) == Round()
    assert exchange.names() == []
    assert [p.name for p in exchange.remote.iterdir()] == [package() + ENDING]


def test_the_two_polls_lie_apart(exchange: Exchange) -> None:
    exchange.lay(package() + ENDING, b"x" * 1000)
    now = [0.0]
    collector = exchange.collector(settle_seconds=5.0, breaker=Breaker(monotonic=lambda: now[0]))
    for moment, files in ((0.0, 0), (4.9, 0), (5.0, 1)):
        now[0] = moment
        assert ok(collector.round()).files == files


def test_a_file_that_grows_or_is_written_anew_waits(exchange: Exchange) -> None:
    name = package() + ENDING
    target = exchange.remote / name
    collector = exchange.collector()
    for size, mtime in ((1000, 100), (2000, 100), (2000, 200)):
        target.write_bytes(b"x" * size)
        os.utime(target, (mtime, mtime))
        assert ok(collector.round()) == Round(waiting=1)
    assert ok(collector.round()).files == 1


def test_a_list_vouches_for_its_packages_at_the_first_poll_and_lands_last(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = {package(n): exchange.lay(package(n) + ENDING, os.urandom(5000 + n)) for n in (1, 2)}
    listed = exchange.lay_list(packages)
    order: list[str] = []
    real = landing.land

    def land(folder: int, token: str, name: str, sha256: str) -> bool:
        order.append(name)
        return real(folder, token, name, sha256)

    monkeypatch.setattr(landing, "land", land)
    assert ok(exchange.collector().round()).files == 3
    assert order == [package(1) + ENDING, package(2) + ENDING, "分发清单_2026Q3_第1批_440000.json"]
    for name, data in packages.items():
        assert (exchange.drop / (name + ENDING)).read_bytes() == data
    assert (exchange.beside / order[-1]).read_bytes() == listed


def test_a_package_that_is_not_what_its_list_says_stays_out(exchange: Exchange) -> None:
    good = os.urandom(3000)
    exchange.lay(package(1) + ENDING, bytes(3000))  # as long, and something else
    exchange.lay(package(2) + ENDING, good[:-1])  # shorter than it should be
    exchange.lay_list({package(1): good, package(2): good})
    collector = exchange.collector()
    assert ok(collector.round()) == Round(differing=2, files=1, bytes=collector.health()["bytes"])
    assert ok(collector.round()) == Round(differing=2)
    assert exchange.names() == []
    for name in (package(1), package(2)):
        exchange.lay(name + ENDING, good)
        os.utime(exchange.remote / (name + ENDING), (1, 1))
    assert ok(collector.round()).files == 2
    assert {p.read_bytes() for p in exchange.drop.iterdir()} == {good}


def test_only_packages_are_submissions(exchange: Exchange) -> None:
    beside = [
        "分发清单_2026Q3_第1批_440000.json",
        "分发清单_2026Q3_第1批_440000.json.sig",
        "分发清单_2026Q3_第1批_440000.html",
        "签收单_2026Q3_跨省流入人口个案_第1批_440000.receipt.json",
        "交接单_2026Q3_第1批_440000.html",
        "说明.xlsx",
        "not-a-package.tar.zst.gpg",
    ]
    for name in [*beside, package() + ENDING]:
        exchange.lay(name, name.encode())
    collector = exchange.collector()
    ok(collector.round())
    assert ok(collector.round()).files == len(beside) + 1
    assert exchange.names() == [package() + ENDING]
    assert sorted(p.name for p in exchange.beside.iterdir()) == sorted(beside)


def test_names_that_are_never_taken(exchange: Exchange) -> None:
    raw = os.fsencode(exchange.remote)
    taken = package() + ENDING
    never = [
        f".{taken}",
        f".{taken}.part",
        f"{taken}.part",
        f"{taken}.filepart",
        f"{taken}~",
        "~$a.xlsx",
        "a\nb",
        "x" * 215,
    ]
    for name in [*map(os.fsencode, never), "跨省".encode("gb18030"), os.fsencode(taken)]:
        with open(raw + b"/" + name, "wb") as stream:
            stream.write(b"x")
    (exchange.remote / "folder").mkdir()
    (exchange.remote / (package(2) + ENDING)).symlink_to("/etc/passwd")
    collector = exchange.collector()
    ok(collector.round())
    assert ok(collector.round()) == Round(files=1, bytes=1, passed_over=len(never) + 1)
    assert exchange.names() == [taken]
    assert list(exchange.beside.iterdir()) == []


def test_a_folder_that_is_not_there_yet_is_told_and_no_failure(exchange: Exchange) -> None:
    exchange.remote.rmdir()
    collector = exchange.collector()
    assert ok(collector.round()) == Round(missing=1)
    assert collector.health()["state"] == "closed"


def test_a_file_that_may_not_be_read_holds_up_no_other(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (1, 2, 3):
        exchange.lay(package(number) + ENDING, b"x" * number)
    collector = exchange.collector()
    ok(collector.round())
    (exchange.remote / (package(2) + ENDING)).unlink()  # between the listing and the fetch
    real = fetching.remote.blocks

    def blocks(sftp: Any, path: str, offset: int, size: int) -> Iterator[bytes]:
        return real(sftp, path if package(1) not in path else path + "-gone", offset, size)

    monkeypatch.setattr(fetching.remote, "blocks", blocks)
    assert ok(collector.round()) == Round(files=1, bytes=3, denied=1)
    monkeypatch.undo()
    assert ok(collector.round()).files == 1


def test_50000_names_are_listed_and_passed_by(exchange: Exchange) -> None:
    for number in range(50_000):
        (exchange.remote / f"n{number:05d}.part").touch()
    exchange.lay(package() + ENDING, b"x")
    collector = exchange.collector()
    ok(collector.round())
    assert ok(collector.round()) == Round(files=1, bytes=1, passed_over=50_000)


# ---- once each -------------------------------------------------------------------------------------------


def test_the_same_bytes_laid_out_again_land_once(exchange: Exchange) -> None:
    data = exchange.lay(package() + ENDING, os.urandom(2000))
    collector = exchange.collector()
    ok(collector.round())
    assert ok(collector.round()).files == 1
    (exchange.drop / (package() + ENDING)).unlink()
    exchange.lay(package() + ENDING, data)
    os.utime(exchange.remote / (package() + ENDING), (1, 1))
    for _ in range(3):
        assert ok(collector.round()).files == 0
    assert exchange.names() == []


def test_a_package_whose_name_is_taken_waits_and_a_document_gets_a_number(exchange: Exchange) -> None:
    name = package() + ENDING
    (exchange.drop / name).write_bytes(b"the one before")
    (exchange.beside / "a.html").write_bytes(b"the one before")
    exchange.lay(name, b"new")
    exchange.lay("a.html", b"new")
    collector = exchange.collector()
    ok(collector.round())
    assert ok(collector.round()) == Round(files=1, bytes=3, waiting=1)
    assert ok(collector.round()) == Round(waiting=1)
    assert (exchange.drop / name).read_bytes() == b"the one before"
    (exchange.drop / name).unlink()
    ok(exchange.collector().round())
    assert (exchange.drop / name).read_bytes() == b"new"
    assert sorted((p.name, p.read_bytes()) for p in exchange.beside.iterdir()) == [
        ("a-1.html", b"new"),
        ("a.html", b"the one before"),
    ]
    assert exchange.hidden() == []


# ---- in mid-transfer -------------------------------------------------------------------------------------


@pytest.mark.parametrize("listed", [True, False])
def test_a_cut_transfer_is_resumed_from_where_it_was(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch, listed: bool
) -> None:
    data = exchange.lay(package() + ENDING, os.urandom(12 * MB))
    collector = exchange.collector()
    if listed:
        exchange.lay_list({package(): data})
    else:
        ok(collector.round())

    def kill() -> None:
        for pid in sshd.descendants(exchange.server.pid or 0):
            os.kill(pid, signal.SIGKILL)

    at_progress(monkeypatch, 200, kill)
    deferred(collector.round(), "701", "dropped")
    monkeypatch.undo()
    (part,) = [exchange.drop / name for name in exchange.hidden()]
    held = part.stat().st_size
    assert 0 < held < len(data)
    asked: list[tuple[int, int]] = []
    real = fetching.remote.blocks

    def blocks(sftp: Any, path: str, offset: int, size: int) -> Iterator[bytes]:
        asked.append((offset, size))
        return real(sftp, path, offset, size)

    monkeypatch.setattr(fetching.remote, "blocks", blocks)
    assert ok(collector.round()).files == (2 if listed else 1)
    assert (held, len(data)) in asked
    assert (0, len(data)) not in asked
    assert exchange.names() == [package() + ENDING]
    assert (exchange.drop / (package() + ENDING)).read_bytes() == data


def test_a_file_replaced_between_two_tries_is_fetched_from_its_start(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long, and of the same second: only its bytes tell."""
    name = package() + ENDING
    exchange.lay(name, os.urandom(12 * MB))
    os.utime(exchange.remote / name, (1000, 1000))
    collector = exchange.collector()
    ok(collector.round())
    at_progress(monkeypatch, 200, lambda: collector._supervisor.abort())  # type: ignore[union-attr]
    deferred(collector.round(), "701", "dropped")
    monkeypatch.undo()
    data = exchange.lay(name, os.urandom(12 * MB))
    os.utime(exchange.remote / name, (1000, 1000))
    assert ok(collector.round()).files == 1
    assert (exchange.drop / name).read_bytes() == data


@pytest.mark.parametrize("moves", [20, 100, 180])
@pytest.mark.parametrize("meddle", ["truncate", "replace", "remove"])
def test_what_changes_under_the_transfer_does_not_land(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch, moves: int, meddle: str
) -> None:
    name = package() + ENDING
    exchange.lay(name, os.urandom(6 * MB))
    fresh = os.urandom(6 * MB)
    collector = exchange.collector()
    ok(collector.round())

    def act() -> None:
        if meddle == "truncate":
            os.truncate(exchange.remote / name, 1000)
        elif meddle == "remove":
            (exchange.remote / name).unlink()
        else:
            exchange.lay(name, fresh)
            os.utime(exchange.remote / name, (1, 1))

    at_progress(monkeypatch, moves, act)
    assert ok(collector.round()).files == 0
    monkeypatch.undo()
    assert exchange.names() == []
    exchange.lay(name, fresh)
    os.utime(exchange.remote / name, (1, 1))
    ok(collector.round())
    ok(collector.round())
    assert exchange.names() == [name]
    assert (exchange.drop / name).read_bytes() == fresh


def test_what_the_partner_withdraws_leaves_nothing_behind(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    exchange.lay(package() + ENDING, os.urandom(8 * MB))
    collector = exchange.collector()
    ok(collector.round())
    at_progress(monkeypatch, 100, lambda: collector._supervisor.abort())  # type: ignore[union-attr]
    deferred(collector.round(), "701", "dropped")
    monkeypatch.undo()
    assert len(exchange.hidden()) == 1
    (exchange.remote / (package() + ENDING)).unlink()
    assert ok(collector.round()) == Round()
    assert exchange.names() == []


def test_a_server_that_stops_answering_does_not_hold_us(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    data = exchange.lay(package() + ENDING, os.urandom(16 * MB))
    collector = exchange.collector()
    ok(collector.round())
    at_progress(monkeypatch, 100, lambda: exchange.server.signal_all(signal.SIGSTOP))
    deferred(collector.round(), "701", "stall")
    monkeypatch.undo()
    exchange.server.signal_all(signal.SIGCONT)
    assert ok(collector.round()).files == 1
    assert (exchange.drop / (package() + ENDING)).read_bytes() == data


def test_a_round_that_is_told_to_stop_ends_even_while_the_server_is_silent(
    exchange: Exchange, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange.lay(package() + ENDING, os.urandom(16 * MB))
    collector = exchange.collector(endpoint=replace(exchange.endpoint, stall_seconds=600))
    ok(collector.round())
    silent = threading.Event()

    def act() -> None:
        exchange.server.signal_all(signal.SIGSTOP)
        silent.set()

    at_progress(monkeypatch, 100, act)
    outcomes: list[object] = []
    thread = threading.Thread(target=lambda: outcomes.append(collector.round()))
    thread.start()
    assert silent.wait(60)
    collector.stop()
    thread.join(60)
    exchange.server.signal_all(signal.SIGCONT)
    assert not thread.is_alive()
    deferred(outcomes[0], "701", "stopped")
    deferred(collector.round(), "701", "stopped")
    assert collector.health()["failures"] == 0


# ---- kill -9 ---------------------------------------------------------------------------------------------

_CHILD = """
import os, signal, sys
from pathlib import Path
from gateway.adapters.clock import SystemClock
from gateway.adapters.channels.folders import ExchangeRoot, moving
from gateway.adapters.channels.room import Room
from gateway.adapters.channels.sftp import Collector, Endpoint, Errand, Memory, Plan, fetching, landing
from gateway.parcels import AgreementId, PartyId

home, port, user, moment, remote, drop, beside = sys.argv[1:]
home, left = Path(home), [int(moment)]

def tick(real):
    def ticking(*arguments, **more):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*arguments, **more)
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    return ticking

fetching.SEGMENT = 1 << 20
for where, names in (
    (Memory, ("keep", "landed", "forget", "expect")),
    (moving, ("rename_free", "remove", "sync")),
    (os, ("fsync", "fdatasync", "fchmod", "ftruncate")),
):
    for name in names:
        setattr(where, name, tick(getattr(where, name)))

endpoint = Endpoint(host="127.0.0.1", port=int(port), username=user, key=home / "key", known_hosts=home / "known_hosts")
state = home / "state" / "collected"
errands = [Errand(AgreementId("distributed-inflow"), remote, drop, beside)]
collector = Collector(
    Plan(PartyId("000000"), endpoint, errands, settle_seconds=0.0),
    ExchangeRoot(home / "exchange", home / "record"), Memory(state), now=SystemClock().now, room=Room(min_free=0),
)
for _ in range(2):
    collector.round()
"""


def test_kill_9_at_every_step_loses_nothing_and_doubles_nothing(exchange: Exchange) -> None:
    """A process is killed at its 1st, 3rd, … 27th durable step; whatever has arrived is taken away at once, as the
    intake does; in the end everything has arrived exactly once."""
    (exchange.home / "child.py").write_text(_CHILD)
    offered = {package(n) + ENDING: exchange.lay(package(n) + ENDING, os.urandom(3 * MB + n)) for n in range(1, 4)}
    exchange.lay_list({name.removesuffix(ENDING): data for name, data in offered.items()})
    exchange.lay("说明.html", b"a page")
    arrived: list[tuple[str, bytes]] = []

    def take() -> None:
        for folder in (exchange.drop, exchange.beside):
            for path in folder.iterdir():
                if not path.name.startswith("."):
                    arrived.append((path.name, path.read_bytes()))
                    path.unlink()

    killed = 0
    for moment in (*range(1, 29, 2), 2, 12, 10_000):
        done = subprocess.run(
            [
                sys.executable,
                str(exchange.home / "child.py"),
                *(str(exchange.home), str(exchange.server.port), exchange.server.username, str(moment)),
                *(REMOTE, DROP, BESIDE),
            ],
            timeout=120,
            check=False,
        )
        assert done.returncode in (0, -signal.SIGKILL)
        killed += done.returncode != 0
        take()
    assert killed >= 10
    assert sorted(name for name, _ in arrived) == sorted([*offered, "分发清单_2026Q3_第1批_440000.json", "说明.html"])
    assert {name: data for name, data in arrived if name in offered} == offered
    assert exchange.hidden() == []
    assert [p.name for p in exchange.beside.iterdir()] == []


# ---- limits and trouble ----------------------------------------------------------------------------------


def test_a_round_takes_no_more_than_its_limits_and_the_rest_follows(exchange: Exchange) -> None:
    packages = {package(n): exchange.lay(package(n) + ENDING, bytes([n]) * 1000) for n in range(1, 8)}
    exchange.lay_list(packages)
    collector = exchange.collector(most_files=3)
    assert [(r.files, r.left) for r in (ok(collector.round()) for _ in range(4))] == [(3, 5), (3, 2), (2, 0), (0, 0)]
    exchange.lay_list({p: exchange.lay(p + ENDING, d[:900]) for p, d in packages.items()}, "b.json")
    collector = exchange.collector(most_bytes=2000)
    for name in packages:
        (exchange.drop / (name + ENDING)).unlink()
    assert (lambda r: (r.files, r.bytes, r.left))(ok(collector.round())) == (2, 1800, 6)


def test_a_full_disk_defers_before_anything_is_written(exchange: Exchange) -> None:
    data = exchange.lay(package() + ENDING, os.urandom(4 * MB))
    exchange.lay_list({package(): data})
    room = [3 * MB]
    collector = exchange.collector(room=Room(min_free=0, free=lambda _: room[0]))
    deferred(collector.round(), "702")
    assert exchange.names() == []
    assert collector.health() | {"code": "702", "failures": 0, "state": "closed"} == collector.health()
    room[0] = 1 << 40
    assert ok(collector.round()).files == 2
    big = exchange.collector(room=Room(max_file=1 * MB, min_free=0))
    exchange.lay(package(2) + ENDING, bytes(2 * MB))
    assert ok(big.round()) == Round(too_large=1)


def test_our_share_that_is_away_is_no_failure_of_the_partner(exchange: Exchange) -> None:
    exchange.lay(package() + ENDING, b"x")
    collector = exchange.collector()
    ok(collector.round())
    (exchange.home / "exchange").rename(exchange.home / "away")
    deferred(collector.round(), "709", "root down")
    assert collector.health()["failures"] == 0
    assert not (exchange.home / "exchange").exists()
    (exchange.home / "away").rename(exchange.home / "exchange")
    assert ok(collector.round()).files == 1


def test_a_changed_host_key_stops_collecting_until_it_is_pinned(exchange: Exchange) -> None:
    exchange.lay(package() + ENDING, b"x")
    exchange.server.stop()
    exchange.server.renew_host_key()
    exchange.server.port = exchange.endpoint.port
    exchange.server.start()
    collector = exchange.collector()
    deferred(collector.round(), "705")
    assert collector.health()["state"] == "open"
    deferred(collector.round(), "701", "breaker")
    exchange.pin()
    fresh = exchange.collector()
    ok(fresh.round())
    assert ok(fresh.round()).files == 1


def test_fetching_speaks_what_delivering_speaks(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    exchange.lay(package() + ENDING, b"x")
    for offered, code in (("sntrup761x25519-sha512@openssh.com", "712"), ("curve25519-sha256", "")):
        exchange.server.stop()
        monkeypatch.setattr(openssh, "_ALGORITHMS", f"KexAlgorithms {offered}\n")
        exchange.server.port = exchange.endpoint.port
        exchange.server.start()
        collector = exchange.collector()
        if code:
            deferred(collector.round(), code)
            assert (collector.health()["code"], collector.health()["failures"]) == (code, 1)
    ok(collector.round())
    assert ok(collector.round()).files == 1


def test_our_own_key_that_is_missing_is_our_fault(exchange: Exchange) -> None:
    collector = exchange.collector(endpoint=replace(exchange.endpoint, key=exchange.home / "missing"))
    assert collector.round() == Fault("900", {"reason": "key"})


def test_a_partner_that_is_down_is_left_alone_for_longer_and_longer(exchange: Exchange) -> None:
    exchange.lay(package() + ENDING, b"x")
    exchange.server.stop()
    now = [0.0]
    breaker = Breaker(threshold=3, first_seconds=60, longest_seconds=100, monotonic=lambda: now[0], chance=lambda: 0.5)
    collector = exchange.collector(breaker=breaker)
    for _ in range(3):
        assert collector.health()["state"] == "closed"
        deferred(collector.round(), "701", "connect")
    for wait in (60.0, 100.0, 100.0):
        assert (collector.health()["state"], collector.health()["retry_in_seconds"]) == ("open", wait)
        now[0] += wait - 1
        deferred(collector.round(), "701", "breaker")
        now[0] += 1
        assert collector.health()["state"] == "half_open"
        deferred(collector.round(), "701", "connect")
    exchange.server.port = exchange.endpoint.port
    exchange.server.start()
    now[0] += 100
    ok(collector.round())
    assert collector.health() | {"state": "closed", "failures": 0, "code": ""} == collector.health()


def test_jitter_spreads_those_who_come_back() -> None:
    waits = set()
    for chance in (0.0, 0.5, 0.999):
        breaker = Breaker(threshold=1, first_seconds=60, monotonic=lambda: 0.0, chance=lambda chance=chance: chance)
        breaker.failed()
        waits.add(round(breaker.seconds_left))
    assert waits == {45, 60, 75}


def test_two_collectors_of_one_partner_do_not_meet(exchange: Exchange, monkeypatch: pytest.MonkeyPatch) -> None:
    exchange.lay(package() + ENDING, os.urandom(6 * MB))
    first, second = exchange.collector(), exchange.collector()
    ok(first.round())
    met: list[object] = []
    at_progress(monkeypatch, 50, lambda: met.append(second.round()))
    assert ok(first.round()).files == 1
    deferred(met[0], "701", "busy")


def await_until(holds: Callable[[], bool]) -> None:
    limit = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < limit
        time.sleep(0.05)


def test_a_partner_that_is_silent_delays_no_other_and_a_stop_ends_it(exchange: Exchange, tmp_path: Path) -> None:
    """Twelve silent partners: more threads than the scheduler has."""
    mute = LocalSshd(tmp_path / "mute", make_key(tmp_path / "mute-key"))
    mute.start()
    mute.signal_all(signal.SIGSTOP)
    scheduler = BackgroundScheduler(timezone="Asia/Shanghai")
    scheduler.start()
    collecting = Collecting(scheduler)
    try:
        silent = []
        for number in range(12):
            endpoint = replace(exchange.endpoint, port=mute.port, stall_seconds=600)
            silent.append(exchange.collector(party=PartyId(f"p{number}"), endpoint=endpoint))
        speaking = exchange.collector(seconds=0.2)
        exchange.lay(package() + ENDING, b"x")
        collecting.take([*silent, speaking], structlog.get_logger("test"))
        await_until(lambda: exchange.names() == [package() + ENDING])
        exchange.lay(package(2) + ENDING, b"y")
        await_until(lambda: len(exchange.names()) == 2)
        await_until(lambda: collecting.health()[PARTY]["files"] == 2)
        assert sum(t.name.startswith("collect-") for t in threading.enumerate()) >= 12
        collecting.stop()
        assert not [t for t in threading.enumerate() if t.name.startswith("collect-")]
        assert collecting.health() == {}
        assert scheduler.get_jobs() == []
    finally:
        scheduler.shutdown(wait=False)
        mute.stop()


# ---- what is remembered and told -------------------------------------------------------------------------


def test_neither_state_nor_logs_nor_health_name_a_file(exchange: Exchange, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    exchange.lay("某某某-110101199001019970.html", b"x")
    exchange.lay(package() + ENDING, b"x")
    collector = exchange.collector()
    ok(collector.round())
    assert ok(collector.round()).files == 2
    kept = b"".join(p.read_bytes() for p in exchange.state.iterdir())
    assert "某某某".encode() not in kept
    assert b"110101199001019970" not in kept
    assert b"migrants-inflow_" not in kept
    assert "migrants-inflow_" not in json.dumps(collector.health(), ensure_ascii=False)
    assert [r for r in caplog.records if r.name.startswith(("paramiko", "gateway.sftp"))] == []
    assert isinstance(datetime.fromisoformat(collector.health()["last_ok"]), datetime)
