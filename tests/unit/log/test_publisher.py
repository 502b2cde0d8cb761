"""The publication's promises, on SQLite and PostgreSQL: what is signed is published, once, and never contradicted."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError
from support.logs import ORIGIN, START, Log, entry, make_log

from gateway.adapters.ledger import Ledger
from gateway.adapters.publishing import Contradiction, LogKeys, NoKey, Publisher, RolledBack
from gateway.lifecycle import Event
from gateway.log import verify
from gateway.log.note import Note, read_checkpoint
from gateway.log.tiles import TileTree

LATER = START + timedelta(hours=1)


@pytest.fixture(params=["sqlite", "postgresql"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Log]:
    url = "" if request.param == "sqlite" else request.getfixturevalue("postgres").fresh()
    made = make_log(tmp_path / "node", 40, url)
    yield made
    made.ledger.close()


@pytest.fixture
def lite(tmp_path: Path) -> Iterator[Log]:
    made = make_log(tmp_path / "node", 40)
    yield made
    made.ledger.close()


def sizes(log: Log) -> int:
    return read_checkpoint(log.checkpoint.read_bytes())[1].size


def test_every_round_continues_the_last(log: Log) -> None:
    saved = []
    for number in range(40, 80, 3):
        saved.append(log.checkpoint.read_bytes())
        log.grow(number, 3, LATER)
        found = verify(log.folder, [log.key], since=saved)
        assert found.ok, found.problems
    assert sizes(log) == 7 * 82


def test_a_round_without_news_signs_nothing(log: Log) -> None:
    before = log.checkpoint.stat().st_mtime_ns
    assert log.publisher.publish(LATER) is None
    assert log.reopen().publish(LATER) is None
    assert log.checkpoint.read_bytes().startswith(b"national\n280\n")
    assert log.checkpoint.stat().st_mtime_ns >= before


def test_the_ledger_forbids_signing_a_size_twice(log: Log) -> None:
    with pytest.raises(IntegrityError), log.ledger.publishing() as tables:
        tables.sign(280, b"another", LATER)


def test_tiles_are_derived_again_from_the_ledger_alone(log: Log) -> None:
    before = log.checkpoint.read_bytes()
    shutil.rmtree(log.folder)

    log.reopen().recover()

    assert log.checkpoint.read_bytes() == before
    assert verify(log.folder, [log.key]).ok


def test_a_broken_edge_is_derived_again(log: Log) -> None:
    edge = log.folder / "tile/0/001.p/24"
    edge.write_bytes(b"\0" * 768)
    log.reopen().recover()
    assert verify(log.folder, [log.key]).ok


def test_what_was_signed_and_not_published_is_published_unchanged(log: Log) -> None:
    """Killed after the commit: the stored note appears, although the key has changed since."""
    old = Note.parse(log.checkpoint.read_bytes())
    log.grow(40, 5, LATER, publish=False)
    kept = log.folder.with_name("kept")
    shutil.copytree(log.folder, kept)
    log.publisher.publish(LATER)
    signed = log.checkpoint.read_bytes()
    shutil.rmtree(log.folder)
    kept.rename(log.folder)
    assert log.checkpoint.read_bytes() == old.to_bytes()

    LogKeys(log.home / "private", ORIGIN).rotate()
    log.reopen().recover()

    assert log.checkpoint.read_bytes() == signed


def test_two_publishers_never_sign_two_histories(log: Log) -> None:
    other = Publisher(log.ledger, log.folder, ORIGIN, LogKeys(log.home / "private", ORIGIN).signers)
    wrong: list[BaseException] = []

    def work(publisher: Publisher, first: int) -> None:
        try:
            for number in range(first, first + 12):
                log.ledger.append([entry(f"x{number}", Event.FACTS, LATER)], LATER)
                publisher.publish(LATER)
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(p, n)) for p, n in ((log.publisher, 0), (other, 100))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    log.reopen().publish(LATER)
    assert sizes(log) == 280 + 24
    assert verify(log.folder, [log.key]).ok


def test_nothing_is_signed_over_an_old_copy_of_the_database(lite: Log) -> None:
    copy = lite.home / "backup.db"
    source, target = sqlite3.connect(lite.home / "ledger.db"), sqlite3.connect(copy)
    source.backup(target)
    source.close(), target.close()
    lite.grow(40, 5, LATER)
    published = lite.checkpoint.read_bytes()

    old = Ledger(f"sqlite:///{copy}")
    publisher = Publisher(old, lite.folder, ORIGIN, LogKeys(lite.home / "private", ORIGIN).signers)
    with pytest.raises(RolledBack):
        publisher.recover()
    old.append([entry(f"n{i}", Event.FACTS, LATER) for i in range(100)], LATER)
    with pytest.raises(RolledBack):
        publisher.publish(LATER)
    old.close()
    assert lite.checkpoint.read_bytes() == published


def test_nothing_is_signed_over_an_edited_database(lite: Log) -> None:
    with sqlite3.connect(lite.home / "ledger.db") as connection:
        connection.execute(
            "UPDATE log_entries SET body = CAST(replace(body, 'gateway', 'someone') AS BLOB) WHERE seq = 270"
        )
    shutil.rmtree(lite.folder)
    with pytest.raises(Contradiction):
        lite.reopen().recover()


def test_nothing_is_signed_when_the_published_checkpoint_differs(lite: Log) -> None:
    _, checkpoint = read_checkpoint(lite.checkpoint.read_bytes())
    other = type(checkpoint)(checkpoint.origin, checkpoint.size, bytes(32))
    lite.checkpoint.write_bytes(other.signed([lite.signer]).to_bytes())
    with pytest.raises(Contradiction):
        lite.reopen().publish(LATER)


def test_partial_tiles_go_when_the_full_one_is_published(lite: Log) -> None:
    assert (lite.folder / "tile/0/001.p/24").exists()
    lite.grow(40, 40, LATER)
    assert not (lite.folder / "tile/0/001.p").exists()
    assert not (lite.folder / "tile/entries/001.p").exists()
    assert TileTree(lite.folder, 280).edge().root() == TileTree(lite.folder, 280).root()


def test_rotation_signs_with_both_keys_until_the_old_one_retires(lite: Log) -> None:
    keys = LogKeys(lite.home / "private", ORIGIN)
    old, new = keys.rotate()
    with pytest.raises(FileExistsError):
        keys.rotate()
    lite.grow(40, 1, LATER)
    assert verify(lite.folder, [old.verifier]).ok
    assert verify(lite.folder, [new.verifier]).ok

    assert keys.retire().verifier == old.verifier
    lite.grow(41, 1, LATER)
    assert not verify(lite.folder, [old.verifier]).ok
    assert verify(lite.folder, [new.verifier]).ok
    with pytest.raises(NoKey):
        keys.retire()


def test_keys_are_private_and_never_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = LogKeys(tmp_path, ORIGIN)
    with pytest.raises(NoKey):
        keys.signers()
    made = keys.generate()
    assert (tmp_path / "log.key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        keys.generate()
    assert keys.witness().cosigner.public != made.verifier.public

    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "log.key").write_bytes(bytes(32))
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    assert keys.signers()[0].verifier.public != made.verifier.public
    with pytest.raises(PermissionError):
        keys.rotate()
    (credentials / "log.key").write_bytes(b"short")
    with pytest.raises(NoKey):
        keys.signers()


def test_erasing_salts_leaves_the_tree_as_it_is(lite: Log) -> None:
    import hashlib

    commit = hashlib.sha256(bytes(32) + b"name").hexdigest()
    with lite.ledger.transaction(LATER) as tx:
        tx.secrets.keep_salt(commit, bytes(32).hex())
    lite.ledger.append([entry("p000001/again", Event.RETRIED, LATER, "p000001", commit=commit)], LATER)
    lite.publisher.publish(LATER)
    before = lite.checkpoint.read_bytes()
    with sqlite3.connect(lite.home / "ledger.db") as connection:
        connection.execute("DELETE FROM log_salts")
    shutil.rmtree(lite.folder)
    lite.reopen().recover()
    assert lite.checkpoint.read_bytes() == before
    assert verify(lite.folder, [lite.key]).ok
