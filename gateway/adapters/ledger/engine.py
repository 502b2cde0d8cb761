"""Engines for the ledger and for the workflow engine, and the migration that makes their tables.

SQLite: one file, two engines. Both run in WAL mode with `synchronous=FULL`; the ledger's opens every transaction with
BEGIN IMMEDIATE, because SQLAlchemy would otherwise let reads run outside the transaction and racing read-then-write
transactions would lose updates.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import ExceptionContext

from gateway.adapters.ledger.availability import corrupt

BUSY_MS = 30_000
_MIGRATIONS = Path(__file__).parent / "migrations"


def make_engine(url: str, *, immediate: bool = True) -> Engine:
    """An engine for `url` (sqlite:/// or postgresql+psycopg://). `immediate`: the ledger's transaction rule."""
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True, pool_size=20, max_overflow=20)
    engine = create_engine(url, pool_size=20, max_overflow=20, connect_args={"timeout": BUSY_MS / 1000})

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        """A commit is on the disk when it returns, and what is deleted is overwritten."""
        connection.isolation_level = None if immediate else "IMMEDIATE"
        for pragma in (
            f"busy_timeout={BUSY_MS}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "secure_delete=ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    if immediate:

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def watch(engine: Engine, damaged: Callable[[], None]) -> Engine:
    """Have `damaged` called whenever a statement of anybody on this engine meets damage; the engine."""

    @event.listens_for(engine, "handle_error")
    def look(context: ExceptionContext) -> None:
        if corrupt(context.original_exception):
            damaged()

    return engine


def migrate(engine: Engine) -> None:
    """Bring the ledger's tables to the newest version. Safe to call at every start."""
    if _version(engine) == max(path.stem[:4] for path in (_MIGRATIONS / "versions").glob("[0-9]*.py")):
        return
    from alembic import command  # a good part of a start's time, and seldom needed
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    with engine.begin() as connection:
        attributes: dict[str, Any] = config.attributes
        attributes["connection"] = connection
        command.upgrade(config, "head")


def _version(engine: Engine) -> str:
    """The version of the ledger's tables; empty where there are none."""
    with engine.begin() as connection:
        if not inspect(connection).has_table("ledger_version"):
            return ""
        return str(connection.execute(text("SELECT version_num FROM ledger_version")).scalar() or "")
