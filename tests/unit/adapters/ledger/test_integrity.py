"""Damage in a database is found by a look that holds nobody up, and met by any statement; it is told from a database
that is away."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text
from support.databases import Cluster

from gateway.adapters.ledger import Ledger, LedgerAway, LedgerCorrupt, integrity
from gateway.adapters.storage.backup import databases

PAGE = 4096


def filled(file: Path, rows: int = 200) -> Path:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)")
        connection.execute("CREATE INDEX tv ON t (v)")
        connection.executemany("INSERT INTO t (v) VALUES (?)", [(f"{n:0>200}",) for n in range(rows)])
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return file


def overwrite(file: Path, page: int) -> None:
    with file.open("r+b") as stream:
        stream.seek(page * PAGE)
        stream.write(b"\xa5" * PAGE)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    file = filled(tmp_path_factory.mktemp("sound") / "a.db")
    assert integrity.file_whole(file)
    return file.read_bytes()


def test_every_page_counts(sound: bytes, tmp_path: Path) -> None:
    pages = len(sound) // PAGE
    assert pages > 20
    for page in range(pages):
        file = tmp_path / f"{page}.db"
        file.write_bytes(sound)
        overwrite(file, page)
        assert not integrity.file_whole(file), page


@pytest.mark.parametrize("length", [100, PAGE, 5 * PAGE, -PAGE])
def test_a_file_that_is_cut_off(sound: bytes, tmp_path: Path, length: int) -> None:
    (tmp_path / "a.db").write_bytes(sound[:length])
    assert not integrity.file_whole(tmp_path / "a.db")


def test_what_is_not_there_is_not_damaged(tmp_path: Path) -> None:
    assert integrity.whole(f"sqlite:///{tmp_path / 'none.db'}")
    assert list(tmp_path.iterdir()) == []


def test_it_waits_for_no_writer_and_keeps_none_waiting(tmp_path: Path) -> None:
    """A transaction is open before, begins and ends meanwhile."""
    file = filled(tmp_path / "a.db", 2000)
    with closing(sqlite3.connect(file, isolation_level=None, timeout=0)) as writer:
        written = []

        def meanwhile() -> bool:
            """Called in the midst of the look."""
            if not written:
                writer.execute("COMMIT")
                writer.execute("INSERT INTO t (v) VALUES ('b')")
                written.append(1)
            return False

        writer.execute("BEGIN IMMEDIATE")
        writer.execute("INSERT INTO t (v) VALUES ('a')")
        assert integrity.file_whole(file)
        integrity._STEPS, steps = 10, integrity._STEPS
        try:
            assert integrity.file_whole(file, meanwhile)
        finally:
            integrity._STEPS = steps
        assert written == [1]
        assert integrity.file_whole(file)


def test_it_ends_when_it_is_told_to(sound: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(integrity, "_STEPS", 10)
    (tmp_path / "a.db").write_bytes(sound)
    overwrite(tmp_path / "a.db", len(sound) // PAGE - 1)
    assert integrity.file_whole(tmp_path / "a.db", lambda: True)


def test_one_statement_is_enough_for_all(tmp_path: Path) -> None:
    """The workflow engine's connections too; from then on nobody reads or writes."""
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    ledger.migrate()
    filled(tmp_path / "other.db")
    engine = ledger.workflow_engine()
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE w (v TEXT)"))
        connection.execute(text("INSERT INTO w VALUES ('a')"))
        root = connection.execute(text("SELECT rootpage FROM sqlite_schema WHERE name = 'w'")).scalar_one()
    engine.dispose()
    ledger.close()
    overwrite(tmp_path / "ledger.db", root - 1)
    with ledger.reading() as reading:
        assert reading.entries.head()[0] == -1
    with pytest.raises(Exception, match="malformed"), ledger.workflow_engine().begin() as connection:
        connection.execute(text("SELECT * FROM w")).all()
    assert ledger.corrupt
    with pytest.raises(LedgerCorrupt), ledger.reading():
        pass
    ledger.close()


@pytest.mark.parametrize("page", [0, 1])
def test_a_ledger_that_is_no_database(tmp_path: Path, page: int) -> None:
    """Its first page, and the one behind it where the tables' names go on."""
    ledger = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    ledger.migrate()
    ledger.close()
    overwrite(tmp_path / "ledger.db", page)
    with pytest.raises(LedgerCorrupt):
        ledger.migrate()
    ledger.close()


def test_a_copy_of_a_damaged_database_is_no_backup(sound: bytes, tmp_path: Path) -> None:
    """SQLite copies pages as they are, and nobody has read this one."""
    (tmp_path / "a.db").write_bytes(sound)
    overwrite(tmp_path / "a.db", len(sound) // PAGE - 1)
    (tmp_path / "out").mkdir()
    with pytest.raises(databases.DatabaseDamaged):
        databases.dump(f"sqlite:///{tmp_path / 'a.db'}", tmp_path / "out")
    (tmp_path / "a.db").rename(tmp_path / "out" / databases.SQLITE)
    with pytest.raises(databases.DatabaseDamaged, match="older"):
        databases.load("sqlite:///state/ledger.db", tmp_path / "out", tmp_path)


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Cluster, Path]]:
    """Its files are damaged, so it is nobody else's."""
    with tempfile.TemporaryDirectory(prefix="gw-pg-", ignore_cleanup_errors=True) as folder:
        cluster = Cluster(Path(folder))
        yield cluster, Path(folder) / "data"
        cluster.close()


def spoiled(server: tuple[Cluster, Path], url: str, relation: str, at: int, data: bytes) -> None:
    """Write over a part of a relation's file while the server is down."""
    cluster, folder = server
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute("CHECKPOINT")
        (path,) = connection.execute("SELECT pg_relation_filepath(%s)", (relation,)).fetchone() or ("",)
    cluster.close()
    with (folder / path).open("r+b") as stream:
        stream.seek(at)
        stream.write(data)
        os.fsync(stream.fileno())
    cluster.start()


def test_postgresql_by_reading_and_by_amcheck(server: tuple[Cluster, Path]) -> None:
    url = server[0].fresh()
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute("CREATE TABLE t (id int PRIMARY KEY, v text)")
        connection.execute("INSERT INTO t SELECT n, repeat('x', 50) FROM generate_series(1, 5000) n")
    assert integrity.whole(url)
    spoiled(server, url, "t_pkey", 2 * 8192 + 200, b"\xa5" * 400)
    assert integrity.whole(url), "no row is read by way of it"
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute("CREATE EXTENSION amcheck")
    assert not integrity.whole(url)
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        connection.execute("REINDEX TABLE t")
    assert integrity.whole(url)
    spoiled(server, url, "t", 8192, b"\xa5" * 8192)
    assert not integrity.whole(url)


def test_a_server_that_is_away_is_not_damaged(server: tuple[Cluster, Path]) -> None:
    url = server[0].fresh()
    server[0].close()
    with pytest.raises(LedgerAway):
        integrity.whole(url)
    server[0].start()
