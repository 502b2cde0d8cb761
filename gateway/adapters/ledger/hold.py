"""One daemon to a ledger on PostgreSQL: an advisory lock, which the server drops with its session (PostgreSQL, Explicit
Locking, 13.3.5). A ledger on SQLite is a file of the machine, and locked as such.
"""

from __future__ import annotations

import secrets
from contextlib import suppress

from sqlalchemy import Connection, NullPool, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError

from gateway.adapters.ledger.availability import LedgerAway, available

_CLASS = 0x6777
"""The first half of the lock's key; the second is the schema the tables are in, for two of them in one database."""
_SILENCE = {"tcp_keepalives_idle": 20, "tcp_keepalives_interval": 10, "tcp_keepalives_count": 3}
"""A holder whose machine is gone is noticed by the server within a minute: without these it takes two hours."""
_LOCK = "SELECT pg_try_advisory_lock(:class, hashtext(current_schema()))"
_HOLDER = """
SELECT a.pid, a.application_name, coalesce(host(a.client_addr), 'local')
FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 2
  AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND l.classid = :class AND l.objid = (hashtext(current_schema())::bigint & 4294967295)::oid
"""


class Hold:
    """What a daemon has of its ledger alone, from `take` to `close`. A connection of its own, which may break: `take`
    is asked again and again."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url)
        self._name = f"gateway-{secrets.token_hex(8)}"
        self._session: Connection | None = None

    def take(self) -> str:
        """Hold the ledger, again where the session is lost; empty, or who else holds it. Raises `LedgerAway`."""
        if self._url.get_backend_name() == "sqlite":
            return ""
        if self._session is not None:
            try:
                self._session.execute(text("SELECT 1"))
                return ""
            except DBAPIError:
                self.close()
        with available():
            return self._begin()

    def _begin(self) -> str:
        engine = create_engine(
            self._url,
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
            connect_args={"application_name": self._name},
        )
        session = engine.connect()
        try:
            for setting, value in _SILENCE.items():
                session.execute(text(f"SET {setting} = {value}"))
            for _ in range(2):
                if session.execute(text(_LOCK), {"class": _CLASS}).scalar():
                    self._session = session
                    return ""
                found = session.execute(text(_HOLDER), {"class": _CLASS}).one_or_none()
                if found is not None and found[1] != self._name:
                    return f"{found[2]} (pid {found[0]})"
                if found is not None:  # our own session of before, whose end the server missed
                    session.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": found[0]})
            raise LedgerAway  # nobody else is seen to hold it: it is asked for again
        finally:
            if self._session is not session:
                session.close()

    def close(self) -> None:
        """Let it go."""
        session, self._session = self._session, None
        if session is not None:
            with suppress(DBAPIError):
                session.close()
