"""No name, address, ID number or file name stays behind: searched for, byte by byte, in everything a node keeps."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.demo.files import records
from gateway.demo.people import FIELDS
from gateway.demo.story import everything
from gateway.policy import loading
from gateway.records.readers import no_records

PERSONAL = ("name", "id_number", "residence_address", "registered_address")
# Where personal data may lie, and why.
ALLOWED = {
    "quarantine": "refused originals, kept for their retention",
    "facts": "snapshots of the node's own facts, made before any file came",
}
KEY = 4  # bytes: every needle is found by its beginning first


class Needles:
    """Byte strings to look for: in UTF-8, in GB 18030, and as JSON escapes them."""

    def __init__(self, texts: set[str]) -> None:
        self._by_key: dict[bytes, set[bytes]] = {}
        for text in texts:
            for needle in (text.encode("utf-8"), text.encode("gb18030"), json.dumps(text)[1:-1].encode("ascii")):
                assert len(needle) >= KEY
                self._by_key.setdefault(needle[:KEY], set()).add(needle)
        firsts = b"".join(re.escape(bytes([b])) for b in sorted({key[0] for key in self._by_key}))
        self._start = re.compile(b"(?=([" + firsts + b"].{%d}))" % (KEY - 1), re.DOTALL)

    def found(self, data: bytes, shortest: int = 0) -> set[bytes]:
        """The needles of at least `shortest` bytes that occur in the data."""
        hits = set()
        for match in self._start.finditer(data):
            for needle in self._by_key.get(match[1], ()):
                if len(needle) >= shortest and data.startswith(needle, match.start()):
                    hits.add(needle)
        return hits


@pytest.fixture(scope="session")
def needles(played) -> Needles:
    """Every name (of two characters or more), address and ID number that was generated, and every file's name."""
    texts = set()
    for file in everything(played.files):
        texts.add(file.name)
        texts.add(file.name.rpartition(".")[0])
        for row in records(file):
            values = dict(zip(FIELDS, row, strict=True))
            texts |= {values[field] for field in PERSONAL if len(values[field]) >= 2}
    return Needles(texts)


def _kept(home: Path) -> Iterator[Path]:
    """Every file that the node keeps for itself: state but for what is allowed there, the log, the daemon's journal."""
    for top in (home / "state", home / "log"):
        for path in top.rglob("*"):
            if path.is_file() and path.relative_to(top).parts[0] not in ALLOWED:
                yield path
    yield home / "daemon.log.jsonl"


def test_the_search_finds_what_is_there(played, needles: Needles) -> None:
    """It looks for what was really sent: dropped files are full of it, and so is the quarantine."""
    held = [p for p in (played.home / "state" / "quarantine").rglob("content") if p.stat().st_size]
    assert held
    assert any(len(needles.found(p.read_bytes())) > 5 for p in held)


def test_nothing_personal_is_kept(played, needles: Needles) -> None:
    files = list(_kept(played.home))
    names = {path.name for path in files}
    assert {"ledger.db", "daemon.log.jsonl"} <= names
    for path in files:
        # Two characters are four bytes: in megabytes of ciphertext they occur by chance.
        shortest = 12 if path.name.endswith(".gpg") else 0
        assert not needles.found(path.read_bytes(), shortest), path.relative_to(played.home)


def test_nothing_personal_was_in_the_ledger_while_it_was_open(played, needles: Needles) -> None:
    """The write-ahead log too, with the workflow engine's tables, before the last connection closed."""
    assert {"ledger.db", "ledger.db-wal"} <= played.live.keys()
    assert len(played.live["ledger.db-wal"]) > 100_000
    for name, data in played.live.items():
        assert not needles.found(data), name


def test_nothing_personal_in_names_of_files_and_folders(played, needles: Needles) -> None:
    for path in (*(played.home / "state").rglob("*"), *(played.home / "log").rglob("*")):
        if "facts" not in path.parts:
            assert not needles.found(path.name.encode()), path.parent


def test_the_workflow_engines_tables_hold_ids_and_codes_only(played) -> None:
    """Whatever the tables are called in the engine's next release. Titles that the facts name, and our
    words for lines that are no records, are no values."""
    tables = [r["name"] for r in played.rows("sqlite_master") if r["type"] == "table"]
    assert "workflow_status" in tables
    assert "operation_outputs" in tables
    wide = re.compile(r"[\u4e00-\u9fff]|\\u[4-9]")
    own = {"parcels", "packages", "distributions", "receipts", "obligations", "log_entries", "log_head"}
    facts = loading.load(played.home)
    titles = set(no_records.KINDS) | {title for agreement in facts.agreements.values() for title in agreement.ignorable}
    for path in facts.schemas.rglob("*.json"):
        titles.update(json.loads(path.read_text("utf-8")).get("gateway:ignorable", ()))
    known = re.compile("|".join(f'"{re.escape(title)}"' for title in titles))
    for table in set(tables) - own:
        for row in played.rows(f'"{table}"'):
            for value in row.values():
                assert not (isinstance(value, str) and wide.search(known.sub("", value))), table


def test_after_sealing_nothing_plain_is_left_in_the_spool(played) -> None:
    spool = played.home / "state" / "spool"
    assert [p.name for p in spool.iterdir() if not p.name.startswith(".")] == []
    assert list((spool / ".arrived").iterdir()) == []
    assert b"".join(p.read_bytes() for p in (spool / ".claims").iterdir()).strip() == b"", "no file is named any more"


def test_quarantine_holds_refused_parcels_only(played) -> None:
    refused = {row["id"] for row in played.rows("parcels") if row["state"] == "refused"}
    assert {p.name for p in (played.home / "state" / "quarantine").iterdir()} == refused
