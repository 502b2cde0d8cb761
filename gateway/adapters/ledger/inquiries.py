"""Inquiries and records with dates of their own, in the ledger. Who asked, who was asked, how many; never of whom."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Unpack

from sqlalchemy import ColumnElement, and_, delete, func, insert, select, update

from gateway.adapters.ledger import tables as t
from gateway.adapters.ledger.queries import Queries, Writings, chunks, equals, values_of, written
from gateway.adapters.ledger.rows import (
    DatedEqual,
    DatedRow,
    DatedValues,
    InquiryEqual,
    InquiryKey,
    InquiryRow,
    InquiryValues,
    ObligationRow,
    RecordKey,
)
from gateway.lifecycle import Change, InquiryState

_i, _k, _d = t.inquiries.c, t.inquiry_keys.c, t.dated_records.c
_KEYED = select(
    *(_i[name] if name in _i else func.coalesce(_k.key, "").label(name) for name in InquiryRow.__dataclass_fields__)
).select_from(t.inquiries.outerjoin(t.inquiry_keys, and_(_k.parcel == _i.parcel, _k.receiver == _i.receiver)))


class InquiryReadings(Queries):
    """Readings."""

    def where(self, *, opened: bool | None = None, **equal: Unpack[InquiryEqual]) -> list[InquiryRow]:
        """By who asked and number. `opened`: only those that are, or are not, open in their receiver's hands."""
        query = _KEYED.where(*equals(t.inquiries, equal))
        if opened is not None:
            query = query.where(_i.state == InquiryState.OPEN if opened else _i.state != InquiryState.OPEN)
        return self._all(InquiryRow, query.order_by(_i.origin, _i.number, _i.receiver))

    def keys(self) -> list[InquiryKey]:
        """Every key that is here: what no backup of the database holds."""
        return self._all(InquiryKey, select(_k.parcel, _k.receiver, _k.key).order_by(_k.parcel, _k.receiver))

    def counts(self) -> dict[InquiryState, int]:
        """How many inquiries are in each state."""
        return self._counts(_i.state)


class Inquiries(InquiryReadings, Writings):
    """The same with writings, in the transaction of what they belong to."""

    def add(self, row: InquiryRow) -> None:
        """Its key is empty where it was lost, with a node that was restored."""
        values = values_of(row)
        key = values.pop("key")
        self._connection.execute(insert(t.inquiries).values(**values))
        if key:
            self._connection.execute(insert(t.inquiry_keys).values(parcel=row.parcel, receiver=row.receiver, key=key))

    def enter_keys(self, keys: Iterable[tuple[str, str, str]]) -> None:
        """Keys (`InquiryKey`) that were kept beside a backup, of inquiries that are not closed and have none."""
        query = select(_i.parcel, _i.receiver).where(_i.state != InquiryState.CLOSED)
        wanted = {(parcel, receiver) for parcel, receiver in self._connection.execute(query)}
        wanted -= {(known.parcel, known.receiver) for known in self.keys()}
        for parcel, receiver, key in keys:
            if (parcel, receiver) in wanted:
                self._connection.execute(insert(t.inquiry_keys).values(parcel=parcel, receiver=receiver, key=key))

    def update(self, parcel: str, receiver: str, **values: Unpack[InquiryValues]) -> None:
        self._connection.execute(update(t.inquiries).where(*_mine(parcel, receiver)).values(**values))

    def change(self, parcel: str, receiver: str, change: Change[InquiryState], **values: Unpack[InquiryValues]) -> None:
        """Its new state, the columns that follow from the entry, and `values` beside them. On its closing the key goes,
        and the fingerprints that it made; `closed_at` is now where the change does not say it."""
        columns = written(change, values)
        if change.state is InquiryState.CLOSED:
            columns = {"closed_at": self.now, **columns}
            self._connection.execute(delete(t.inquiry_keys).where(_k.parcel == parcel, _k.receiver == receiver))
            made = update(t.dated_records).where(_d.parcel == parcel, _d.receiver == receiver)
            self._connection.execute(made.values(fingerprint=""))
        self._connection.execute(update(t.inquiries).where(*_mine(parcel, receiver)).values(columns))


def _mine(parcel: str, receiver: str) -> tuple[ColumnElement[bool], ...]:
    return _i.parcel == parcel, _i.receiver == receiver


class DatedReadings(Queries):
    """Readings."""

    def of(self, parcel: str, receiver: str) -> list[DatedRow]:
        """The records of one parcel for one receiver, in the order they stood."""
        query = select(t.dated_records).where(_d.parcel == parcel, _d.receiver == receiver)
        return self._all(DatedRow, query.order_by(_d.ordinal))

    def with_obligations(self, **equal: Unpack[DatedEqual]) -> list[tuple[DatedRow, ObligationRow]]:
        """Records with what is owed for them, by parcel, receiver and order. One that another record stands for is told
        with that one's obligation."""
        query = select(t.dated_records, t.obligations).join(t.obligations, t.obligations.c.id == _d.obligation)
        for name, value in equal.items():
            query = query.where((_d[name] if name in ("parcel", "receiver") else t.obligations.c[name]) == value)
        found = self._connection.execute(query.order_by(_d.parcel, _d.receiver, _d.ordinal))
        split = len(t.dated_records.columns)
        return [(DatedRow(*row[:split]), ObligationRow(*row[split:])) for row in found]

    def asked_under(self, obligations: Sequence[str]) -> set[tuple[str, str]]:
        """(parcel, receiver) of every record that one of these obligations is owed for."""
        found: set[tuple[str, str]] = set()
        for some in chunks(obligations):
            query = select(_d.parcel, _d.receiver).where(_d.obligation.in_(some)).distinct()
            found.update((parcel, receiver) for parcel, receiver in self._connection.execute(query))
        return found


class DatedRecords(DatedReadings, Writings):
    """The same with writings, in the transaction of what they belong to."""

    def add(self, rows: Sequence[DatedRow]) -> None:
        for some in chunks(rows):
            self._connection.execute(insert(t.dated_records), [values_of(row) for row in some])

    def update(self, records: Iterable[RecordKey], **values: Unpack[DatedValues]) -> None:
        """The same values for each."""
        for record in records:
            self._connection.execute(update(t.dated_records).where(*_at(record)).values(**values))

    def claim(self, record: RecordKey, reply: str) -> bool:
        """Let a parcel reply to this record; False where another one does."""
        free = update(t.dated_records).where(*_at(record), _d.claimed.in_(("", reply)))
        return self._connection.execute(free.values(claimed=reply)).rowcount == 1

    def unclaim(self, record: RecordKey, reply: str) -> None:
        """Take the claim back, if it is this parcel's."""
        mine = update(t.dated_records).where(*_at(record), _d.claimed == reply)
        self._connection.execute(mine.values(claimed=""))

    def point_to(self, before: str, after: str) -> None:
        """What was owed as one obligation is owed as the other from here on."""
        mine = update(t.dated_records).where(_d.obligation == before)
        self._connection.execute(mine.values(obligation=after))


def _at(record: RecordKey) -> tuple[ColumnElement[bool], ...]:
    parcel, receiver, ordinal = record
    return _d.parcel == parcel, _d.receiver == receiver, _d.ordinal == ordinal
