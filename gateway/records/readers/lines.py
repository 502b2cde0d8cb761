"""The records of a text file in batches, each as one line, memory flat: damaged ones are marked, and none is lost.

Line ends are LF or CR LF; the last line may lack its own. A line break between quotation marks is part of its cell
(`quoting`); it is shown as U+240A.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from gateway.records.readers.encoding import Found
from gateway.records.readers.quoting import (
    BREAK,
    LINE_LIMIT,
    NO_FEEDS,
    Form,
    Pieces,
    one_line,
    records,
    split,
)  # fmt: skip
from gateway.records.text import Repertoire

__all__ = [
    "LINE_LIMIT", "Batch", "Damaged", "batches", "control", "decode_line", "join", "pass_line", "split", "too_long",
]  # fmt: skip
CHUNK = 1 << 20
SHOWN = 1000

TOO_LONG, UNDECODABLE, CONTROL = "404", "405", "406"
DELETED = "已删除"
"""The kind of the records that a .dbf marks as deleted; they are passed over."""
_CONTROL_CHARACTERS = re.compile("[\x00-\x08\x0b-\x1f\x7f]")
_PICTURES = {code: 0x2400 + code for code in range(32) if code not in (9, 10)} | {0x7F: 0x2421}


class Damaged(str):
    """A line that cannot be a record, by `code`; its text is for showing: undecodable bytes as U+FFFD, control
    characters as their pictures, an overlong line only its beginning."""

    code: str

    def __new__(cls, text: str, code: str) -> Damaged:
        line = super().__new__(cls, text.translate(_PICTURES))
        line.code = code
        return line


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive records, a line each. `number` is the first one's row number as a spreadsheet counts, from 1;
    `bytes_read` so far; `spaced`: some line holds white space; `quoted`: some line holds a quotation mark. `feeds` says
    for a place in `lines` how many line feeds were inside of that record.

    Of cells that came with a type: `numbers` are the rows' own numbers, where some are left out (`deleted` of them);
    `notes` says for a row's number which field (index) has which code."""

    number: int
    lines: list[str]
    bytes_read: int
    spaced: bool
    quoted: bool
    numbers: Sequence[int] | None = None
    notes: Mapping[int, Mapping[int, str]] = field(default_factory=dict)
    deleted: int = 0
    feeds: Mapping[int, int] = field(default_factory=dict)


SPACES = " \t\xa0\u3000\ufeff" + BREAK
"""White space that a cell may have around its value; it is no part of it."""


def batches(path: Path, found: Found, repertoire: Repertoire, form: Form, chunk: int = CHUNK) -> Iterator[Batch]:
    """All records of a file, about `chunk` bytes at a time. A line over `LINE_LIMIT` bytes comes as `Damaged`, read
    past and not kept. Mapped private-use characters are put right on the way."""
    number, total, rest = 1, found.skip, b""
    with found.open(path) as stream:
        while block := stream.read(chunk):
            total += len(block)
            block = rest + block
            end = block.rfind(b"\n") + 1
            overlong = len(block) - end > LINE_LIMIT
            pieces = records(block[:end], form, last=overlong)
            if pieces.raws:
                yield _batch(number, _decode(pieces, found, repertoire), total, pieces.feeds)
                number += len(pieces.raws)
            rest = block[pieces.end :]
            if overlong:
                line = too_long(rest, found)
                rest, passed = pass_line(stream)
                total += passed
                yield _batch(number, [line], total)
                number += 1
        if rest:
            pieces = records(rest.removesuffix(b"\n") + b"\n", form, last=True)
            yield _batch(number, _decode(pieces, found, repertoire), total, pieces.feeds)


def control(line: str) -> str:
    """The line, marked as damaged where it holds control characters."""
    return Damaged(line, CONTROL) if _CONTROL_CHARACTERS.search(line) else line


def _batch(number: int, lines: list[str], total: int, feeds: Mapping[int, int] = NO_FEEDS) -> Batch:
    text = "".join(lines)
    return Batch(number, lines, total, any(space in text for space in SPACES), '"' in text, feeds=feeds)


def too_long(raw: bytes, found: Found) -> Damaged:
    """What is shown of a line that is too long."""
    return Damaged(raw[:SHOWN].decode(found.encoding, "replace"), TOO_LONG)


def pass_line(stream: BinaryIO) -> tuple[bytes, int]:
    """Read on to the end of an overlong line; return what was read beyond it, and how many bytes were read."""
    passed = 0
    while block := stream.read(CHUNK):
        passed += len(block)
        end = block.find(b"\n")
        if end >= 0:
            return block[end + 1 :], passed
    return b"", passed


def _decode(pieces: Pieces, found: Found, repertoire: Repertoire) -> list[str]:
    raws, data = pieces.raws, pieces.data
    if pieces.end > LINE_LIMIT and max(map(len, raws)) > LINE_LIMIT:
        return [too_long(raw, found) if len(raw) > LINE_LIMIT else decode_line(raw, found, repertoire) for raw in raws]
    if data is None:
        data = b"\n".join([one_line(raw, found.encoding) for raw in raws])
    try:
        text = data.decode(found.encoding)
    except UnicodeDecodeError:
        return [decode_line(raw, found, repertoire) for raw in raws]
    if "\r" in text:
        text = text.replace("\r\n", "\n").removesuffix("\r")
    text = repertoire.mend(text)
    lines = text.split("\n")
    if _CONTROL_CHARACTERS.search(text) is None:
        return lines
    return [control(line) for line in lines]


def decode_line(raw: bytes, found: Found, repertoire: Repertoire) -> str:
    """One record without its last line feed."""
    raw = one_line(raw, found.encoding).removesuffix(b"\r")
    try:
        text = repertoire.mend(raw.decode(found.encoding))
    except UnicodeDecodeError:
        return Damaged(raw.decode(found.encoding, "replace"), UNDECODABLE)
    return control(text)


def join(cells: list[str] | tuple[str, ...]) -> str:
    """One line of canonical CSV: commas, and quotation marks only where a cell holds a comma or a quotation mark."""
    line = ",".join(cells)
    if '"' not in line and line.count(",") == len(cells) - 1:
        return line
    return ",".join('"' + cell.replace('"', '""') + '"' if "," in cell or '"' in cell else cell for cell in cells)
