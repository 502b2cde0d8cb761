"""One moment of a database in a file, while others go on writing: the ledger's and the workflow engine's tables are in
one database, so one snapshot holds both. What has to end before the snapshot does, `LEFT_OUT`, is not in it."""

from __future__ import annotations

import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from gateway.adapters.ledger import LedgerAway, integrity
from gateway.adapters.ledger.availability import corrupt

SQLITE, POSTGRESQL = "ledger.db", "ledger.dump"
SECONDS = 6 * 3600
LEFT_OUT = "inquiry_keys"
"""The table of keys that are destroyed when an inquiry closes: an archive would hold them for as long as it is kept."""


class DatabaseFailed(Exception):
    """The database could not be read or written whole; the message is of its own node and names no value."""


class DatabaseDamaged(DatabaseFailed):
    """It is damaged: what was copied of it would be no backup."""


def dump(url: str, folder: Path) -> Path:
    """Write the database as it stands now into `folder`. Writers are not held up. SQLite copies damaged pages as they
    are, so the copy is looked at; `pg_dump` fails over them."""
    if not url.startswith("sqlite"):
        target = folder / POSTGRESQL
        left_out = f"--exclude-table-data={LEFT_OUT}"
        try:
            _run("pg_dump", "--format=custom", "--no-owner", left_out, f"--file={target}", f"--dbname={_plain(url)}")
        except DatabaseFailed:
            if _damaged(url):
                raise DatabaseDamaged("the ledger is damaged") from None
            raise
        return target
    target = copy(Path(url.removeprefix("sqlite:///")), folder / SQLITE)
    if not integrity.file_whole(target):
        raise DatabaseDamaged("the ledger is damaged")
    try:
        with closing(sqlite3.connect(target, isolation_level=None)) as here:
            here.execute("PRAGMA secure_delete=ON")
            here.execute(f"DELETE FROM {LEFT_OUT}")  # noqa: S608 - a name of ours
            here.execute("VACUUM")
    except sqlite3.Error as error:
        raise DatabaseFailed(type(error).__name__) from error
    return target


def copy(source: Path, target: Path) -> Path:
    """A SQLite file as it stands now, its journal included, into a new file."""
    try:
        uri = f"file:{source}?mode=rw"
        with closing(sqlite3.connect(uri, uri=True, timeout=60)) as there, closing(sqlite3.connect(target)) as here:
            there.backup(here)
            here.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        if corrupt(error):
            raise DatabaseDamaged("the ledger is damaged") from None
        raise DatabaseFailed(type(error).__name__) from error
    target.chmod(0o600)
    return target


def load(url: str, folder: Path, state: Path) -> None:
    """Put the database that `dump` wrote into `folder` back: SQLite into `state`, PostgreSQL into the database of
    `url`, which must be empty. An archive of a damaged one is none."""
    if url.startswith("sqlite"):
        if not (folder / SQLITE).is_file():
            raise DatabaseFailed("the archive holds no SQLite ledger, and the configuration asks for one")
        if not integrity.file_whole(folder / SQLITE):
            raise DatabaseDamaged("the ledger in this archive is damaged: take an older one")
        (folder / SQLITE).rename(state / SQLITE)
        return
    if not (folder / POSTGRESQL).is_file():
        raise DatabaseFailed("the archive holds no PostgreSQL dump, and the configuration asks for one")
    dumped = str(folder / POSTGRESQL)
    _run("pg_restore", "--single-transaction", "--exit-on-error", "--no-owner", f"--dbname={_plain(url)}", dumped)


def _damaged(url: str) -> bool:
    try:
        return not integrity.whole(url)
    except LedgerAway:
        return False


def _plain(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://", 1)


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, check=False, timeout=SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DatabaseFailed(f"{command[0]}: {type(error).__name__}") from error
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise DatabaseFailed(f"{command[0]}: {said[0] if said else done.returncode}")
