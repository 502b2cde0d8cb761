"""The ledger's promises, the same on SQLite and on PostgreSQL."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError

from gateway.adapters.ledger import Ledger, make_engine, migrate, tables
from gateway.adapters.ledger import engine as ledger_engine
from gateway.adapters.ledger.rows import Place
from gateway.instants import parse
from gateway.lifecycle import BatchState, Change, Event, ObligationState, PackageState, ParcelState
from gateway.log import Entry
from gateway.parcels import Kind, PackageId, PartyId, SealedPackage, Tally

NOW = datetime(2026, 10, 20, 1, 0, tzinfo=UTC)
RACERS = 40
PLACE = Place("330000", "migrants-inflow", "2026Q3", 1)


def entry(identity: str, parcel: str = "", time: datetime = NOW, **more: object) -> Entry:
    return Entry(id=identity, event=Event.RECEIVED, time=time, actor="test", facts="f", parcel=parcel, **more)


def parcel(ledger: Ledger, identity: str, **values: object) -> None:
    with ledger.transaction(NOW) as tx:
        tx.parcels.add(
            **{
                "id": identity,
                "corridor": "submission",
                "sender": "330000",
                "agreement": "migrants-inflow",
                "state": ParcelState.ARRIVING,
                "facts": "f",
                "received_at": NOW,
                **values,
            }
        )


def race(work: Callable[[int], object], racers: int = RACERS) -> list[object]:
    """All at once: every racer waits for the last one before it starts."""
    gate = threading.Barrier(racers)

    def run(number: int) -> object:
        gate.wait(60)
        return work(number)

    with ThreadPoolExecutor(racers) as pool:
        return list(pool.map(run, range(racers)))


# ---- migrations -----------------------------------------------------------------------------------------------------


def test_migrations_make_the_tables_that_the_code_knows(ledger: Ledger, url: str) -> None:
    engine = make_engine(url)
    try:
        found = inspect(engine)
        for table in tables.metadata.sorted_tables:
            columns = {c["name"]: c for c in found.get_columns(table.name)}
            assert columns.keys() == {c.name for c in table.columns}, table.name
            for column in table.columns:
                assert columns[column.name]["nullable"] == column.nullable, (table.name, column.name)
                length = getattr(column.type, "length", None)
                assert getattr(columns[column.name]["type"], "length", None) == length, (table.name, column.name)
            assert set(found.get_pk_constraint(table.name)["constrained_columns"]) == set(
                table.primary_key.columns.keys()
            )
            unique = {tuple(u["column_names"]) for u in found.get_unique_constraints(table.name)}
            for constraint in table.constraints:
                if type(constraint).__name__ == "UniqueConstraint":
                    assert tuple(constraint.columns.keys()) in unique, table.name
    finally:
        engine.dispose()


def test_migrating_again_changes_nothing(ledger: Ledger, url: str) -> None:
    parcel(ledger, "p1")
    with ledger.transaction(NOW) as tx:
        tx.log(entry("a"))
    for _ in range(2):
        engine = make_engine(url)
        migrate(engine)
        engine.dispose()
    with ledger.reading() as reading:
        assert reading.parcels.get("p1") is not None
        assert reading.entries.head()[0] == 0


def test_obligations_of_an_older_ledger_are_kept(url: str) -> None:
    """They become submissions, with their period as the occasion; whether to remind of them is asked at once."""
    engine = make_engine(url)
    config = Config()
    config.set_main_option("script_location", str(Path(ledger_engine.__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0004")
        for identity, state in (("o1", "open"), ("o2", "met")):
            connection.execute(
                text(
                    "INSERT INTO obligations (id, agreement, party, period, due, expires_at, status, edition, state, "
                    "parcel, met_at) VALUES (:id, 'a', :id, '2026Q3', '2026-11-01', '2026-11-01T16:00:00.000000Z', "
                    "'final', '2026', :state, '', '')"
                ),
                {"id": identity, "state": state},
            )
    migrate(engine)
    engine.dispose()
    opened = Ledger(url)
    with opened.reading() as reading:
        rows = {o.id: o for o in reading.obligations.where(period="2026Q3")}
        assert {(o.kind, o.subject, o.rule) for o in rows.values()} == {("submission", "2026Q3", "")}
        assert [o.id for o in reading.obligations.to_remind(NOW)] == ["o1"]
    opened.close()


def test_two_that_migrate_at_once(url: str) -> None:
    """A restart can overlap the end of what it replaces."""
    ledgers = [Ledger(url) for _ in range(2)]
    try:
        for made in ledgers:
            made.migrate()
        with ledgers[1].transaction(NOW) as tx:
            assert tx.log(entry("a")).seq == 0
    finally:
        for made in ledgers:
            made.close()


# ---- the log --------------------------------------------------------------------------------------------------------


def test_forty_racing_transactions_lose_none(ledger: Ledger) -> None:
    """Each reads a count, writes it back raised by one, and logs: read-then-write, the worst case."""
    parcel(ledger, "p1")

    def work(number: int) -> int:
        with ledger.transaction(NOW + timedelta(microseconds=number)) as tx:
            sequenced = tx.log(entry(f"e{number}", "p1"))
            tx.parcels.update("p1", records=tx.parcels.row("p1").records + 1)
            return sequenced.seq

    seqs = race(work)
    assert sorted(seqs) == list(range(RACERS))
    with ledger.reading() as reading:
        row = reading.parcels.row("p1")
        entries = reading.entries.after(limit=1000)
    assert row.records == RACERS
    assert [e.seq for e in entries] == list(range(RACERS))
    last, stamp = "", NOW
    for found in entries:
        body = json.loads(found.body)
        assert body["prev"] == last
        assert hashlib.sha256(b"\x00" + found.body).hexdigest() == found.leaf
        assert stamp <= parse(body["logged_at"]) == found.logged_at
        last, stamp = found.leaf, found.logged_at


def test_a_racer_that_gives_up_leaves_no_gap(ledger: Ledger) -> None:
    class GaveUp(Exception):
        pass

    def work(number: int) -> bool:
        try:
            with ledger.transaction(NOW) as tx:
                tx.log(entry(f"e{number}"))
                if number % 3 == 0:
                    raise GaveUp
        except GaveUp:
            return False
        return True

    kept = sum(bool(done) for done in race(work))
    with ledger.reading() as reading:
        assert [e.seq for e in reading.entries.after(limit=1000)] == list(range(kept))
        assert reading.entries.head()[0] == kept - 1


def test_the_same_event_is_logged_once(ledger: Ledger) -> None:
    def work(number: int) -> bool:
        try:
            with ledger.transaction(NOW) as tx:
                tx.log(entry("p1/sealed", "p1"))
        except IntegrityError:
            return False
        return True

    assert sum(bool(done) for done in race(work, 10)) == 1
    with ledger.reading() as reading:
        assert [e.id for e in reading.entries.after()] == ["p1/sealed"]


def test_a_clock_that_goes_back_does_not_take_the_log_with_it(ledger: Ledger) -> None:
    with ledger.transaction(NOW) as tx:
        tx.log(entry("a"))
    with ledger.transaction(NOW - timedelta(hours=1)) as tx:
        sequenced = tx.log(entry("b", time=NOW - timedelta(hours=1)))
    assert sequenced.logged_at == NOW
    with ledger.reading() as reading:
        assert [e.logged_at for e in reading.entries.after()] == [NOW] * 2


def test_nothing_is_logged_before_it_happened(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="before it happened"), ledger.transaction(NOW) as tx:
        tx.log(entry("a", time=NOW + timedelta(seconds=1)))
    with ledger.reading() as reading:
        assert reading.entries.head() == (-1, "")


def test_an_entry_over_the_formats_limit_is_not_written(ledger: Ledger) -> None:
    digests = {f"package-{n:05}": "0" * 64 for n in range(1000)}
    with pytest.raises(ValueError, match="bytes"), ledger.transaction(NOW) as tx:
        tx.log(entry("a", digests=digests))


# ---- state ----------------------------------------------------------------------------------------------------------


def test_a_place_has_one_winner(ledger: Ledger) -> None:
    for number in range(20):
        parcel(ledger, f"p{number}")

    def work(number: int) -> bool:
        with ledger.transaction(NOW) as tx:
            won = tx.places.take(PLACE, f"p{number}")
            # The transaction of the one that lost goes on.
            tx.parcels.change(f"p{number}", Change(ParcelState.RECEIVED if won else ParcelState.REFUSED))
            return won

    winners = [number for number, won in enumerate(race(work, 20)) if won]
    assert len(winners) == 1
    with ledger.reading() as reading:
        assert [p.id for p in reading.places.holders("330000", "migrants-inflow", "2026Q3")] == [f"p{winners[0]}"]
        assert reading.parcels.counts() == {ParcelState.RECEIVED: 1, ParcelState.REFUSED: 19}


def test_a_place_that_is_given_up_can_be_taken(ledger: Ledger) -> None:
    parcel(ledger, "p1")
    parcel(ledger, "p2")
    with ledger.transaction(NOW) as tx:
        assert tx.places.take(PLACE, "p1")
    with ledger.transaction(NOW) as tx:
        tx.places.free("p1")
        assert tx.places.take(PLACE, "p2")


def test_a_transaction_that_fails_leaves_nothing(ledger: Ledger) -> None:
    with pytest.raises(InterruptedError), ledger.transaction(NOW) as tx:  # noqa: PT012 - all of it is one transaction
        tx.parcels.add(
            id="p1",
            corridor="submission",
            sender="s",
            agreement="a",
            state=ParcelState.ARRIVING,
            facts="f",
            received_at=NOW,
        )
        tx.places.take(PLACE, "p1")
        tx.progress.set("p1", "intake", "{}")
        tx.secrets.keep_salt("c" * 64, "s" * 64)
        tx.secrets.ensure("p1")
        tx.log(entry("p1/received", "p1"))
        tx.receipts.add(number="HZ-1", parcel="p1", party="s", stage="refused", code="226", body=b"{}", issued_at=NOW)
        raise InterruptedError
    with ledger.reading() as reading:
        assert reading.parcels.get("p1") is None
        assert reading.receipts.where() == []
        assert reading.entries.head() == (-1, "")
        assert reading.progress.get("p1", "intake") is None
        assert reading.places.counts() == {}
        assert reading.secrets.key("p1") == ""
    with ledger.transaction(NOW) as tx:
        assert tx.log(entry("p1/received", "p1")).seq == 0
        tx.secrets.keep_salt("c" * 64, "s" * 64)


def test_a_stage_is_recorded_once(ledger: Ledger) -> None:
    with ledger.transaction(NOW) as tx:
        tx.progress.set("p1", "intake", "{}")
    with pytest.raises(IntegrityError), ledger.transaction(NOW) as tx:
        tx.progress.set("p1", "intake", "{}")


def test_a_package_address_is_taken_once(ledger: Ledger) -> None:
    parcel(ledger, "p1", period="2026Q3", kind=Kind.NEW, revision=1)
    package = SealedPackage(PackageId("a_1"), PartyId("440000"), 5, "d" * 64, "e" * 64, 100)
    other = SealedPackage(PackageId("a_2"), PartyId("440000"), 5, "d" * 64, "e" * 64, 100)
    with ledger.transaction(NOW) as tx:
        row = tx.parcels.row("p1")
        tx.packages.add(row, package, PackageState.HELD)
    with pytest.raises(IntegrityError), ledger.transaction(NOW) as tx:
        tx.packages.add(row, other, PackageState.HELD)
    with ledger.reading() as reading:
        assert [p.id for p in reading.packages.where()] == ["a_1"]


def test_what_is_due_and_what_was_taken_up(ledger: Ledger) -> None:
    parcel(ledger, "p1")
    parcel(ledger, "p2", state=ParcelState.FAULTED)
    with ledger.transaction(NOW) as tx:
        tx.parcels.update("p1", attempt=2, next_attempt_at=NOW + timedelta(seconds=5))
    with ledger.reading() as reading:
        assert reading.parcels.due(NOW + timedelta(seconds=4)) == []
        assert [p.id for p in reading.parcels.due(NOW + timedelta(seconds=5))] == ["p1"]
        assert reading.parcels.unfinished() == []
        assert {p.id for p in reading.parcels.unsettled()} == {"p1", "p2"}
    with ledger.transaction(NOW) as tx:
        tx.parcels.update("p1", attempt=3, next_attempt_at=NOW + timedelta(seconds=9))
    with ledger.transaction(NOW) as tx:
        tx.parcels.taken_up("p1", 2)  # that attempt has ended meanwhile: the time of the next one stands
    with ledger.reading() as reading:
        assert [p.id for p in reading.parcels.due(NOW + timedelta(seconds=9))] == ["p1"]
    with ledger.transaction(NOW) as tx:
        tx.parcels.taken_up("p1", 3)
    with ledger.reading() as reading:
        assert reading.parcels.due(NOW + timedelta(days=1)) == []
        assert [p.id for p in reading.parcels.unfinished()] == ["p1"]


def test_receipts_that_nobody_has_yet(ledger: Ledger) -> None:
    body = '{"名":1}'.encode()
    same: dict[str, Any] = {"parcel": "p1", "party": "s", "stage": "refused", "code": "226", "issued_at": NOW}
    with ledger.transaction(NOW) as tx:
        tx.receipts.add(number="HZ-1", body=body, **same)
    with pytest.raises(IntegrityError), ledger.transaction(NOW) as tx:
        tx.receipts.add(number="HZ-2", body=body, **same)
    with ledger.reading() as reading:
        assert [r.number for r in reading.receipts.where(written_at=None)] == ["HZ-1"]
    with ledger.transaction(NOW) as tx:
        tx.receipts.written("HZ-1")
    with ledger.reading() as reading:
        (receipt,) = reading.receipts.where(parcel="p1")
        assert reading.receipts.where(written_at=None) == []
    assert (receipt.body, receipt.written_at) == (body, NOW)


def test_a_batch_with_its_delivery_and_its_packages(ledger: Ledger) -> None:
    parcel(ledger, "p1", period="2026Q3", kind=Kind.NEW, revision=1)
    with ledger.transaction(NOW) as tx:
        row = tx.parcels.row("p1")
        for receiver in ("440000", "450000"):
            sealed = SealedPackage(PackageId(receiver), PartyId(receiver), 5, "d" * 64, "e" * 64, 100)
            tx.packages.add(row, sealed, PackageState.HELD)
    with ledger.transaction(NOW) as tx:
        tx.batches.add(
            id="d1",
            agreement="migrants-inflow",
            period="2026Q3",
            batch=1,
            receiver="440000",
            state=BatchState.RELEASED,
            packages=1,
            records=5,
            released_at=NOW,
            released_by="gateway",
            facts="f",
            channel="folder",
        )
        tx.packages.assign(["440000"], "d1")
        tx.packages.change_batch("d1", Change(PackageState.RELEASED))
    with ledger.reading() as reading:
        assert [p.id for p in reading.packages.where(state=PackageState.HELD)] == ["450000"]
        assert [p.id for p in reading.packages.where(distribution="d1")] == ["440000"]
        assert reading.batches.last("migrants-inflow", "2026Q3") == 1
        assert reading.batches.last("migrants-inflow", "2026Q4") == 0
        (batch,) = reading.batches.waiting()
        assert (batch.receiver, batch.state, batch.attempt) == ("440000", BatchState.RELEASED, 1)
    with ledger.transaction(NOW) as tx:
        tx.batches.update("d1", attempt=2, next_attempt_at=NOW)
        tx.batches.taken_up("d1", 1)
    with ledger.reading() as reading:
        assert [d.id for d in reading.batches.due(NOW)] == ["d1"]
        assert reading.batches.waiting() == []
    with ledger.transaction(NOW) as tx:
        tx.batches.taken_up("d1", 2)
        tx.batches.change("d1", Change(BatchState.DELIVERED, {"delivered_at": NOW, "list_sha256": "a" * 64}))
        tx.packages.change_batch("d1", Change(PackageState.DELIVERED))
    with ledger.reading() as reading:
        batch = reading.batches.row("d1")
        assert (batch.delivered_at, batch.list_sha256, batch.acknowledged_at) == (NOW, "a" * 64, None)
        assert reading.batches.due(NOW) == []
        assert reading.batches.counts() == {BatchState.DELIVERED: 1}
        assert reading.packages.counts() == {PackageState.DELIVERED: 1, PackageState.HELD: 1}


def test_an_obligation_is_set_once(ledger: Ledger) -> None:
    values: dict[str, Any] = {
        "id": "o1",
        "kind": "submission",
        "agreement": "a",
        "party": "s",
        "subject": "2026Q3",
        "period": "2026Q3",
        "source": "",
        "due": date(2026, 11, 1),
        "expires_at": NOW,
        "status": "final",
        "edition": "2026",
        "state": ObligationState.OPEN,
    }
    with ledger.transaction(NOW) as tx:
        assert tx.obligations.add(**values)
        assert not tx.obligations.add(**values)
    with ledger.reading() as reading:
        assert len(reading.obligations.where(party="s")) == 1


def test_counts_are_kept_whole(ledger: Ledger) -> None:
    parcel(ledger, "p1", size=5 << 30)
    with ledger.transaction(NOW) as tx:
        tx.parcels.tally("p1", Tally(3_000_000_000, 2_999_999_999, 1, 7))
    with ledger.reading() as reading:
        row = reading.parcels.row("p1")
    assert (row.size, row.records, row.accepted, row.refused, row.warned) == (
        5 << 30,
        3_000_000_000,
        2_999_999_999,
        1,
        7,
    )


def test_a_reading_waits_for_nobody(ledger: Ledger) -> None:
    """While a transaction is open, others read what was committed before."""
    parcel(ledger, "p1")
    with ledger.transaction(NOW) as tx:
        tx.parcels.change("p1", Change(ParcelState.RECEIVED))
        with ledger.reading() as reading:
            assert reading.parcels.row("p1").state is ParcelState.ARRIVING
    with ledger.reading() as reading:
        assert reading.parcels.row("p1").state is ParcelState.RECEIVED


def test_sqlite_syncs_fully_and_forgets_what_was_deleted(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'l.db'}")
    try:
        with engine.connect() as connection:
            pragma = {
                name: connection.execute(text(f"PRAGMA {name}")).scalar()
                for name in ("journal_mode", "synchronous", "secure_delete", "foreign_keys")
            }
        assert pragma == {"journal_mode": "wal", "synchronous": 2, "secure_delete": 1, "foreign_keys": 1}
    finally:
        engine.dispose()
