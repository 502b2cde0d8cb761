"""A worker that somebody else started: files go over the tray, and what comes back is not believed. Two users for real
are in `tests_root`."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from support.nodes import planned

from gateway.adapters import systemd
from gateway.adapters.worker import WorkerUnit
from gateway.adapters.worker.tray import Planted, Tray
from gateway.demo.files import render
from gateway.outcomes import Deferred, Fault, Ok
from gateway.parcels import ParcelId
from gateway.policy.facts import Limits
from gateway.policy.loading import find
from gateway.ports import ExamineJob

PARCEL = ParcelId("p" + "3" * 25)


@dataclass
class Unit:
    """A worker unit's process, and the daemon's side of it."""

    process: subprocess.Popen[bytes]
    told: dict[str, object]
    worker: WorkerUnit
    tray: Path

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(60) == 0


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    command = [sys.executable, "-m", "gateway.adapters.worker.server", str(tmp_path / "unit.sock"), "--unit"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        worker = WorkerUnit(tmp_path / "unit.sock", tmp_path / "tray", Limits(), 64)
        worker.start()
        yield Unit(process, told, worker, tmp_path / "tray")
        process.kill()


@pytest.fixture
def job(tmp_path: Path) -> ExamineJob:
    source, out = tmp_path / "content", tmp_path / "out"
    good = render(planned(20)).splitlines(keepends=True)
    source.write_bytes(b"".join([*good, good[-1].replace(b"20", b"99")]))
    out.mkdir()
    return ExamineJob(
        source, out, find() / "schemas", "migrants-inflow", "1", "registered_code", sender="33", as_of="2026-09-30"
    )


def written(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_it_says_what_it_gave_up_and_that_files_change_hands(unit: Unit) -> None:
    assert unit.worker.is_up()
    assert unit.worker.confinement["hands_over"] is True
    assert unit.worker.confinement["uid"] == os.getuid()
    assert unit.told["no_new_privileges"] is True


def test_it_answers_as_a_child_of_the_daemon_does_and_leaves_nothing_on_the_tray(
    unit: Unit, job: ExamineJob, worker: object, tmp_path: Path
) -> None:
    answer = unit.worker.examine(PARCEL, job)
    assert isinstance(answer, Ok)
    assert answer.value["refused"] == 1
    ours = replace(job, out=tmp_path / "ours")
    ours.out.mkdir()
    assert worker.examine(PARCEL, ours).value == answer.value  # type: ignore[attr-defined]
    assert {*written(job.out)} == {*written(ours.out)}
    same = [name for name in written(job.out) if name.endswith(".csv")]
    assert same
    assert [written(job.out)[name] for name in same] == [written(ours.out)[name] for name in same]
    assert all(p.stat().st_mode & 0o077 == 0 for p in job.out.rglob("*"))
    assert [p.name for p in unit.tray.iterdir()] == ["schemas"]


def test_a_worker_that_is_away_defers_and_comes_back_by_itself(unit: Unit, job: ExamineJob) -> None:
    unit.end()
    answer = unit.worker.examine(PARCEL, job)
    assert isinstance(answer, Deferred)
    assert answer.code == "704"
    assert not any(job.out.iterdir())
    assert [p.name for p in unit.tray.iterdir()] == ["schemas"]
    fresh = WorkerUnit(unit.tray.parent / "unit.sock", unit.tray, Limits(), 64)
    fresh.start()
    assert not fresh.is_up()
    assert fresh.confinement["hands_over"] is False


def connect(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.connect(str(path))


def test_a_signal_to_stop_is_not_lost_in_the_middle_of_a_fork(tmp_path: Path) -> None:
    # Python swallows what a handler raises inside a fork's hooks: the unit went on, and its manager waited for it.
    program = (
        "import os, signal; from pathlib import Path; from gateway.adapters.worker import server\n"
        "os.register_at_fork(after_in_parent=lambda: os.kill(os.getpid(), signal.SIGTERM))\n"
        f"server.serve(Path({str(tmp_path / 'w.sock')!r}), unit=True)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        connect(tmp_path / "w.sock")
        try:
            assert process.wait(60) == 0
        finally:
            process.kill()


def test_a_service_manager_that_does_not_read_holds_nothing_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        for _ in range(5000):
            systemd.notify("WATCHDOG=1")
        assert manager.recv(64) == b"WATCHDOG=1"


def test_it_tells_the_service_manager_that_it_is_ready_and_alive(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(30)
        command = [sys.executable, "-m", "gateway.adapters.worker.server", str(tmp_path / "w.sock"), "--unit"]
        environment = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify")}
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment) as process:
            assert manager.recv(64) == b"READY=1"
            connect(tmp_path / "w.sock")
            assert manager.recv(64) == b"WATCHDOG=1"
            process.terminate()
            try:
                assert process.wait(60) == 0
            finally:
                process.kill()


PLANTS: dict[str, Callable[[Path, Path], object]] = {
    "a link to what the daemon may read": lambda out, secret: (out / "parts" / "44.csv").symlink_to(secret),
    "a second name of such a file": lambda out, secret: (out / "parts" / "44.csv").hardlink_to(secret),
    "a pipe that would hold us": lambda out, secret: os.mkfifo(out / "refused.csv"),
    "a folder in its place": lambda out, secret: (out / "refused.csv").mkdir(),
    "a linked folder": lambda out, secret: ((out / "parts").rmdir(), (out / "parts").symlink_to(secret.parent)),
    "a name nobody asked for": lambda out, secret: (out / "claim.json").write_text("{}"),
    "a deeper folder": lambda out, secret: (out / "parts" / "parts").mkdir(),
}


@pytest.mark.parametrize("plant", PLANTS.values(), ids=PLANTS)
def test_what_a_worker_plants_is_not_taken(
    plant: Callable[[Path, Path], object], job: ExamineJob, tmp_path: Path
) -> None:
    (tmp_path / "private").mkdir()
    secret = tmp_path / "private" / "key.csv"
    secret.write_text("secret")
    tray = Tray(tmp_path / "tray")
    tray.clear()
    lent = tray.lend(PARCEL, job)
    (lent.out / "parts").mkdir()
    plant(lent.out, secret)
    with pytest.raises((Planted, OSError)):
        tray.take(PARCEL, job.out)
    assert b"secret" not in b"".join(written(job.out).values())


def test_a_planted_answer_is_our_fault_to_look_at(unit: Unit, job: ExamineJob, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Tray, name: str, out: Path) -> None:
        raise Planted

    monkeypatch.setattr(Tray, "take", refuse)
    assert unit.worker.examine(PARCEL, job) == Fault("900", {"error": "Planted"})


def test_nothing_of_an_earlier_run_is_adopted(job: ExamineJob, tmp_path: Path) -> None:
    tray = Tray(tmp_path / "tray")
    tray.clear()
    lent = tray.lend(PARCEL, job)
    (lent.out / "parts").mkdir()
    (lent.out / "parts" / "44.csv").write_text("old")
    Tray(tmp_path / "tray").clear()
    assert list((tmp_path / "tray").iterdir()) == []
    again = tray.lend(PARCEL, job)
    assert list(again.out.iterdir()) == []
    assert tray.lend(PARCEL, job).schemas == again.schemas
