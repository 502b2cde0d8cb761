"""A database that refuses writes for a while: what its refusal cut off is taken up again, under an attempt of its own.

The workflow engine runs in this process, so that a test can say when the daemon's sweeps look.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest
from dbos import DBOS
from support.nodes import Node, planned

from gateway import flow
from gateway.daemon import sweeping
from gateway.daemon.process import launch
from gateway.demo.people import INFLOW


@pytest.fixture
def engine(node: Node) -> Iterator[Node]:
    """The node with its workflow engine, as the daemon launches it."""
    flow.bind(node.running)
    launch(node.running)
    yield node
    DBOS.destroy(workflow_completion_timeout_sec=20)


@contextmanager
def refusing(node: Node, table: str) -> Iterator[None]:
    """The database writes no row of this table meanwhile."""

    def execute(statement: str) -> None:
        with closing(sqlite3.connect(node.home / "state" / "ledger.db", timeout=30)) as connection, connection:
            connection.execute(statement)

    execute(f"CREATE TRIGGER away BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'away'); END")
    try:
        yield
    finally:
        execute("DROP TRIGGER away")


def wait_until(holds: Callable[[], bool], seconds: float = 30) -> None:
    limit = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < limit, "it did not come about"
        time.sleep(0.05)


def ended(workflow: str) -> str:
    """How a workflow ended; empty while it has not."""
    status = DBOS.get_workflow_status(workflow)
    return "" if status is None or flow.alive(workflow) else str(status.status)


def test_a_claim_whose_first_transaction_failed_is_taken_up_again(engine: Node) -> None:
    engine.drop(planned(6))
    with refusing(engine, "parcels"):
        (claim,) = engine.scan()
        flow.enqueue_parcel(claim.parcel, "submission", 1)
        wait_until(lambda: ended(f"{claim.parcel}#1") != "")
    assert ended(f"{claim.parcel}#1") == "ERROR"
    with engine.running.ledger.reading() as reading:
        assert reading.parcels.get(claim.parcel) is None
    assert engine.scan() == []  # nothing but the sweep would ever come back to it
    sweeping.rouse(engine.running)
    wait_until(lambda: ended(f"{claim.parcel}#2") != "")
    assert ended(f"{claim.parcel}#2") == "SUCCESS"
    assert engine.row(claim.parcel).state == "accepted"
    assert engine.events(claim.parcel).count("received") == 1
    sweeping.rouse(engine.running)
    assert DBOS.get_workflow_status(f"{claim.parcel}#3") is None


def test_a_claim_in_work_is_not_taken_up_twice(engine: Node) -> None:
    """The ledger does not know it yet, its workflow does."""
    engine.drop(planned(6))
    (claim,) = engine.scan()
    with closing(sqlite3.connect(engine.home / "state" / "ledger.db", timeout=30)) as connection:
        flow.enqueue_parcel(claim.parcel, "submission", 1)
        connection.execute("BEGIN IMMEDIATE")
        sweeping.rouse(engine.running)
        connection.rollback()
    wait_until(lambda: ended(f"{claim.parcel}#1") == "SUCCESS")
    assert DBOS.get_workflow_status(f"{claim.parcel}#2") is None


def test_a_release_that_failed_gets_a_new_attempt(engine: Node) -> None:
    """The same attempt enqueued again would be the workflow that failed, for ever."""
    row = engine.send(planned(6))
    assert row.state == "accepted"
    identity = flow.distribution_id(INFLOW, row.period, 1)
    assert flow.next_attempt(identity) is None
    with refusing(engine, "distributions"):
        flow.enqueue_distribution(INFLOW, row.period, 1, "test")
        wait_until(lambda: ended(f"{identity}#1") == "ERROR")
        attempt = flow.next_attempt(identity)
        assert attempt == 2
        flow.enqueue_distribution(INFLOW, row.period, 1, "test", attempt)
        wait_until(lambda: ended(f"{identity}#2") == "ERROR")
    with engine.running.ledger.reading() as reading:
        assert reading.batches.where() == []
    attempt = flow.next_attempt(identity)
    assert attempt == 3
    flow.enqueue_distribution(INFLOW, row.period, 1, "test", attempt)
    wait_until(lambda: ended(f"{identity}#3") == "SUCCESS")
    with engine.running.ledger.reading() as reading:
        assert {d.batch for d in reading.batches.where(agreement=INFLOW)} == {1}
