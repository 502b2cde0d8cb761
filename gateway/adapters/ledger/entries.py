"""Entries of the exchange log in the ledger."""

from __future__ import annotations

from sqlalchemy import select

from gateway.adapters.ledger import tables as t
from gateway.adapters.ledger.queries import Queries
from gateway.adapters.ledger.rows import LogRow

_ENTRIES = select(t.log_entries)


class Entries(Queries):
    """Readings; `Transaction.log` writes."""

    def get(self, entry_id: str) -> LogRow | None:
        return self._one(LogRow, _ENTRIES.where(t.log_entries.c.id == entry_id))

    def of(self, parcel: str) -> list[LogRow]:
        """What was logged of one parcel (or batch), oldest first."""
        return self._all(LogRow, _ENTRIES.where(t.log_entries.c.parcel == parcel).order_by(t.log_entries.c.seq))

    def after(self, seq: int = -1, limit: int = 1000) -> list[LogRow]:
        """The entries that follow `seq`, in order."""
        query = _ENTRIES.where(t.log_entries.c.seq > seq).order_by(t.log_entries.c.seq)
        return self._all(LogRow, query.limit(limit))

    def head(self) -> tuple[int, str]:
        """The last sequence number and the leaf hash of that entry; (-1, "") of an empty log."""
        e = t.log_entries.c
        row = self._connection.execute(select(e.seq, e.leaf).order_by(e.seq.desc()).limit(1)).first()
        return (-1, "") if row is None else (int(row[0]), str(row[1]))
