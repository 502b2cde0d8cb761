"""The weekly look at the ledger, and what the socket says from then on."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import structlog
from sqlalchemy import text
from support.logs import START, make_log

from gateway.adapters.channels.sftp.memory import Memory, Remembered
from gateway.adapters.ledger import Ledger
from gateway.control.server import Request, respond
from gateway.daemon import damaged
from gateway.log import verify

PAGE = 4096


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """A ledger beside which lies a table that nobody reads."""
    made = Ledger(f"sqlite:///{tmp_path / 'ledger.db'}")
    made.migrate()
    engine = made.workflow_engine()
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE unread (v TEXT)"))
    engine.dispose()
    return made


def root_of(ledger: Ledger, table: str) -> int:
    engine = ledger.workflow_engine()
    with engine.begin() as connection:
        found = connection.execute(text("SELECT rootpage FROM sqlite_schema WHERE name = :t"), {"t": table})
        root = int(found.scalar_one())
    engine.dispose()
    return root


def test_once_a_week_what_nobody_reads_is_looked_at(ledger: Ledger, tmp_path: Path) -> None:
    node = SimpleNamespace(ledger=ledger, log=structlog.get_logger())

    def asked(_request: Request) -> int:
        with ledger.reading() as reading:
            return reading.entries.head()[0]

    damaged.examine(node)
    request = Request(("x",), {}, "uid:0")
    assert respond(asked, request)[0] == 200
    root = root_of(ledger, "unread")
    ledger.close()
    with (tmp_path / "ledger.db").open("r+b") as stream:
        stream.seek((root - 1) * PAGE)
        stream.write(b"\xa5" * PAGE)
    assert respond(asked, request)[0] == 200
    damaged.examine(node)
    status, body, _ = respond(asked, request)
    assert status == 503
    said = json.loads(body)["error"]
    assert "[907]" in said
    assert "damaged" in said
    ledger.close()


def test_what_was_fetched_is_begun_again(tmp_path: Path) -> None:
    first = Memory(tmp_path)
    first.keep("place", "a.csv", Remembered("0" * 24, "33/in", "landed", 4, "aa"), START)
    assert first.get("0" * 24)
    first.close()
    with (tmp_path / "collected.db").open("r+b") as stream:
        stream.seek(PAGE)
        stream.write(b"\xa5" * PAGE)
    second = Memory(tmp_path)
    assert second.get("0" * 24) is None
    second.keep("place", "a.csv", Remembered("0" * 24, "33/in", "landed", 4, "aa"), START)
    second.close()
    assert (tmp_path / "collected.db.damaged").exists()


def test_a_log_without_its_tiles_is_written_again(tmp_path: Path) -> None:
    """As the how-to says of a damaged bundle: it is named, and all of them are moved aside."""
    log = make_log(tmp_path, 90)
    bundle = log.folder / "tile/entries/000"
    data = bytearray(bundle.read_bytes())
    data[50] ^= 1
    bundle.write_bytes(data)
    assert verify(log.folder, [log.key]).problems
    (log.folder / "tile").rename(tmp_path / "aside")
    log.reopen().recover()
    assert not verify(log.folder, [log.key]).problems
    log.ledger.close()
