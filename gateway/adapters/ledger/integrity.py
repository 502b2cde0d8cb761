"""Whether a database is whole: looked at on a connection of its own that reads and never writes, so that nobody waits.

SQLite looks at every page by itself (`PRAGMA quick_check`: trees, free pages, what a column may hold; not whether an
index says the same as its table). PostgreSQL has an extension for it, `amcheck`; where the database has it and lets us
use it, the heap and every B-tree are judged by it. Elsewhere every row is read whole, which finds what reading can
find: a page without its head, a value that is cut off, and, with page checksums, every bit.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, NullPool, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError

from gateway.adapters.ledger.availability import available, corrupt
from gateway.adapters.ledger.engine import BUSY_MS

_STEPS = 1_000_000
"""Instructions of SQLite's machine between two breaths: some hundredths of a second."""
_OURS = "n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_t%'"
_TABLES = f"""
SELECT c.oid, format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND {_OURS} AND has_table_privilege(c.oid, 'SELECT') ORDER BY 2
"""  # noqa: S608 - names of ours
_TREES = f"""
SELECT i.indexrelid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_am a ON a.oid = c.relam
WHERE a.amname = 'btree' AND i.indisvalid AND c.relpersistence = 'p' AND {_OURS} ORDER BY 1
"""  # noqa: S608 - names of ours
_AMCHECK = """
SELECT quote_ident(n.nspname), p.proname FROM pg_extension e
JOIN pg_depend d ON d.refobjid = e.oid AND d.deptype = 'e' AND d.classid = 'pg_proc'::regclass
JOIN pg_proc p ON p.oid = d.objid JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE e.extname = 'amcheck' AND p.proname IN ('bt_index_check', 'verify_heapam')
AND has_function_privilege(p.oid, 'EXECUTE')
"""


def whole(url: str, breathe: Callable[[], bool] = lambda: False) -> bool:
    """Whether nothing damaged is found in the database of a SQLAlchemy URL; a SQLite file that is not there is whole.

    `breathe` is called again and again meanwhile; when it returns true the look ends early, as if nothing had been
    found. Raises `LedgerAway` where the database cannot be looked at now.
    """
    with available():
        if url.startswith("sqlite"):
            return file_whole(Path(make_url(url).database or ""), breathe)
        engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        try:
            with engine.connect() as connection:
                connection.execute(text("SET default_transaction_read_only = on"))
                return all(_sound(connection, look) for look in _looks(connection) if not breathe())
        except DBAPIError as error:
            if corrupt(error.orig):  # its own catalogue
                return False
            raise


def file_whole(file: Path, breathe: Callable[[], bool] = lambda: False) -> bool:
    """`whole` for a SQLite file."""
    if not file.exists():
        return True
    try:
        uri = f"file:{quote(str(file))}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_MS / 1000, isolation_level=None)) as connection:
            connection.set_progress_handler(breathe, _STEPS)
            return connection.execute("PRAGMA quick_check(1)").fetchall() == [("ok",)]
    except sqlite3.Error as error:
        if corrupt(error):
            return False
        if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
            return True
        raise DBAPIError("quick_check", None, error) from None


def _looks(connection: Connection) -> Iterator[str]:
    """Statements that fail, or return something true, where something is damaged."""
    tables = connection.execute(text(_TABLES)).all()
    judges = {str(name): str(schema) for schema, name in connection.execute(text(_AMCHECK)).all()}
    for oid, name in tables:
        yield f"SELECT max(length(t.*::text)) < 0 FROM {name} t"  # noqa: S608 - quoted by the server
        if heap := judges.get("verify_heapam"):
            yield f"SELECT true FROM {heap}.verify_heapam({int(oid)}::regclass) LIMIT 1"  # noqa: S608
    if tree := judges.get("bt_index_check"):
        for (oid,) in connection.execute(text(_TREES)).all():
            yield f"SELECT {tree}.bt_index_check({int(oid)}::regclass)"


def _sound(connection: Connection, look: str) -> bool:
    try:
        return not connection.execute(text(look)).scalar()
    except DBAPIError as error:
        if corrupt(error.orig):
            return False
        raise
