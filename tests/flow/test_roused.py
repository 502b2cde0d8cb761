"""A database that refuses writes for a while: what its refusal cut off is taken up again, under an attempt of its own.

The workflow engine runs in this process, so that a test can say when the daemon's sweeps look.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from dbos import DBOS
from support.nodes import PERIOD, Node, planned

from gateway import flow
from gateway.control.server import Request
from gateway.corridors.submission.intake import Intake
from gateway.corridors.telling.posting import Posting
from gateway.daemon import process, service, sweeping
from gateway.demo.people import INFLOW
from gateway.demo.story import Planned, file_name
from gateway.step import StepResult


@pytest.fixture
def engine(node: Node) -> Iterator[Node]:
    """The node with its workflow engine, as the daemon launches it."""
    flow.bind(node.running)
    process.launch(node.running)
    yield node
    DBOS.destroy(workflow_completion_timeout_sec=20)


@contextmanager
def refusing(node: Node, table: str, on: str = "INSERT", when: str = "TRUE") -> Iterator[None]:
    """The database refuses to write rows of this table meanwhile."""

    def execute(statement: str) -> None:
        with closing(sqlite3.connect(node.home / "state" / "ledger.db", timeout=30)) as connection, connection:
            connection.execute(statement)

    execute(f"CREATE TRIGGER away_{table} BEFORE {on} ON {table} WHEN {when} BEGIN SELECT RAISE(ABORT, 'away'); END")
    try:
        yield
    finally:
        execute(f"DROP TRIGGER away_{table}")


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


def test_a_workflow_whose_end_the_engine_could_not_write_down_is_made_again(engine: Node) -> None:
    """Its disk was full: neither the step nor the failure is written, and nothing runs any more."""
    engine.drop(planned(6))
    (claim,) = engine.scan()
    with refusing(engine, "operation_outputs"), refusing(engine, "workflow_status", "UPDATE", "NEW.status = 'ERROR'"):
        flow.enqueue_parcel(claim.parcel, "submission", 1)
        wait_until(lambda: engine.events(claim.parcel) == ["received"])
        wait_until(lambda: not flow._Bound.at_work)
    assert flow.alive(f"{claim.parcel}#1"), "the engine holds it for at work"
    assert flow.forsake("example") == 0, "another executor's is not ours"
    name = engine.facts.node.name
    assert flow.forsake(name) == 0, "it may just be ending"
    assert flow.forsake(name) == 1
    assert not flow.alive(f"{claim.parcel}#1")
    flow.enqueue_parcel(claim.parcel, "submission", 2)
    wait_until(lambda: ended(f"{claim.parcel}#2") == "SUCCESS")
    assert engine.row(claim.parcel).state == "accepted"
    assert engine.events(claim.parcel).count("received") == 1


def test_a_workflow_at_work_is_never_forsaken(engine: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    let = threading.Event()
    effect = Intake.effect

    def slow(*arguments: Any) -> Any:
        let.wait(60)
        return effect(*arguments)

    monkeypatch.setattr(Intake, "effect", slow)
    engine.drop(planned(6))
    (claim,) = engine.scan()
    flow.enqueue_parcel(claim.parcel, "submission", 1)
    wait_until(lambda: bool(flow._Bound.at_work))
    assert [flow.forsake(engine.facts.node.name) for _ in range(3)] == [0, 0, 0]
    let.set()
    wait_until(lambda: ended(f"{claim.parcel}#1") == "SUCCESS")


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


def test_what_a_person_released_while_the_ledger_was_away_is_released_by_itself(
    engine: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing but the workflow engine knows that somebody asked for it."""
    monkeypatch.setattr(flow, "FIRST_WAIT", 0.0)
    row = engine.send(planned(6))
    identity = flow.distribution_id(INFLOW, row.period, 1)
    with refusing(engine, "distributions"):
        flow.enqueue_distribution(INFLOW, row.period, 1, "a person")
        wait_until(lambda: ended(f"{identity}#1") == "ERROR")
    sweeping.rouse(engine.running)
    wait_until(lambda: ended(f"{identity}#2") == "SUCCESS")
    with engine.running.ledger.reading() as reading:
        assert {d.batch for d in reading.batches.where(agreement=INFLOW)} == {1}
    sweeping.rouse(engine.running)
    assert DBOS.get_workflow_status(f"{identity}#3") is None


@pytest.fixture
def held_up(engine: Node, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Node, str, threading.Event]]:
    """A parcel that waits for a person, its first attempt at work still: it puts out its receipt once it is let."""
    engine.send(named("", 40, "first"))
    flow.bind(engine.running)  # with the receipts as the daemon puts them out
    let, posting = threading.Event(), Posting.run

    def slowly(step: Posting, identity: str) -> StepResult:
        assert let.wait(60)
        return posting(step, identity)

    monkeypatch.setattr(Posting, "run", slowly)
    engine.drop(named("-更正", 20, "small"))
    (claim,) = engine.scan()
    assert flow.enqueue_parcel(claim.parcel, "submission", 1)
    wait_until(lambda: known(engine, claim.parcel) == "awaiting")
    yield engine, claim.parcel, let
    let.set()


def named(suffix: str, rows: int, seed: str) -> Planned:
    return planned(rows, seed=seed, name=file_name(INFLOW, PERIOD, 0, suffix))


def known(node: Node, parcel: str) -> str:
    with node.running.ledger.reading() as reading:
        row = reading.parcels.get(parcel)
        return str(row.state) if row else ""


def test_no_two_attempts_at_one_parcel_are_at_work(held_up: tuple[Node, str, threading.Event]) -> None:
    _, parcel, let = held_up
    assert not flow.enqueue_parcel(parcel, "submission", 2)
    assert DBOS.get_workflow_status(f"{parcel}#2") is None
    let.set()
    wait_until(lambda: ended(f"{parcel}#1") == "SUCCESS")
    assert flow.enqueue_parcel(parcel, "submission", 2)
    wait_until(lambda: ended(f"{parcel}#2") == "SUCCESS")
    assert flow.enqueue_parcel(parcel, "submission", 2), "one that was made is in nobody's way"


def test_what_a_person_confirms_while_its_attempt_is_ending_goes_on(held_up: tuple[Node, str, threading.Event]) -> None:
    node, parcel, let = held_up
    answer = service.routes(Beside(node))["POST confirm"](Request(("confirm", parcel), {}, "uid:0 test"))
    assert answer == {"confirmed": parcel}
    sweeping.sweep(node.running)
    assert flow.alive(f"{parcel}#1")
    assert DBOS.get_workflow_status(f"{parcel}#2") is None
    let.set()
    wait_until(lambda: ended(f"{parcel}#1") == "SUCCESS")
    sweeping.sweep(node.running)
    wait_until(lambda: ended(f"{parcel}#2") == "SUCCESS")
    assert (node.row(parcel).state, node.row(parcel).code) == ("accepted", "105")
    assert node.row(parcel).next_attempt_at is None


class Beside(process.Daemon):
    """The daemon's answers for a node that a test runs."""

    def __init__(self, node: Node) -> None:
        super().__init__(node.facts)
        self.node = node.running


def test_a_flood_of_one_party_does_not_delay_another(engine: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty files of one lie in the queue when one file of another comes: it does not wait for the sixty."""
    both, intake = threading.Event(), Intake.run

    def once_both_lie_there(step: Intake, identity: str) -> StepResult:
        assert both.wait(60)
        return intake(step, identity)

    monkeypatch.setattr(Intake, "run", once_both_lie_there)
    for number in range(60):
        (engine.folder() / f"{number}.pdf").write_bytes(b"%PDF-1.7 nothing that is taken here " + str(number).encode())
    flood = list(sweeping.take_up(engine.running, engine.scan()))
    assert len(flood) == 60
    engine.drop(planned(6, party="34", seed="34"))
    (other,) = sweeping.take_up(engine.running, engine.scan())
    both.set()
    wait_until(lambda: all(ended(f"{claim.parcel}#1") == "SUCCESS" for claim in (*flood, other)), 120)
    assert known(engine, other.parcel) == "accepted"
    with engine.running.ledger.reading() as reading:
        order = [row.parcel for row in reading.entries.after() if row.event == "received"]
    # Before it come those that the workers had taken up already; first come, first served would have made it the last.
    assert order.index(other.parcel) <= 2 * engine.facts.node.limits.submissions_parallel
