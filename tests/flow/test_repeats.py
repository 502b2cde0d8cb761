"""Records sent twice: told within a file and across the files of a period, under a key that is gone when the period has
closed. No ID number and no unkeyed hash of one is ever on disk."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from support.nodes import PERIOD, Node, planned

from gateway.corridors.comparing import repeating
from gateway.corridors.upkeep import retention
from gateway.daemon import sweeping
from gateway.demo.files import render


def _lines(rows: int, seed: str) -> tuple[str, list[str]]:
    header, *lines = render(planned(rows, seed=seed)).decode("utf-8-sig").splitlines()
    return header, lines


def _send(node: Node, name: str, header: str, lines: list[str]) -> dict[str, object]:
    file = replace(planned(1, seed=name), name=name)
    row = node.send(file, ("\n".join([header, *lines]) + "\n").encode())
    assert row.state == "accepted", row.code
    codes = dict(node.receipt(row)["codes"])
    assert ("前面的一行重复" in node.page(row)) == ("469" in codes)
    return {code: codes.get(code, 0) for code in ("469", "470")}


def test_what_is_sent_twice_is_told_until_the_period_closes(node: Node) -> None:
    sweeping.oblige(node.running)
    header, lines = _lines(20, "a")
    (_, others), (_, more) = _lines(10, "b"), _lines(10, "c")
    assert _send(node, f"{PERIOD}.csv", header, [*lines, lines[3], lines[3], lines[5]]) == {"469": 3, "470": 0}
    assert _send(node, f"{PERIOD}-补报.csv", header, [*others, *lines[:4]]) == {"469": 0, "470": 4}
    assert _send(node, f"{PERIOD}-更正.csv", header, [*lines, *others, *more]) == {"469": 0, "470": 0}, "replaced"
    assert _send(node, f"{PERIOD}-补报2.csv", header, others[:1]) == {"469": 0, "470": 1}

    folder = node.home / "state" / "repeats" / "migrants-inflow" / PERIOD
    key = (folder / "key").read_bytes()
    assert len(key) == 32
    assert (folder / "key").stat().st_mode & 0o777 == 0o600
    ids = [cell for line in (*lines, *others) for cell in line.split(",") if len(cell) == 18 and cell[:-1].isdigit()]
    assert ids
    kept = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    for number in ids:
        for known in (number.encode(), *(hashlib.new(h, number.encode()).digest()[:16] for h in HASHES)):
            assert known not in kept

    repeating.destroy(node.running)
    assert (folder / "key").exists(), "the period is open"
    _after_the_date(node)
    retention.erase(node.running)
    retention.erase(node.running)
    assert not folder.exists()
    with node.running.ledger.reading() as reading:
        entry = reading.entries.get(f"migrants-inflow/{PERIOD}/fingerprints/erased")
    assert entry is not None
    assert key.hex().encode() not in b"".join(p.read_bytes() for p in _files(node.home / "state"))
    assert _send(node, f"{PERIOD}-补报3.csv", header, [others[0], others[0]]) == {"469": 1, "470": 0}
    assert not folder.exists(), "what comes later is held against itself only, and nothing is kept"


HASHES = ("sha256", "sha1", "md5", "blake2b")


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _after_the_date(node: Node) -> None:
    """The rehearsal's clock goes on in February: every date of the quarter has passed."""
    file = node.home / "config" / "gateway.toml"
    file.write_text(file.read_text("utf-8").replace("2026-10-20T09:00:00", "2027-02-20T09:00:00"), "utf-8")
    node.reopen()
