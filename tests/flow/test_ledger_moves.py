"""Ledgers of older versions, brought to the newest, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from sqlalchemy.exc import IntegrityError

from gateway.adapters import ledger as room
from gateway.adapters.ledger import Ledger
from gateway.lifecycle import (
    BatchState,
    IncomingState,
    InquiryState,
    ObligationState,
    PackageState,
    ParcelState,
    StatementState,
)
from gateway.parcels import Kind

AT, NOON = "2026-10-20T01:00:00.000000Z", datetime(2026, 10, 20, 1, tzinfo=UTC)
OWED = "submission:migrants-inflow:340000:2026Q3"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'ledger.db'}"
    else:
        yield request.getfixturevalue("postgres").fresh()


def upgrade(engine: sa.Engine, version: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(room.__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, version)


def insert(engine: sa.Engine, name: str, **values: object) -> None:
    with engine.begin() as connection:
        table = sa.Table(name, sa.MetaData(), autoload_with=connection)
        text = {c.name: 0 if isinstance(c.type, sa.Integer) else "" for c in table.columns if c.server_default is None}
        connection.execute(sa.insert(table).values(text | values))


def test_what_was_owed_is_owed_and_a_delivery_may_be_stated_again(url: str) -> None:
    engine = sa.create_engine(url)
    upgrade(engine, "0004")
    old = {"agreement": "migrants-inflow", "party": "340000", "period": "2026Q3", "due": "2026-11-01"}
    old |= {"expires_at": "2026-11-01T16:00:00.000000Z", "status": "final", "edition": "2026", "state": "open"}
    insert(engine, "obligations", id=OWED, **old)
    upgrade(engine, "0008")
    stated = {"parcel": "p1", "party": "330000", "stage": "delivered", "code": "100", "about": "440000", "body": b"{}"}
    stated |= {"issued_at": AT}
    insert(engine, "receipts", number="20261022-000001", **stated)
    engine.dispose()
    ledger = Ledger(url)
    ledger.migrate()
    ledger.migrate()  # at every start
    with ledger.reading() as reading:
        owed = reading.obligations.get(OWED)
        (receipt,) = reading.receipts.where()
    assert owed is not None
    assert (owed.kind, owed.subject, owed.due) == ("submission", "2026Q3", date(2026, 11, 1))
    assert (owed.state, owed.opens_at, owed.met_at) == (ObligationState.OPEN, None, None)
    assert (owed.dated_by, owed.dated_seq, owed.source, owed.remind_at) == ("", 0, "", datetime(2000, 1, 1, tzinfo=UTC))
    assert (receipt.number, receipt.issue) == ("20261022-000001", 0)
    ledger.close()
    engine = sa.create_engine(url)
    insert(engine, "receipts", number="20261023-000002", issue=1, **stated)
    with pytest.raises(IntegrityError):
        insert(engine, "receipts", number="20261024-000003", issue=1, **stated)
    engine.dispose()


# A ledger as it was written at 0010: `state` of parcels with what it is called now, and of batches with their
# delivery's and what both are now.
PARCELS = {state: state for state in ParcelState if state is not ParcelState.AWAITING}
PARCELS |= {"held": ParcelState.AWAITING, "opened": ParcelState.RECEIVED}
BATCHES = {(state, state): state for state in BatchState if state not in (BatchState.ERASED, BatchState.FAULTED)}
BATCHES |= {("released", "faulted"): BatchState.FAULTED, ("erased", "acknowledged"): BatchState.ERASED}
INQUIRIES = {("", ""): InquiryState.WAITING, (AT, ""): InquiryState.OPEN, (AT, AT): InquiryState.CLOSED}


@pytest.fixture
def moved(url: str) -> Iterator[Ledger]:
    """A ledger with a row in every state at 0010, moved to the newest version."""
    engine = sa.create_engine(url)
    upgrade(engine, "0010")
    for number, state in enumerate(PARCELS):
        at = {"received_at": AT, "updated_at": AT, "detail": '{"decided_by": "name"}'}
        at |= {"kind": "", "next_attempt_at": AT} if state == "arriving" else {"kind": "nil", "posted_at": AT}
        insert(engine, "parcels", id=f"p-{state}", state=state, **at)
        taken = {"origin": "330000", "agreement": "a", "period": "2026Q3"}
        insert(engine, "places", revision=number, parcel=f"p-{state}", **taken)
    for number, state in enumerate(PackageState):
        more = {"kind": "new", "replaces": "k1 k2" if number else "", "revision": number}
        insert(engine, "packages", id=f"k-{state}", parcel="p-accepted", state=state, **more)
    for number, (state, delivery) in enumerate(BATCHES):
        name = f"{state}-{delivery}"
        insert(engine, "distributions", id=name, batch=number, state=state, released_at=AT)
        times = {"delivered_at": "" if delivery in ("released", "faulted") else AT, "next_attempt_at": ""}
        rest = {"channel": "sftp", "attempt": 3, "code": "704", "fingerprint": "F" * 40}
        insert(engine, "deliveries", distribution=name, state=delivery, **times, **rest)
    insert(engine, "distributions", id="alone", batch=99, state="released", released_at=AT)
    for delivered, closed in INQUIRIES:
        row = {"parcel": "p-accepted", "receiver": f"{bool(delivered)}-{bool(closed)}"}
        insert(engine, "inquiries", delivered_at=delivered, closed_at=closed, **row)
        insert(engine, "dated_records", **row, ordinal=1, since="2026-10-01" if closed else "", refused_at=delivered)
    for state in ObligationState:
        dates = {"due": "2026-11-01", "expires_at": AT, "met_at": "" if state == "open" else AT}
        dates |= {"extended_until": "2026-11-01" if state == "missed" else ""}
        insert(engine, "obligations", id=f"o-{state}", state=state, **dates)
    change = {"obligation": "o-void", "number": 1, "kind": "void", "at": AT, "due_before": "2026-11-01"}
    insert(engine, "obligation_changes", **change)
    insert(engine, "reminders", obligation="o-open", due="2026-11-01", step=1, at=AT, seq=4)
    for state in IncomingState:
        insert(engine, "incoming", id=f"i-{state}", state=state, listed_at=AT, next_attempt_at=AT)
        insert(engine, "incoming_packages", incoming=f"i-{state}", package="k", state="included")
    for state in StatementState:
        insert(engine, "statements", id=f"s-{state}", state=state, at=AT, body=b"", signature=b"", proof=b"")
    insert(engine, "receipts", number="HZ-1", body=b"", issued_at=AT)
    insert(engine, "receipts", number="HZ-2", stage="delivered", body=b"", issued_at=AT, written_at=AT)
    insert(engine, "notices", id="n1", event="missed", about='{"due": "2026-11-01"}', created_at=AT)
    insert(engine, "notices", id="n2", event="missed", about="{}", created_at=AT, sent_at=AT)
    engine.dispose()
    ledger = Ledger(url)
    ledger.migrate()
    yield ledger
    ledger.close()


def test_every_parcel_is_called_what_it_is_now_called(moved: Ledger) -> None:
    with moved.reading() as reading:
        found = {p.id: p for p in reading.parcels.where()}
        assert len(reading.places.holders("330000", "a", "2026Q3")) == len(PARCELS)
    assert {name.removeprefix("p-"): p.state for name, p in found.items()} == PARCELS
    first, done = found.pop("p-arriving"), found["p-accepted"]
    assert (first.kind, first.next_attempt_at, first.posted_at) == (None, NOON, None)
    assert (done.kind, done.next_attempt_at, done.posted_at) == (Kind.NIL, None, NOON)
    assert (done.received_at, done.detail) == (NOON, {"decided_by": "name"})


def test_packages_keep_their_states_and_what_they_replace(moved: Ledger) -> None:
    with moved.reading() as reading:
        packages = reading.packages.where()
    assert {p.id: p.state for p in packages} == {f"k-{state}": state for state in PackageState}
    assert {p.replaces for p in packages} == {(), ("k1", "k2")}


def test_a_delivery_is_part_of_its_batch(moved: Ledger) -> None:
    with moved.reading() as reading:
        batches = {b.id: b for b in reading.batches.where()}
    alone = batches.pop("alone")
    assert (alone.state, alone.channel, alone.attempt, alone.delivered_at) == (BatchState.RELEASED, "", 1, None)
    assert {name: b.state for name, b in batches.items()} == {"-".join(both): now for both, now in BATCHES.items()}
    stopped, erased = batches["released-faulted"], batches["erased-acknowledged"]
    assert (stopped.delivered_at, erased.delivered_at, erased.acknowledged_at) == (None, NOON, None)
    assert {(b.channel, b.attempt, b.code, b.fingerprint) for b in batches.values()} == {("sftp", 3, "704", "F" * 40)}


def test_an_inquiry_has_the_state_that_its_instants_told(moved: Ledger) -> None:
    with moved.reading() as reading:
        found = {i.receiver: i for i in reading.inquiries.where()}
        records = {d.receiver: d for name in found for d in reading.dated.of("p-accepted", name)}
    for (delivered, closed), state in INQUIRIES.items():
        row, record = found[f"{bool(delivered)}-{bool(closed)}"], records[f"{bool(delivered)}-{bool(closed)}"]
        assert (row.state, bool(row.delivered_at), bool(row.closed_at)) == (state, bool(delivered), bool(closed))
        assert record.since == (date(2026, 10, 1) if closed else None)
        assert record.refused_at == (NOON if delivered else None)


def test_what_was_owed_keeps_its_state_and_its_dates(moved: Ledger) -> None:
    with moved.reading() as reading:
        found = {o.id.removeprefix("o-"): o for o in reading.obligations.where(kind=None)}
        (change,), (reminder,) = reading.obligations.changes("o-void"), reading.reminders.unwritten()
    assert {name: o.state for name, o in found.items()} == {state.value: state for state in ObligationState}
    assert (found["open"].due, found["open"].met_at, found["met"].met_at) == (date(2026, 11, 1), None, NOON)
    assert (found["missed"].extended_until, found["met"].extended_until) == (date(2026, 11, 1), None)
    assert (change.due_before, change.due_after) == (date(2026, 11, 1), None)
    assert (reminder.due, reminder.at, reminder.written_at) == (date(2026, 11, 1), NOON, None)


def test_what_passed_between_gateways_and_what_waits_to_be_told_is_kept(moved: Ledger) -> None:
    with moved.reading() as reading:
        assert {i.id: i.state for i in reading.incoming.where()} == {f"i-{state}": state for state in IncomingState}
        assert {(i.next_attempt_at, i.answered_at) for i in reading.incoming.where()} == {(NOON, None)}
        assert [n.state for n in reading.incoming.named("i-listed")] == ["included"]
        assert {s.id: s.state for s in reading.statements.where()} == {f"s-{state}": state for state in StatementState}
        assert [r.number for r in reading.receipts.where(written_at=None)] == ["HZ-1"]
    with moved.notices() as notices:
        assert [(n.id, n.about, n.created_at) for n in notices.waiting()] == [("n1", {"due": "2026-11-01"}, NOON)]


def test_what_refers_to_a_row_still_does(moved: Ledger, url: str) -> None:
    """Tables that others refer to were changed where they stand."""
    engine = sa.create_engine(url)
    found = sa.inspect(engine)
    refers = {name: {key["referred_table"] for key in found.get_foreign_keys(name)} for name in found.get_table_names()}
    engine.dispose()
    assert {name: to for name, to in refers.items() if to} == {
        "places": {"parcels"},
        "packages": {"parcels"},
        "inquiries": {"parcels"},
        "dated_records": {"parcels"},
        "incoming_packages": {"incoming"},
    }
