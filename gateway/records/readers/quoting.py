"""Records and cells between quotation marks, as RFC 4180 has them, and no stray mark that swallows a file.

A cell that begins with a quotation mark goes on until the next one that is not doubled, over separators and line
breaks; behind that stands a separator or the record's end. Databases write `="…"` to keep a number from a spreadsheet:
the text within is the cell. In UTF-8 and in GB 18030 alike an LF, CR, separator or quotation mark is never part of
another character, so bytes are looked at.

A mark that opens a cell and has no partner would make one cell of all that follows. So a cell has its bounds (a
spreadsheet's: `CELL_LIMIT`, `CELL_FEEDS`), and with a line break inside it holds fewer separators than stand before the
last cell that a record must have (`Form.reach`): what holds more is rows. Where a cell does not end within its bounds,
or its mark is followed by something else, the line in which its record begins is a record by itself, and a wrong one;
the next line begins another.

Every byte is looked at three times at most: only a line with an odd number of marks can leave a cell open, and the next
such line closes it or shows that it cannot be closed.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from types import MappingProxyType
from typing import Final

LINE_LIMIT: Final = 1 << 20
CELL_LIMIT: Final = 4 * 32_767
"""Bytes between two quotation marks: a spreadsheet's cell holds 32,767 characters, each of four bytes at most."""
CELL_FEEDS: Final = 253
"""Line feeds in a cell: as many as Excel takes."""
RECORD_FEEDS: Final = 4_096
"""Line feeds in a record."""
BREAK: Final = "\u240a"
"""What a line break inside a cell is shown as; a record is a line wherever it is written."""
ALONE, UNDECIDED = -1, -2
NO_FEEDS: Mapping[int, int] = MappingProxyType({})

_BREAKS = re.compile(rb"\r\n|\n|\r")
_LONE_RETURN = re.compile(rb"\r(?!\n)")
_PICTURES = {encoding: BREAK.encode(encoding) for encoding in ("utf-8", "gb18030")}


@dataclass(frozen=True, slots=True)
class Form:
    """What tells the records of a file apart: the separator of its cells, and how many of them a cell with a line break
    never holds."""

    separator: str
    reach: int


@dataclass(frozen=True, slots=True)
class Pieces:
    """The records of some lines: `raws` without their last line feed; `data`: all of them as they stood, None where
    something in them is still to be made `one_line`; `feeds` within a record, by its place; `end`: where the first
    record begins that is not decided yet."""

    raws: Sequence[bytes]
    data: bytes | None
    feeds: Mapping[int, int]
    end: int


def records(data: bytes, form: Form, *, last: bool) -> Pieces:
    """The records of whole lines, each of which ends with LF. `last`: nothing follows that could close a cell."""
    if not data:
        return Pieces((), data, NO_FEEDS, 0)
    lines = data[:-1].split(b"\n")
    odd = [at for at, line in enumerate(lines) if line.count(b'"') & 1] if b'"' in data else ()
    if not odd:
        plain = b'"' not in data or _LONE_RETURN.search(data) is None
        return Pieces(lines, data[:-1] if plain else None, NO_FEEDS, len(data))
    begins = [0, *accumulate(len(line) + 1 for line in lines)]
    raws: list[bytes] = []
    feeds: dict[int, int] = {}
    upto = 0
    for at in odd:
        if at < upto:
            continue
        raws += lines[upto:at]
        upto = at + 1
        end = record_end(data, begins[at], form, last=last)
        if end == UNDECIDED:
            return Pieces(raws, None, feeds, begins[at])
        if end != ALONE:
            upto = bisect_left(begins, end + 1)
            feeds[len(raws)] = upto - at - 1
        raws.append(data[begins[at] : begins[upto] - 1])
    return Pieces([*raws, *lines[upto:]], None, feeds, len(data))


def record_end(data: bytes, at: int, form: Form, *, last: bool) -> int:
    """The place of the line feed that ends the record that begins at `at`. `ALONE`: its line is a record by itself,
    since a cell in it does not end where it should. `UNDECIDED`: more has to be seen; never with `last`."""
    separator = form.separator.encode()
    place, feeds = at, 0
    while True:
        place += data.startswith(b'="', place)
        if data.startswith(b'"', place):
            close = _closing(data, place + 1)
            cell = data[place + 1 : close if close >= 0 else len(data)]
            inside = cell.count(b"\n")
            feeds += inside
            if _is_no_cell(cell, inside, separator, form.reach) or feeds > RECORD_FEEDS:
                return ALONE
            if close < 0:
                return ALONE if last or len(data) - at > LINE_LIMIT else UNDECIDED
            place = close + 1
        else:
            while data[place : place + 1] not in (separator, b"\n"):
                if data.startswith(b'"', place):
                    return ALONE
                place += 1
        if data.startswith(separator, place):
            place += 1
            continue
        place += data.startswith(b"\r\n", place)
        return place if data.startswith(b"\n", place) and place - at <= LINE_LIMIT else ALONE


def _is_no_cell(cell: bytes, feeds: int, separator: bytes, reach: int) -> bool:
    if len(cell) > CELL_LIMIT or feeds > CELL_FEEDS:
        return True
    return feeds > 0 and cell.count(separator) >= reach


def _closing(data: bytes, at: int) -> int:
    """The place of the mark that ends a cell, -1 where there is none."""
    while (close := data.find(b'"', at)) >= 0 and data.startswith(b'"', close + 1):
        at = close + 2
    return close


def one_line(raw: bytes, encoding: str) -> bytes:
    """A record with the line breaks of its cells shown as `BREAK`; one whose marks have no partners stays as it is."""
    if b'"' not in raw or (b"\n" not in raw and b"\r" not in raw[:-1]):
        return raw
    parts = raw.split(b'"')
    if len(parts) & 1:
        parts[1::2] = [_BREAKS.sub(_PICTURES[encoding], part) for part in parts[1::2]]
    return b'"'.join(parts)


def split(line: str, separator: str) -> list[str] | None:
    """The cells of one record; None where a quotation mark is not closed or stands inside a cell that has none around
    it (RFC 4180, strictly)."""
    if '"' not in line:
        return line.split(separator)
    cells: list[str] = []
    return cells if _split(line, separator, cells) else None


def misquoted(line: str, separator: str) -> int:
    """The column, from 0, of the cell in which a quotation mark is wrong."""
    cells: list[str] = []
    _split(line, separator, cells)
    return len(cells)


def _split(line: str, separator: str, cells: list[str]) -> bool:
    """Append the cells of a record; False where the next one has a stray mark."""
    at, end = 0, len(line)
    while True:
        if line.startswith(('"', '="'), at):
            cell, at = _quoted(line, line.index('"', at) + 1)
            if at < 0 or (at < end and line[at] != separator):
                return False
            cells.append(_without_formula(cell))
        else:
            stop = line.find(separator, at)
            stop = end if stop < 0 else stop
            if '"' in line[at:stop]:
                return False
            cells.append(line[at:stop])
            at = stop
        if at >= end:
            return True
        at += 1
        if at == end:
            cells.append("")
            return True


def _quoted(line: str, at: int) -> tuple[str, int]:
    """A quoted cell from behind its opening mark, and the place behind its closing mark (-1: it never closes)."""
    parts = []
    while (close := line.find('"', at)) >= 0:
        parts.append(line[at:close])
        if not line.startswith('"', close + 1):
            return '"'.join(parts), close + 1
        at = close + 2
    return "", -1


def _without_formula(cell: str) -> str:
    """The text of `="…"`, written as a quoted cell."""
    inner = cell[2:-1]
    return inner if len(cell) > 2 and cell.startswith('="') and cell[-1] == '"' and '"' not in inner else cell
