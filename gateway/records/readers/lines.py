"""Lines of a file in batches, memory flat: damaged lines are marked, and none is lost.

Line ends are LF or CR LF; the last line may lack its own. A chunk is cut at its last LF: in UTF-8 and in GB 18030
alike an LF, comma, tab or quotation mark is never part of another character.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from gateway.records.readers.encoding import Found
from gateway.records.text import Repertoire

CHUNK = 1 << 20
LINE_LIMIT = 1 << 20
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
    """Consecutive lines. `number` is the file's line number, from 1, of the first; `bytes_read` so far; `spaced`: some
    line holds white space; `quoted`: some line holds a quotation mark.

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


SPACES = " \t\xa0\u3000\ufeff"
"""White space that a cell may have around its value; it is no part of it."""


def batches(path: Path, found: Found, repertoire: Repertoire) -> Iterator[Batch]:
    """All lines of a file, about a MiB at a time. A line over `LINE_LIMIT` bytes comes as `Damaged`, read past and not
    kept. Mapped private-use characters are put right on the way."""
    number, total, rest = 1, found.skip, b""
    with path.open("rb") as stream:
        stream.seek(found.skip)
        while block := stream.read(CHUNK):
            total += len(block)
            block = rest + block
            end = block.rfind(b"\n") + 1
            rest = block[end:]
            if end:
                lines = _decode(block[: end - 1], found, repertoire)
                yield _batch(number, lines, total)
                number += len(lines)
            if len(rest) > LINE_LIMIT:
                line = too_long(rest, found)
                rest, passed = pass_line(stream)
                total += passed
                yield _batch(number, [line], total)
                number += 1
        if rest:
            yield _batch(number, _decode(rest.removesuffix(b"\n"), found, repertoire), total)


def control(line: str) -> str:
    """The line, marked as damaged where it holds control characters."""
    return Damaged(line, CONTROL) if _CONTROL_CHARACTERS.search(line) else line


def _batch(number: int, lines: list[str], total: int) -> Batch:
    text = "".join(lines)
    return Batch(number, lines, total, any(space in text for space in SPACES), '"' in text)


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


def _decode(data: bytes, found: Found, repertoire: Repertoire) -> list[str]:
    if len(data) > LINE_LIMIT:
        raws = data.split(b"\n")
        if max(map(len, raws)) > LINE_LIMIT:
            return [
                too_long(raw, found) if len(raw) > LINE_LIMIT else decode_line(raw, found, repertoire) for raw in raws
            ]
    try:
        text = data.decode(found.encoding)
    except UnicodeDecodeError:
        return [decode_line(raw, found, repertoire) for raw in data.split(b"\n")]
    if "\r" in text:
        text = text.replace("\r\n", "\n").removesuffix("\r")
    text = repertoire.mend(text)
    lines = text.split("\n")
    if _CONTROL_CHARACTERS.search(text) is None:
        return lines
    return [control(line) for line in lines]


def decode_line(raw: bytes, found: Found, repertoire: Repertoire) -> str:
    """One line without its line feed."""
    raw = raw.removesuffix(b"\r")
    try:
        text = repertoire.mend(raw.decode(found.encoding))
    except UnicodeDecodeError:
        return Damaged(raw.decode(found.encoding, "replace"), UNDECODABLE)
    return control(text)


def split(line: str, separator: str) -> list[str] | None:
    """The cells of one line; None where a quotation mark is not closed or stands inside a cell that has none around it
    (RFC 4180, strictly, and one record = one line)."""
    if '"' not in line:
        return line.split(separator)
    cells = []
    at, end = 0, len(line)
    while True:
        if line.startswith('"', at):
            cell, at = _quoted(line, at + 1)
            if at < 0 or (at < end and line[at] != separator):
                return None
            cells.append(cell)
        else:
            stop = line.find(separator, at)
            stop = end if stop < 0 else stop
            if '"' in line[at:stop]:
                return None
            cells.append(line[at:stop])
            at = stop
        if at >= end:
            return cells
        at += 1
        if at == end:
            return [*cells, ""]


def _quoted(line: str, at: int) -> tuple[str, int]:
    """A quoted cell from behind its opening mark, and the place behind its closing mark (-1: it never closes)."""
    parts = []
    while (close := line.find('"', at)) >= 0:
        parts.append(line[at:close])
        if not line.startswith('"', close + 1):
            return '"'.join(parts), close + 1
        at = close + 2
    return "", -1


def join(cells: list[str] | tuple[str, ...]) -> str:
    """One line of canonical CSV: commas, and quotation marks only where a cell holds a comma or a quotation mark."""
    line = ",".join(cells)
    if '"' not in line and line.count(",") == len(cells) - 1:
        return line
    return ",".join('"' + cell.replace('"', '""') + '"' if "," in cell or '"' in cell else cell for cell in cells)
