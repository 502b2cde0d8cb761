"""Inquiries and records with dates of their own, in the ledger. Who asked, who was asked, how many; never of whom."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import and_, delete, func, insert, select, update

from gateway.adapters.ledger import asked_tables as t
from gateway.adapters.ledger import tables
from gateway.adapters.ledger.queries import Queries
from gateway.adapters.ledger.rows import DatedRow, InquiryRow, ObligationRow
from gateway.instants import rfc3339

Place = tuple[str, str, int]
"""(parcel, receiver, ordinal) of a record."""
_CHUNK = 500


class Asking(Queries):
    """Readings."""

    def inquiries(self, *, opened: bool | None = None, **equal: str) -> list[InquiryRow]:
        """By who asked and number. `opened`: only those that are, or are not, open in their receiver's hands."""
        k, i = t.inquiry_keys.c, t.inquiries.c
        mine = and_(k.parcel == i.parcel, k.receiver == i.receiver)
        key = func.coalesce(k.key, "").label("key")
        joined = t.inquiries.outerjoin(t.inquiry_keys, mine)
        query = select(t.inquiries, key).select_from(joined)
        query = query.where(*(i[column] == value for column, value in equal.items()))
        if opened is not None:
            here = and_(t.inquiries.c.delivered_at != "", t.inquiries.c.closed_at == "")
            query = query.where(here if opened else ~here)
        return self._all(InquiryRow, query.order_by(t.inquiries.c.origin, t.inquiries.c.number, t.inquiries.c.receiver))

    def dated(self, parcel: str, receiver: str) -> list[DatedRow]:
        """The records of one parcel for one receiver, in the order they stood."""
        mine = t.dated_records.c.parcel == parcel, t.dated_records.c.receiver == receiver
        return self._all(DatedRow, select(t.dated_records).where(*mine).order_by(t.dated_records.c.ordinal))

    def dated_with_state(self, **equal: str) -> list[tuple[DatedRow, ObligationRow]]:
        """Records with what is owed for them: `parcel`, `receiver`, or columns of the obligation (`kind`, `party`,
        `agreement`). One that another record stands for is told with that one's obligation."""
        o, d = tables.obligations, t.dated_records
        query = select(d, *(column.label(f"o_{column.name}") for column in o.c)).join(o, o.c.id == d.c.obligation)
        for key, value in equal.items():
            query = query.where((d.c[key] if key in d.c else o.c[key]) == value)
        found = []
        for row in self._connection.execute(query.order_by(d.c.parcel, d.c.receiver, d.c.ordinal)).mappings():
            owed = {name[2:]: value for name, value in row.items() if name.startswith("o_")}
            found.append((DatedRow(**{c.name: row[c.name] for c in d.c}), ObligationRow(**owed)))
        return found

    def inquiry_keys(self) -> list[tuple[str, str, str]]:
        """(parcel, receiver, key) of every inquiry whose key is here: what no backup of the database holds."""
        k = t.inquiry_keys.c
        query = select(k.parcel, k.receiver, k.key).order_by(k.parcel, k.receiver)
        return [(str(row[0]), str(row[1]), str(row[2])) for row in self._connection.execute(query)]

    def asked_under(self, obligations: Sequence[str]) -> set[tuple[str, str]]:
        """(parcel, receiver) of every record that one of these obligations is owed for."""
        found: set[tuple[str, str]] = set()
        for at in range(0, len(obligations), _CHUNK):
            d = t.dated_records.c
            query = select(d.parcel, d.receiver).where(d.obligation.in_(obligations[at : at + _CHUNK])).distinct()
            found.update((str(row[0]), str(row[1])) for row in self._connection.execute(query))
        return found


class AskingWrites(Asking):
    """Writings, in the transaction of what they belong to."""

    now: Any

    def add_inquiry(self, *, key: str, **values: object) -> None:
        """`key` is empty where it was lost, with a node that was restored."""
        self._connection.execute(insert(t.inquiries).values(**values))
        if key:
            named = {"parcel": values["parcel"], "receiver": values["receiver"]}
            self._connection.execute(insert(t.inquiry_keys).values(**named, key=key))

    def enter_inquiry_keys(self, keys: Iterable[tuple[str, str, str]]) -> None:
        """Keys that were kept beside a backup, of inquiries that are open and have none."""
        query = select(t.inquiries.c.parcel, t.inquiries.c.receiver).where(t.inquiries.c.closed_at == "")
        opened = {(str(row[0]), str(row[1])) for row in self._connection.execute(query)}
        wanted = opened - {(parcel, receiver) for parcel, receiver, _ in self.inquiry_keys()}
        for parcel, receiver, key in keys:
            if (parcel, receiver) in wanted:
                named = {"parcel": parcel, "receiver": receiver, "key": key}
                self._connection.execute(insert(t.inquiry_keys).values(**named))

    def update_inquiry(self, parcel: str, receiver: str, **values: object) -> None:
        mine = t.inquiries.c.parcel == parcel, t.inquiries.c.receiver == receiver
        self._connection.execute(update(t.inquiries).where(*mine).values(**values))

    def add_dated(self, rows: Sequence[Mapping[str, object]]) -> None:
        for at in range(0, len(rows), _CHUNK):
            self._connection.execute(insert(t.dated_records), [dict(row) for row in rows[at : at + _CHUNK]])

    def update_dated(self, places: Iterable[Place], **values: object) -> None:
        for parcel, receiver, ordinal in places:
            d = t.dated_records.c
            here = d.parcel == parcel, d.receiver == receiver, d.ordinal == ordinal
            self._connection.execute(update(t.dated_records).where(*here).values(**values))

    def claim(self, place: Place, reply: str) -> bool:
        """Let a reply answer this record; False where another one does."""
        d = t.dated_records.c
        here = d.parcel == place[0], d.receiver == place[1], d.ordinal == place[2], d.claimed.in_(("", reply))
        return self._connection.execute(update(t.dated_records).where(*here).values(claimed=reply)).rowcount == 1

    def unclaim(self, place: Place, reply: str) -> None:
        d = t.dated_records.c
        here = d.parcel == place[0], d.receiver == place[1], d.ordinal == place[2], d.claimed == reply
        self._connection.execute(update(t.dated_records).where(*here).values(claimed=""))

    def point_to(self, before: str, after: str) -> None:
        """Whatever was owed as one obligation is owed as the other from here on."""
        mine = t.dated_records.c.obligation == before
        self._connection.execute(update(t.dated_records).where(mine).values(obligation=after))

    def close_inquiry(self, parcel: str, receiver: str) -> None:
        """The key and all it made are gone."""
        self.update_inquiry(parcel, receiver, closed_at=rfc3339(self.now))
        k = t.inquiry_keys.c
        self._connection.execute(delete(t.inquiry_keys).where(k.parcel == parcel, k.receiver == receiver))
        mine = t.dated_records.c.parcel == parcel, t.dated_records.c.receiver == receiver
        self._connection.execute(update(t.dated_records).where(*mine).values(fingerprint=""))
