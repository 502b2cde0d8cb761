"""dBASE and FoxPro tables (.dbf), read from their bytes: a fixed header, fields of fixed width, text in GB 18030.

Layout: dBASE III+ and Visual FoxPro table file format. What a memo or a picture holds lies in another file: where it
holds anything, it is marked as unread.
"""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from gateway.outcomes import Refused
from gateway.records.readers.typed import Cut, Garbled, Overflown, Typed, Unread

HEAD, FIELD = 32, 32
_VERSIONS = frozenset((0x02, 0x03, 0x04, 0x30, 0x31, 0x32, 0x43, 0x63, 0x83, 0x8B, 0x8C, 0xCB, 0xF5))
_FIELDS = 255
_NAME = 11
_BATCH = 2_000
DAMAGED = "311"
_ENCODING = "gb18030"
_VARYING, _FLAGS, _NULLABLE = "VQ", "0", 0x02
"""Types whose length varies, the type of the field that says so, and the mark of those that may be null."""


@dataclass(frozen=True, slots=True)
class Column:
    """One field: its name as the table has it (cut to ten bytes), type letter, place and width in the record. `short`
    and `null`: which of the record's flags say that it is shorter than its width, and that it is null (-1: none)."""

    name: str
    kind: str
    start: int
    width: int
    short: int = -1
    null: int = -1


@dataclass(frozen=True, slots=True)
class Dbf:
    path: Path
    columns: tuple[Column, ...]
    first: int
    record: int
    records: int
    flags: Column | None = None

    def rows(self) -> Iterator[list[Typed] | None]:
        """The records in their order; None for one that was deleted. What a last record lacks is empty."""
        left = self.records
        with self.path.open("rb") as stream:
            stream.seek(self.first)
            while left > 0 and (block := stream.read(self.record * min(_BATCH, left))):
                for at in range(0, len(block), self.record):
                    raw = block[at : at + self.record]
                    if raw[:1] == b"\x1a" and len(raw) < self.record:
                        return
                    left -= 1
                    yield None if raw[:1] == b"*" else self._values(raw)

    def _values(self, raw: bytes) -> list[Typed]:
        if self.flags is None:
            return [_value(raw, column) for column in self.columns]
        flags = int.from_bytes(raw[self.flags.start : self.flags.start + self.flags.width], "little")
        return [_value(raw, column, flags) for column in self.columns]


def looks_like_dbf(head: bytes) -> bool:
    """Whether the first bytes are a table's: no text begins like this."""
    if len(head) < HEAD or head[0] not in _VERSIONS or not (1 <= head[2] <= 12 and 1 <= head[3] <= 31):
        return False
    first, record = int.from_bytes(head[8:10], "little"), int.from_bytes(head[10:12], "little")
    return first > HEAD and record > 1


def open_dbf(path: Path) -> Dbf | Refused:
    """Read the header. Refused 311 where the table does not hold what its header says."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.read(HEAD)
        first, record = int.from_bytes(head[8:10], "little"), int.from_bytes(head[10:12], "little")
        descriptors = stream.read(max(0, min(first, HEAD + FIELD * (_FIELDS + 1)) - HEAD))
    columns: list[Column] = []
    at, flag = 1, 0
    for place in range(0, len(descriptors) - FIELD + 1, FIELD):
        raw = descriptors[place : place + FIELD]
        if raw[0] == 0x0D:
            break
        name = raw[:_NAME].split(b"\0")[0].decode(_ENCODING, "ignore").strip()
        # A wide text column keeps the high byte of its width where others keep their decimals.
        width = raw[16] + (raw[17] << 8 if raw[11:12] == b"C" else 0)
        kind, nullable = chr(raw[11]), bool(raw[18] & _NULLABLE)
        short, null = flag if kind in _VARYING else -1, flag + (kind in _VARYING) if nullable else -1
        flag += (kind in _VARYING) + nullable
        columns.append(Column(name, kind, at, width, short, null))
        at += width
    # Without a terminator the descriptors ran into the records.
    ended = descriptors[len(columns) * FIELD : len(columns) * FIELD + 1] == b"\r"
    stated = int.from_bytes(head[4:8], "little")
    there = -(-max(0, size - first - 1) // record)
    if not columns or not ended or at != record or stated > there or first > size:
        return Refused(DAMAGED)
    # The field of flags is the program's own and has no title of a person's.
    flags = next((column for column in columns if column.kind == _FLAGS), None)
    named = tuple(column for column in columns if column.kind != _FLAGS)
    return Dbf(path, named, first, record, stated, flags)


def _value(raw: bytes, column: Column, flags: int = 0) -> Typed:
    cell = raw[column.start : column.start + column.width]
    if column.null >= 0 and flags >> column.null & 1:
        return ""
    if column.short >= 0 and flags >> column.short & 1 and cell:
        cell = cell[: min(cell[-1], len(cell) - 1)]
    if column.kind in "NF":
        return _number(cell.strip(b" \0").decode("ascii", "replace"))
    if column.kind == "I" and len(cell) == 4:
        return int.from_bytes(cell, "little", signed=True)
    if column.kind == "T" and len(cell) == 8:
        return _moment(cell)
    if column.kind in "CDLV":
        return _text(cell.strip(b" \0"))
    if column.kind in "BO" and len(cell) == 8:
        return _double(cell)
    if column.kind == "Y" and len(cell) == 8:
        return int.from_bytes(cell, "little", signed=True) / 10_000
    return Unread() if cell.strip(b" \0") not in (b"", b"0") else ""


def _number(text: str) -> Typed:
    """Digits as they stand: the file has them all, whatever wrote it may have lost some before."""
    if text.removeprefix("-").isdigit():
        return int(text) if len(text) < 40 else text
    if not text.strip("*"):
        return Overflown(text) if text else ""
    try:
        number = float(text)
    except ValueError:
        return text if text.isascii() else Garbled(text)
    return number if isfinite(number) else text


def _double(cell: bytes) -> Typed:
    (number,) = struct.unpack("<d", cell)
    return float(number) if isfinite(number) else Overflown("*")


def _moment(cell: bytes) -> Typed:
    days = int.from_bytes(cell[:4], "little")
    try:
        return dt.date.fromordinal(days - 1_721_425) if days else ""
    except (ValueError, OverflowError):
        return str(days)


def _text(cell: bytes) -> str:
    try:
        return cell.decode(_ENCODING)
    except UnicodeDecodeError as error:
        if error.reason.startswith("incomplete"):
            return Cut(cell[: error.start].decode(_ENCODING) + "\ufffd")
        return Garbled(cell.decode(_ENCODING, "replace"))
