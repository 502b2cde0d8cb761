"""What was fetched from partners: one small SQLite file in the node's state, durable at every step.

It holds no file name: names of partners' files may hold people's names. A file is known by keyed digests of where it
lies, its name, size and mtime; the key is the node's own and made once.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sqlite3
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import structlog

from gateway import durable
from gateway.adapters.channels.sftp.offered import Expected
from gateway.adapters.ledger import integrity
from gateway.parcels import PartyId

State = Literal["fetching", "landing", "landed"]
_SCHEMA = """
CREATE TABLE IF NOT EXISTS fetched (
  token TEXT PRIMARY KEY, place TEXT NOT NULL, name TEXT NOT NULL, folder TEXT NOT NULL, state TEXT NOT NULL,
  synced INTEGER NOT NULL, sha256 TEXT NOT NULL, at TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS fetched_name ON fetched (name, sha256);
CREATE INDEX IF NOT EXISTS fetched_state ON fetched (place, state);
CREATE TABLE IF NOT EXISTS expected (
  place TEXT NOT NULL, package TEXT NOT NULL, size INTEGER NOT NULL, sha256 TEXT NOT NULL,
  PRIMARY KEY (place, package)
) STRICT;
"""


@dataclass(frozen=True, slots=True)
class Remembered:
    """One file. `folder`: where it goes, relative to the exchange root. `synced`: bytes of it that are durable in the
    temporary file. `sha256` once it is whole."""

    token: str
    folder: str
    state: State
    synced: int
    sha256: str = ""


_COLUMNS = "token, folder, state, synced, sha256"


class Memory:
    """Shared by the collectors of all partners; every write is synced before it returns.

    `fetching` → `landing` (whole, verified, synced under its temporary name) → `landed` (under its final name).
    """

    def __init__(self, folder: Path) -> None:
        """Makes `folder` (`collected.db`, the key) where it is missing. A damaged one is put aside: what partners still
        offer is fetched once more, and recognised by its digest."""
        durable.make_folder(folder)
        self._folder = folder
        key = folder / "collected.key"
        if not key.exists():
            durable.write_bytes(key, secrets.token_bytes(32))
        self._key = key.read_bytes()
        self._lock = threading.Lock()
        file = folder / "collected.db"
        if not integrity.file_whole(file):
            structlog.get_logger("gateway").error("collected_damaged")
            for part in (file.with_name(f"{file.name}{ending}") for ending in ("-wal", "-shm", "")):
                if part.exists():
                    part.rename(part.with_name(f"{part.name}.damaged"))
        self._db = sqlite3.connect(file, isolation_level=None, check_same_thread=False, timeout=30)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.executescript(_SCHEMA)

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def lock_of(self, party: PartyId) -> Path:
        """A file that keeps a second collector of the same partner out, in any process. It need not exist."""
        return self._folder / f"{party}.lock"

    def _digest(self, *parts: object) -> str:
        text = "\0".join(map(str, parts)).encode("utf-8", "surrogateescape")
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()

    def token(self, place: str, name: str, size: int, mtime: int) -> str:
        """24 hex digits that stand for this file as it looks now. `place` is the partner and the agreement."""
        return self._digest("file", place, name, size, mtime)[:24]

    def get(self, token: str) -> Remembered | None:
        with self._lock:
            row = self._db.execute(f"SELECT {_COLUMNS} FROM fetched WHERE token = ?", (token,)).fetchone()  # noqa: S608
        return Remembered(*row) if row else None

    def landing(self, place: str) -> list[Remembered]:
        """Files that were whole when the node last knew, and may or may not have their final name."""
        with self._lock:
            rows = self._db.execute(
                f"SELECT {_COLUMNS} FROM fetched WHERE place = ? AND state = 'landing'",  # noqa: S608
                (place,),
            ).fetchall()
        return [Remembered(*row) for row in rows]

    def has_landed(self, place: str, name: str, sha256: str) -> bool:
        """The same bytes under the same name came before, with any mtime."""
        with self._lock:
            row = self._db.execute(
                "SELECT 1 FROM fetched WHERE name = ? AND sha256 = ? AND state = 'landed'",
                (self._digest("name", place, name), sha256),
            ).fetchone()
        return row is not None

    def keep(self, place: str, name: str, file: Remembered, now: datetime) -> None:
        """How far a file has come; what was known of it before is replaced. `name` is kept as a digest only."""
        self._write(
            "INSERT INTO fetched VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (token) DO UPDATE SET "
            "folder = excluded.folder, state = excluded.state, synced = excluded.synced, sha256 = excluded.sha256, "
            "at = excluded.at",
            (
                file.token,
                place,
                self._digest("name", place, name),
                *(file.folder, file.state, file.synced, file.sha256),
                now.isoformat(),
            ),
        )

    def landed(self, token: str, now: datetime) -> None:
        """A file that was landing has its final name."""
        self._write("UPDATE fetched SET state = 'landed', at = ? WHERE token = ?", (now.isoformat(), token))

    def forget(self, token: str) -> None:
        """Drop a fetch that was given up; what landed is never forgotten."""
        self._write("DELETE FROM fetched WHERE token = ? AND state = 'fetching'", (token,))

    def expect(self, place: str, packages: Mapping[str, Expected]) -> None:
        """Take over what a distribution list names."""
        rows: Iterable[tuple[str, str, int, str]] = [(place, k, v.size, v.sha256) for k, v in packages.items()]
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.executemany("INSERT OR REPLACE INTO expected VALUES (?, ?, ?, ?)", rows)
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def expected(self, place: str, package: str) -> Expected | None:
        with self._lock:
            row = self._db.execute(
                "SELECT size, sha256 FROM expected WHERE place = ? AND package = ?", (place, package)
            ).fetchone()
        return Expected(*row) if row else None

    def _write(self, statement: str, values: tuple[object, ...]) -> None:
        with self._lock:
            self._db.execute(statement, values)
