"""What links the log to people's data, and goes when a parcel is erased: its key, and salts of commitments.

SQLite overwrites what is deleted (`engine`). A backup holds these rows for as long as it holds the plain file that they
belong to, and no longer: a parcel that is erased has neither.
"""

from __future__ import annotations

from sqlalchemy import delete, insert, select

from gateway import digests
from gateway.adapters.ledger import tables as t
from gateway.adapters.ledger.queries import Queries, Writings


class SecretReadings(Queries):
    """Readings."""

    def key(self, parcel: str) -> str:
        """The parcel's key; empty where it has none, or none any more."""
        query = select(t.parcel_keys.c.key).where(t.parcel_keys.c.parcel == parcel)
        return self._connection.execute(query).scalar_one_or_none() or ""


class Secrets(SecretReadings, Writings):
    """The same with writings."""

    def ensure(self, parcel: str) -> str:
        """The parcel's key, made where it has none."""
        key = self.key(parcel)
        if not key:
            key = digests.new_key()
            self._connection.execute(insert(t.parcel_keys).values(parcel=parcel, key=key))
        return key

    def keep_salt(self, commit: str, salt: str) -> None:
        """The salt of a commitment that belongs to no parcel: a reason in a person's words."""
        self._connection.execute(insert(t.log_salts).values(commit=commit, salt=salt, parcel=""))

    def destroy(self, parcel: str) -> None:
        """The parcel's key, and the salts that older versions kept for it. Idempotent."""
        self._connection.execute(delete(t.parcel_keys).where(t.parcel_keys.c.parcel == parcel))
        if parcel:
            self._connection.execute(delete(t.log_salts).where(t.log_salts.c.parcel == parcel))
