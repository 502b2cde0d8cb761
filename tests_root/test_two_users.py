"""Daemon and worker as two users, with the groups and modes that `systemd/` sets: files change hands, nothing else."""

from __future__ import annotations

import codecs
import importlib
import os
import shutil
import signal
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import users
from support.nodes import planned
from support.packed import CONTENT, packed

from gateway.adapters.container import Caps
from gateway.adapters.worker import WorkerUnit, server
from gateway.demo.files import render
from gateway.outcomes import Ok
from gateway.parcels import ParcelId
from gateway.policy.facts import Limits
from gateway.policy.loading import find
from gateway.ports import ExamineJob
from gateway.records import jobs

DAEMON, WORKER = 64101, 64102  # nobody's; a user and a group of the same number each
PARCEL = ParcelId("p" + "4" * 25)


@pytest.fixture
def state(place: Path) -> Path:
    """`state/` as tmpfiles.d makes it: the worker's group passes through, and inherits the tray."""
    state = place / "state"
    state.mkdir()
    os.chown(state, DAEMON, WORKER)
    state.chmod(0o710)
    for name in ("spool", "private", "tray"):
        (state / name).mkdir(mode=0o700)
        os.chown(state / name, DAEMON, DAEMON)
    os.chown(state / "tray", DAEMON, WORKER)
    (state / "tray").chmod(0o2710)
    (state / "private" / "key").write_text("secret")
    (state / "private" / "key").chmod(0o600)
    os.chown(state / "private" / "key", DAEMON, DAEMON)
    shutil.copytree(find() / "schemas", place / "schemas")
    for path in place.rglob("*"):
        if "schemas" in path.parts:
            path.chmod(0o755 if path.is_dir() else 0o644)
    source = state / "spool" / "content"
    good = render(planned(20)).splitlines(keepends=True)
    source.write_bytes(b"".join([*good, good[-1].replace(b"20", b"99")]))
    source.chmod(0o600)
    os.chown(source, DAEMON, DAEMON)
    return state


def job_of(state: Path, out: str = "out") -> ExamineJob:
    return ExamineJob(
        source=state / "spool" / "content",
        out=state / "spool" / out,
        schemas=state.parent / "schemas",
        dataset="migrants-inflow",
        version="1",
        route_by="registered_code",
        sender="33",
        as_of="2026-09-30",
    )


@pytest.fixture
def unit(state: Path, place: Path) -> Iterator[Path]:
    """The worker as its own user, in the group that is its own and the daemon's."""
    (place / "warm").mkdir()
    warm = job_of(state)
    # Everything a job imports is loaded before root is given away: the interpreter may lie where others cannot look.
    assert jobs.run({**{k: str(v) for k, v in vars_of(warm).items()}, "out": str(place / "warm")})["outcome"] == "ok"
    for module in server.MODULES:
        importlib.import_module(module)
    for encoding in server.ENCODINGS:
        codecs.lookup(encoding)
    run = place / "run"
    run.mkdir()
    os.chown(run, WORKER, WORKER)
    run.chmod(0o750)
    pid = users.start(lambda: server.serve(run / "worker.sock", unit=True), WORKER, WORKER)
    limit = time.monotonic() + 60
    while not (run / "worker.sock").exists():
        assert time.monotonic() < limit, "the worker does not listen"
        time.sleep(0.02)
    yield run / "worker.sock"
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def vars_of(job: ExamineJob) -> dict[str, Any]:
    names = ("source", "out", "schemas", "dataset", "version", "route_by", "sender", "as_of")
    return {name: getattr(job, name) for name in names}


def test_a_table_is_examined_across_two_users(state: Path, unit: Path) -> None:
    def as_daemon() -> Any:
        worker = WorkerUnit(unit, state / "tray", Limits(), 64)
        worker.start()
        job = job_of(state)
        job.out.mkdir(mode=0o700)
        answer = worker.examine(PARCEL, job)
        assert isinstance(answer, Ok), answer
        left = sorted(p.name for p in (state / "tray").iterdir())
        return {"told": dict(worker.confinement), "counts": answer.value["refused"], "left": left}

    told = users.run(as_daemon, DAEMON, DAEMON, [WORKER])
    assert "raised" not in told, told
    assert told["told"]["hands_over"] is True
    assert told["told"]["uid"] == WORKER != DAEMON
    assert told["counts"] == 1
    assert told["left"] == ["schemas"]
    taken = [p for p in (state / "spool" / "out").rglob("*") if p.is_file()]
    assert {p.name for p in taken} >= {"refused.csv", "violations.csv", "refused.xlsx"}
    assert {(p.stat().st_uid, stat.S_IMODE(p.stat().st_mode)) for p in taken} == {(DAEMON, 0o600)}


def test_a_package_is_unpacked_across_two_users(state: Path, unit: Path) -> None:
    """An open file of the daemon's alone is handed over; what is in it comes back, and the tray stays empty."""
    plain, tree = state / "spool" / "plain", state / "spool" / "tree"
    plain.write_bytes(packed())
    plain.chmod(0o600)
    os.chown(plain, DAEMON, DAEMON)

    def as_daemon() -> Any:
        worker = WorkerUnit(unit, state / "tray", Limits(), 64)
        worker.start()
        tree.mkdir(mode=0o700)
        with plain.open("rb") as stream:
            found = worker.unpack(stream.fileno(), tree, Caps(), lambda _: None)
        assert isinstance(found, Ok), found
        said = worker.describe(tree)
        assert isinstance(said, Ok), said
        content = (tree / "data/cases.csv").read_bytes()
        return [found.value == said.value, content == CONTENT, [p.name for p in (state / "tray").iterdir()]]

    assert users.run(as_daemon, DAEMON, DAEMON, [WORKER]) == [True, True, []]


def test_what_a_killed_worker_left_is_cleared_by_the_daemon(state: Path, unit: Path) -> None:
    """Plain records must not stay on the tray because their writer was another user."""
    left = state / "tray" / PARCEL

    def lay() -> None:
        worker = WorkerUnit(unit, state / "tray", Limits(), 64)
        worker.start()
        worker._tray.lend(PARCEL, job_of(state))

    assert users.run(lay, DAEMON, DAEMON, [WORKER]) is None

    def half_made() -> None:
        from gateway.records import modes, parts

        modes.share_with_group()
        os.umask(0o007)
        made = parts.Parts(left / "out" / "parts", ["a"])
        made.add("44", b"1")
        made.flush()

    assert users.run(half_made, WORKER, WORKER) is None
    assert (left / "out" / "parts" / "44.csv").exists()
    assert (left / "out" / "parts" / "44.csv").stat().st_uid == WORKER
    assert users.run(lambda: WorkerUnit(unit, state / "tray", Limits(), 64).start(), DAEMON, DAEMON, [WORKER]) is None
    assert not left.exists()


def test_the_worker_reads_neither_keys_nor_spool_nor_the_list_of_what_is_on_the_tray(state: Path, unit: Path) -> None:
    for path in (state / "private" / "key", state / "spool" / "content"):
        assert users.run(path.read_text, WORKER, WORKER)["raised"] == "PermissionError"
    for folder in (state, state / "tray", state / "private"):
        assert users.run(lambda folder=folder: os.listdir(folder), WORKER, WORKER)["raised"] == "PermissionError"
    assert users.run(lambda: (state / "tray" / "mine").mkdir(), WORKER, WORKER)["raised"] == "PermissionError"


def test_somebody_else_may_not_ask_the_worker(state: Path, unit: Path) -> None:
    def stranger() -> Any:
        (outcome,) = [server.sockets.connect(connection, unit) for connection in [server.socket.socket(1)]]
        return outcome

    assert users.run(stranger, 64103, 64103)["raised"] == "PermissionError"


def test_a_tray_without_the_shared_group_is_told(state: Path, unit: Path) -> None:
    """Somebody made the folder by hand."""
    os.chown(state / "tray", DAEMON, DAEMON)
    (state / "tray").chmod(0o700)

    def as_daemon() -> Any:
        worker = WorkerUnit(unit, state / "tray", Limits(), 64)
        worker.start()
        return [worker.is_up(), dict(worker.confinement)]

    up, told = users.run(as_daemon, DAEMON, DAEMON, [WORKER])
    assert not up
    assert told["hands_over"] is False
