"""The second pass: records that occur twice, inside a file or in another file of the same sender and period.

What is compared are keyed fingerprints (BLAKE2b, 128 bits) of the fields that a schema's `gateway:duplicateKey` names,
with the row where it is known, in sixteen files by their first digit: memory is a sixteenth of them at most. Without
the key they say nothing; no ID number and no unkeyed hash is ever written. A record whose key fields are all empty is
not compared. `write` runs where records are read, `compare` needs the fingerprints alone.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b
from pathlib import Path

import numpy as np

from gateway import durable
from gateway.outcomes import Refused
from gateway.ports import ExamineJob
from gateway.records import schema, text
from gateway.records.cells import Circumstances
from gateway.records.listing import VIOLATIONS, Listing
from gateway.records.parts import Uncollected, create
from gateway.records.passing import Pass
from gateway.records.readers.lines import join, split
from gateway.records.readers.table import open_table
from gateway.records.routing import Routing
from gateway.records.rules import RowJudge
from gateway.records.schema import Schema
from gateway.records.violations import Sentences

FOLDER = "repeats"
INSIDE, ELSEWHERE = "469", "470"
SIZE = 16
ROWS_KNOWN = 64 << 20
"""Bytes of a file up to which it is read again for the rows; for a larger one the receipt has the counts alone."""
_SHARES = "0123456789abcdef"
_FLUSH = 1 << 16
# Equal lengths: that NumPy leaves NULs at the end out of a comparison makes no two fingerprints equal.
_ENTRY = np.dtype([("of", f"S{SIZE}"), ("row", "<u8")])


@dataclass(frozen=True, slots=True)
class Repeated:
    """How many records repeat an earlier one of their file, how many are in another file, and (row, code) of them as
    far as rows are known."""

    inside: int
    elsewhere: int
    rows: tuple[tuple[int, str], ...] = ()


class Fingerprints:
    """Collects the fingerprints of canonical lines into the new folder `folder`."""

    def __init__(self, rules: Schema, key: bytes, folder: Path) -> None:
        found = tuple(place for name in rules.duplicate_key if (place := rules.index(name)) is not None)
        self.places = found if len(found) == len(rules.duplicate_key) else ()
        self._key = key
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, parents=True)
        self._streams = [create(folder / share) for share in _SHARES]
        self._waiting: list[list[bytes]] = [[] for _ in _SHARES]
        self._count = 0

    def add(self, line: str, row: int = 0) -> None:
        """Add a canonical line, with its row where that is known. One whose key fields are all empty is left out."""
        cells = split(line, ",") if '"' in line else line.split(",")
        assert cells is not None, "a canonical line"
        values = [cells[place] for place in self.places]
        if not any(values):
            return
        found = blake2b("\x1f".join(values).encode(), digest_size=SIZE, key=self._key).digest()
        self._waiting[found[0] >> 4].append(found + row.to_bytes(8, "little"))
        self._count += 1
        if self._count % _FLUSH == 0:
            self._flush()

    def _flush(self) -> None:
        for stream, found in zip(self._streams, self._waiting, strict=True):
            stream.write(b"".join(found))
            found.clear()

    def close(self) -> None:
        self._flush()
        for stream in self._streams:
            stream.close()


def write(job: ExamineJob, rules: Schema, circumstances: Circumstances, parts: Iterable[Path]) -> None:
    """The fingerprints of all records that travel, into `<out>/repeats`; `parts` are what the examination wrote."""
    fingerprints = Fingerprints(rules, bytes.fromhex(job.repeats), job.out / FOLDER)
    try:
        if not fingerprints.places:
            return
        if job.source.stat().st_size <= ROWS_KNOWN:
            _read_again(job, rules, circumstances, fingerprints)
            return
        read(parts, fingerprints)
    finally:
        fingerprints.close()


def read(parts: Iterable[Path], fingerprints: Fingerprints) -> None:
    """Fingerprint the records of files as `Parts` writes them."""
    for part in parts:
        with part.open(encoding="utf-8", newline="\n") as lines:
            next(lines, None)
            for line in lines:
                fingerprints.add(line[:-1])


class _Rows(Uncollected):
    """Where records go that are judged once more, to learn their rows."""

    def __init__(self, fingerprints: Fingerprints) -> None:
        super().__init__()
        self._fingerprints = fingerprints
        self.run: Pass | None = None

    def add(self, province: str, line: bytes) -> None:  # noqa: ARG002 - the signature of `Parts.add`
        assert self.run is not None
        self._fingerprints.add(line.decode(), self.run.rows)


def _read_again(job: ExamineJob, rules: Schema, circumstances: Circumstances, fingerprints: Fingerprints) -> None:
    table = open_table(job.source, rules, job.ignorable or rules.ignorable, text.repertoire(job.schemas))
    if table is None or isinstance(table, Refused):  # a nil without a header; a refused table has no parts
        return
    rows = _Rows(fingerprints)
    sentences = Sentences(rules, job.language, None, "")
    with (
        tempfile.TemporaryDirectory(dir=job.out) as scratch,
        Listing(Path(scratch), table.header.titles, table.header.separator, rules, sentences, 0) as listing,
    ):
        run = Pass(table, rules, RowJudge(rules, circumstances), rows, listing, Routing.of(job, rules))
        rows.run = run
        run.read(nil=False, progress=None)


def compare(mine: Path, others: Sequence[Path]) -> Repeated:
    """Hold one file's fingerprints against themselves and against those of other files."""
    inside = elsewhere = 0
    rows: list[tuple[int, str]] = []
    for share in _SHARES:
        own = _load(mine / share)
        if not own.size:
            continue
        own = own[np.lexsort((own["row"], own["of"]))]
        again = np.zeros(own.size, bool)
        again[1:] = own["of"][1:] == own["of"][:-1]
        known = np.concatenate([_load(other / share)["of"] for other in others] or [own["of"][:0]])
        shared = np.isin(own["of"], known)
        inside += int(again.sum())
        elsewhere += int(shared.sum())
        rows += [(int(row), INSIDE) for row in own["row"][again] if row]
        rows += [(int(row), ELSEWHERE) for row in own["row"][shared] if row]
    return Repeated(inside, elsewhere, tuple(sorted(rows)))


def _load(file: Path) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    return np.fromfile(file, _ENTRY) if file.exists() else np.empty(0, _ENTRY)


def tell(job: ExamineJob, found: Repeated) -> None:
    """Put the rows that repeat something at the end of the examination's list of violations, as far as there is
    room."""
    rules = schema.load(job.schemas, job.dataset, job.version or None).only(job.columns)
    name = rules.duplicate_key[0]
    place = rules.index(name)
    assert place is not None, "fields of the key travel where something was found by it"
    as_of = date.fromisoformat(job.as_of) if job.as_of else None
    sentences = Sentences(rules, job.language, as_of, "")

    def lines() -> Iterator[bytes]:
        for row, code in found.rows[: job.max_errors_listed]:
            message, _ = sentences.of(place, code)
            yield join((str(row), name, code, "warning", message)).encode() + b"\n"

    with (job.out / VIOLATIONS).open("ab") as stream:
        stream.writelines(lines())
    durable.sync_file(job.out / VIOLATIONS)
