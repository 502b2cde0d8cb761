"""The world's faults: waited for, visible, never lost; and what is ours stops where it is."""

from __future__ import annotations

import os
import resource
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.nodes import Node, children, copy_node, edit, make_node, pin, planned

from gateway.adapters.worker import Worker
from gateway.corridors import operating
from gateway.corridors.submission import STAGES, Intake, Sealing
from gateway.corridors.submission.steps import LONGEST_TRIES
from gateway.corridors.telling.posting import Posting
from gateway.demo.files import render
from gateway.demo.partners import Partners
from gateway.lifecycle import ParcelState
from gateway.parcels import ParcelId
from gateway.policy.facts import Limits


@contextmanager
def small_files(limit: int) -> Iterator[None]:
    """No file of this process may grow above `limit` bytes: a disk that is full in the middle of a write."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def waits(node: Node, parcel: str, code: str) -> None:
    """Deferred as it must look: a code, a time to come, the file kept, nothing sent to anybody."""
    row = node.row(parcel)
    assert (row.settled, row.code) == (False, code)
    assert row.next_attempt_at is not None
    assert row.next_attempt_at > row.updated_at
    assert row.attempt > 1
    with node.running.ledger.reading() as reading:
        assert reading.receipts.where(parcel=parcel) == []
        later = node.running.clock.now().replace(year=2027)
        assert parcel in [p.id for p in reading.parcels.due(later)]
    assert node.running.inbox.claim(ParcelId(parcel)) is not None
    assert node.packages(parcel=parcel) == []


def test_a_file_that_changes_while_it_is_read_is_taken_when_it_stands_still(node: Node) -> None:
    file = planned(30)
    data = render(file)
    half = len(data) // 2
    path = node.folder() / file.name
    path.write_bytes(data[:half])
    (claim,) = node.scan()
    assert not path.exists()
    # Under its own name nobody has it open any more; a hand may still reach it by the claimed one.
    with (node.folder() / f".taken-{claim.parcel}").open("ab", buffering=0) as writer:
        writer.write(data[half:])
        assert node.work(claim.parcel) == {"outcome": "deferred", "code": "703"}
        waits(node, claim.parcel, "703")
        assert list((node.home / "state" / "spool" / ".arrived").iterdir()) == []
    assert node.work(claim.parcel)["outcome"] == "ok"
    row = node.row(claim.parcel)
    assert (row.state, row.records, row.size) == ("accepted", 30, len(data))
    assert "deferred" in node.events(row.id)


def test_without_free_space_intake_waits(home: Path, node: Node) -> None:
    """`min_free_mb` above what any disk has: nothing is copied, the file stays in its folder, and later it is taken."""
    edit(home, min_free_mb="1000000000")
    node.reopen()
    file = planned(8)
    node.drop(file)
    (claim,) = node.scan()
    for _ in range(3):
        assert node.work(claim.parcel) == {"outcome": "deferred", "code": "702"}
        waits(node, claim.parcel, "702")
    (kept,) = node.folder().iterdir()
    assert kept.read_bytes() == render(file)
    edit(home, min_free_mb="0")
    node.reopen()
    assert [c.parcel for c in node.scan()] == [claim.parcel]
    assert node.work(claim.parcel)["outcome"] == "ok"
    assert node.row(claim.parcel).accepted == 8
    assert list(node.folder().iterdir()) == []


def test_a_disk_that_fills_up_while_the_file_is_copied(node: Node) -> None:
    file = planned(8000)
    data = render(file)
    assert len(data) > 1 << 20
    node.drop(file, data)
    (claim,) = node.scan()
    with small_files(768 << 10):
        assert node.work(claim.parcel) == {"outcome": "deferred", "code": "702"}
    waits(node, claim.parcel, "702")
    assert list((node.home / "state" / "spool" / ".arrived").iterdir()) == []
    (kept,) = node.folder().iterdir()
    assert kept.stat().st_size == len(data)
    assert node.work(claim.parcel)["outcome"] == "ok"
    assert node.row(claim.parcel).accepted == 8000


def test_a_disk_that_fills_up_while_the_worker_sorts(home: Path, partners: Partners, worker: Worker) -> None:
    cramped = Worker(home / "cramped.sock", Limits(), 0)  # its files have no room at all
    cramped.start()
    node = Node(home, partners, cramped)
    try:
        node.drop(planned(8))
        (claim,) = node.scan()
        assert node.work(claim.parcel) == {"outcome": "deferred", "code": "702"}
        waits(node, claim.parcel, "702")
        node.worker = worker
        node.reopen()
        assert node.work(claim.parcel)["outcome"] == "ok"
        assert node.row(claim.parcel).accepted == 8
    finally:
        node.close()
        cramped.stop()


def test_a_disk_that_fills_up_while_sealing(node: Node) -> None:
    """A package that does not fit is not there at all; what was sealed before is adopted, not sealed again."""
    node.drop(planned(14_000, party="54"))
    (claim,) = node.scan()
    for stage in STAGES[:-1]:
        assert stage(node.running).run(claim.parcel)["outcome"] == "ok"
    node.reopen()  # the ledger's own journal is empty again, and has room
    full = node.home / "state" / "sealed"
    with small_files(128 << 10):
        assert Sealing(node.running).run(claim.parcel) == {"outcome": "deferred", "code": "702"}
    before = {p.name: p.read_bytes() for p in node.sealed()}
    assert not [p for p in full.rglob("*") if p.is_file() and not p.name.endswith(".gpg")]
    assert node.packages() == []
    assert node.work(claim.parcel)["outcome"] == "ok"
    after = {p.name: p.read_bytes() for p in node.sealed()}
    assert before.items() <= after.items()
    assert len(after) == len(node.packages()) > len(before)


@contextmanager
def killing(pid: int) -> Iterator[list[int]]:
    """Kill every child of a process as soon as it is there."""
    killed: list[int] = []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            for child in children(pid):
                try:
                    os.kill(child, signal.SIGKILL)
                except ProcessLookupError:
                    continue
                killed.append(child)
            time.sleep(0.001)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield killed
    finally:
        done.set()
        thread.join()


def test_a_worker_killed_in_mid_job_is_tried_again(node: Node) -> None:
    node.drop(planned(8000))
    (claim,) = node.scan()
    pid = node.worker.pid
    assert pid is not None
    with killing(pid) as killed:
        assert node.work(claim.parcel) == {"outcome": "deferred", "code": "704"}
    assert killed
    waits(node, claim.parcel, "704")
    assert node.worker.pid == pid
    assert node.work(claim.parcel)["outcome"] == "ok"
    assert node.row(claim.parcel).accepted == 8000


def test_a_killed_worker_process_is_started_again(home: Path, partners: Partners) -> None:
    own = Worker(home / "own.sock", Limits(), 64)
    own.start()
    node = Node(home, partners, own)
    try:
        node.drop(planned(8))
        (claim,) = node.scan()
        pid = own.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        results = [node.work(claim.parcel)]
        if results[0]["outcome"] == "deferred":  # the daemon had not noticed yet
            results.append(node.work(claim.parcel))
        assert results[-1]["outcome"] == "ok"
        assert own.pid not in (None, pid)
    finally:
        node.close()
        own.stop()


def test_a_file_that_kills_its_worker_every_time_stops_as_ours_to_look_at(node: Node) -> None:
    node.drop(planned(8000))
    (claim,) = node.scan()
    assert node.worker.pid is not None
    with killing(node.worker.pid):
        tries = [node.work(claim.parcel) for _ in range(LONGEST_TRIES)]
    assert tries[:-1] == [{"outcome": "deferred", "code": "704"}] * (LONGEST_TRIES - 1)
    assert tries[-1] == {"outcome": "fault", "code": "900"}
    row = node.row(claim.parcel)
    assert (row.state, row.next_attempt_at) == (ParcelState.FAULTED, None)
    assert node.events(row.id)[-1] == "faulted"
    with node.running.ledger.reading() as reading:
        assert row.id in [p.id for p in reading.parcels.unsettled()]
        assert reading.receipts.where(parcel=row.id) == []
    assert (node.home / "state" / "spool" / ".arrived" / row.id).exists()
    node.nothing_forwarded()
    # It stands still until an operator has it tried again; then the same parcel goes on.
    assert node.work(claim.parcel) == {"outcome": "fault", "code": "900"}
    operating.retry(node.running, claim.parcel, "uid:0 test")
    assert node.work(claim.parcel)["outcome"] == "ok"
    assert node.row(claim.parcel).state == "accepted"


def test_a_file_that_has_waited_often_may_still_lose_its_worker_once(node: Node) -> None:
    """Only deaths of the worker count, and only those in a row."""
    node.drop(planned(8000))
    (claim,) = node.scan()
    assert Intake(node.running).run(claim.parcel)["outcome"] == "ok"
    with node.running.ledger.transaction(node.running.clock.now()) as tx:
        tx.parcels.update(claim.parcel, attempt=4 * LONGEST_TRIES)
    assert node.worker.pid is not None
    with killing(node.worker.pid):
        assert node.work(claim.parcel) == {"outcome": "deferred", "code": "704"}
    assert node.work(claim.parcel)["outcome"] == "ok"


def test_a_receiver_without_a_key_is_waited_for(
    partners: Partners, worker: Worker, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path
) -> None:
    home = tmp_path / "node"
    make_node(home, partners, without="44")
    node = Node(home, partners, worker)
    try:
        node.drop(planned(60, party="43", agreement="migrants-outflow"))
        (claim,) = node.scan()
        assert node.work(claim.parcel) == {"outcome": "deferred", "code": "707"}
        waits(node, claim.parcel, "707")
        node.nothing_forwarded()
        pin(home, partners, "44")
        node.reopen()
        assert node.work(claim.parcel)["outcome"] == "ok"
        assert "440000" in {p.receiver for p in node.packages()}
        assert len(node.sealed()) == len(node.packages())
    finally:
        node.close()


def test_a_share_that_goes_away_is_waited_for(node: Node) -> None:
    """The exchange root is unmounted: nothing is lost and nothing is written beside it."""
    file = planned(8)
    node.drop(file)
    (claim,) = node.scan()
    root = node.home / "exchange"
    away = node.home / "away"
    root.rename(away)
    root.mkdir()
    try:
        assert node.work(claim.parcel) == {"outcome": "deferred", "code": "709"}
        assert list(root.iterdir()) == []
    finally:
        root.rmdir()
        away.rename(root)
    assert node.work(claim.parcel)["outcome"] == "ok"


def test_a_step_that_ran_is_adopted_not_done_again(node: Node) -> None:
    """Every step twice, as after a crash between its end and the workflow engine's note of it."""
    node.drop(planned(10))
    (claim,) = node.scan()
    for stage in STAGES:
        for _ in range(2):
            assert stage(node.running).run(claim.parcel)["outcome"] == "ok"
    for _ in range(3):
        assert Posting(node.running).run(claim.parcel)["outcome"] == "ok"
    row = node.row(claim.parcel)
    events = node.events(row.id)
    assert len(events) == len(set(events))
    assert node.receipt(row)["code"] == "100"


def test_a_copied_node_starts_from_nothing(template: Path, tmp_path: Path) -> None:
    """The harness itself: what tests share holds no state."""
    copy_node(template, tmp_path / "n")
    assert list((tmp_path / "n" / "state").iterdir()) == []
