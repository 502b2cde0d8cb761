"""Whether a database's error is the world's: it is full, locked, restarted, promoted, or cannot be reached; or whether
what it holds is damaged.

What is the world's may be tried again as it was. Damage does not go away by waiting: nothing may be built upon it, and
a person restores the ledger. Everything else (a table that is not there, a constraint) is ours.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, TimeoutError

# Primary result codes: BUSY, LOCKED, NOMEM, READONLY, IOERR, FULL, CANTOPEN, PROTOCOL.
_SQLITE = frozenset((5, 6, 7, 8, 10, sqlite3.SQLITE_FULL, 14, 15))
# Classes of SQLSTATE: connection, transaction rollback (serialization, deadlock), resources, intervention, system; and
# single ones: a standby that does not write (after a failover), a session that was ended for its idleness.
_CLASSES = frozenset(("08", "40", "53", "57", "58"))
_STATES = frozenset(("25006", "25P03"))
_CANCELED = "57014"
# Primary result codes: CORRUPT, NOTADB.
_SQLITE_CORRUPT = frozenset((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB))
# data_corrupted, index_corrupted.
_STATES_CORRUPT = frozenset(("XX001", "XX002"))


class LedgerAway(Exception):
    """The database cannot do it now; nothing of the transaction stays, or all of it does where the connection broke
    while it was committed. `full`: there is no room; `damaged`: the disk failed to read or write."""

    def __init__(self, *, full: bool = False, damaged: bool = False) -> None:
        super().__init__("the ledger is not available")
        self.full, self.damaged = full, damaged


class LedgerCorrupt(Exception):
    """A page of the database is damaged: what it holds can be neither believed nor added to."""

    def __init__(self) -> None:
        super().__init__("the ledger is damaged")


def corrupt(error: BaseException | None) -> bool:
    """Whether a driver's error says that the database itself is damaged."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None:
        return (code & 0xFF) in _SQLITE_CORRUPT
    return getattr(error, "sqlstate", None) in _STATES_CORRUPT


@contextmanager
def available() -> Iterator[None]:
    """Raises `LedgerAway` for what is the world's, `LedgerCorrupt` where the database is damaged. The driver's text
    stays behind: it holds statements and values."""
    try:
        yield
    except TimeoutError:
        raise LedgerAway from None
    except DBAPIError as error:
        if corrupt(error.orig):
            raise LedgerCorrupt from None
        away = _away(error)
        if away is None:
            raise
        raise away from None


def _away(error: DBAPIError) -> LedgerAway | None:
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        primary = code & 0xFF
        full, damaged = primary == sqlite3.SQLITE_FULL, primary == sqlite3.SQLITE_IOERR
        return LedgerAway(full=full, damaged=damaged) if primary in _SQLITE else None
    state = str(getattr(error.orig, "sqlstate", None) or "")
    if error.connection_invalidated or state in _STATES or (state[:2] in _CLASSES and state != _CANCELED):
        return LedgerAway(full=state == "53100")
    # Where no connection came about there is no state: psycopg's class alone says it.
    lost = not state and type(error.orig).__name__ in ("OperationalError", "ConnectionTimeout")
    return LedgerAway() if lost else None
