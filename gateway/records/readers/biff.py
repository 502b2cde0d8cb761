"""A look at a workbook of the old kind (.xls): which cells hold errors or formulas without a value, which rows are
hidden, and how far it reaches. The reader that comes next says none of it, and believes what the file says of its size.

Layout: [MS-XLS] (BIFF8) and its forerunner (BIFF5), a stream of records in a compound document ([MS-CFB]): BoundSheet8
2.4.28, FilePass 2.4.117, SST 2.4.265, Dimensions 2.4.90, Row 2.4.221, BoolErr 2.4.24, Formula 2.4.127 with FormulaValue
2.5.133.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import olefile

from gateway.outcomes import Refused
from gateway.records.readers.cells import Cell, Extent
from gateway.records.readers.containers import (
    CELLS,
    CELLS_FACTOR,
    CELLS_FLOOR,
    DAMAGED,
    TOO_LARGE,
    Seen,
    Survey,
    may_expand,
)

_STREAMS = ("Workbook", "Book")
_BOUND_SHEET, _EOF, _BOF, _ROW, _BOOL_ERR, _STRING = 0x85, 0x0A, 0x809, 0x208, 0x205, 0x207
_FORMULA = frozenset((0x06, 0x206, 0x406))
_FILE_PASS, _STRINGS = 0x2F, 0xFC
_HIDDEN = 0x20
_DIMENSIONS, _WIDE = 0x200, 14
_NUMBERS = 0xBD
_CELLS = frozenset((0x203, 0x27E, 0xBD, 0xFD, 0x204, 0x205, 0xD6, *_FORMULA))
"""Number, RK, MulRk, LabelSst, Label, BoolErr, RString, Formula; those that hold a format alone are none."""
_SPECIAL = b"\xff\xff"
_TEXT, _ERROR = 0, 2


def survey(path: Path) -> Survey | Refused:
    """Look at a workbook that is a compound document. Refused 311 where it is none, or breaks off, 310 where it reaches
    further than what is written in it."""
    try:
        with olefile.OleFileIO(path) as document:
            name = next((name for name in _STREAMS if document.exists(name)), None)
            if name is None:
                return Refused(DAMAGED)
            data = document.openstream(name).read()
        sheets, extent = [], Extent()
        for seen, reaches in _sheets(data):
            sheets.append(seen)
            extent = Extent(extent.cells + reaches.cells, extent.filled + reaches.filled)
    except OSError as error:
        if error.errno is not None:  # the world's, where the library's own have none
            raise
        return Refused(DAMAGED)
    except Exception:  # whatever hostile bytes make of the library's assumptions
        return Refused(DAMAGED)
    if extent.beyond(CELLS, CELLS_FLOOR, CELLS_FACTOR):
        return Refused(TOO_LARGE, {"limit_mb": may_expand(path.stat().st_size) >> 20})
    return Survey(tuple(sheets)) if sheets else Refused(DAMAGED)


def _sheets(data: bytes) -> Iterator[tuple[Seen, Extent]]:
    """The sheets, each looked at once; of a workbook under a password one with nothing in it. Raises `ValueError` where
    they lie in each other, which no program writes and which would be looked at again and again, and where it counts
    more strings than it has bytes, for all of which the reader would make room."""
    looked = 0
    for kind, at, length in _records(data, 0):
        if kind == _FILE_PASS:
            yield Seen(), Extent()
        if kind in (_EOF, _FILE_PASS):
            return
        if kind == _STRINGS and max(struct.unpack_from("<II", data, at)) > len(data):
            raise ValueError("more strings than bytes")
        if kind == _BOUND_SHEET and length >= 4:
            begin = int.from_bytes(data[at : at + 4], "little")
            seen, extent, end = _look(data, begin)
            looked += end - begin
            if looked > len(data):
                raise ValueError("sheets within each other")
            yield seen, extent


def _records(data: bytes, at: int) -> Iterator[tuple[int, int, int]]:
    """Kind, place and length of the records from `at` on."""
    while at + 4 <= len(data):
        kind, length = struct.unpack_from("<HH", data, at)
        yield kind, at + 4, length
        at += 4 + length


def _look(data: bytes, begin: int) -> tuple[Seen, Extent, int]:
    """One sheet, how far it reaches, and where it ends; a chart that stands in it is passed over."""
    errors: set[Cell] = set()
    unworked: set[Cell] = set()
    hidden = bytearray()
    depth, end = 0, begin
    bottom = right = filled = stated = 0
    awaited: Cell | None = None
    for kind, at, length in _records(data, begin):
        end = at + length
        if kind == _BOF:
            depth += 1
        elif kind == _EOF:
            depth -= 1
            if depth <= 0:
                break
        if depth > 1:
            continue
        if kind in _CELLS:
            row, column = struct.unpack_from("<HH", data, at)
            bottom, right, filled = max(bottom, row + 1), max(right, column + 1), filled + 1
            if kind == _NUMBERS:
                right = max(right, int.from_bytes(data[at + length - 2 : at + length], "little") + 1)
        if kind == _DIMENSIONS:
            stated = _stated(data, at, length)
        elif kind == _STRING:
            awaited = None
        elif kind == _ROW and length >= 14 and data[at + 12] & _HIDDEN:
            row = int.from_bytes(data[at : at + 2], "little") + 1
            hidden.extend(bytes(max(0, row + 1 - len(hidden))))
            hidden[row] = 1
        elif kind == _BOOL_ERR and length >= 8 and data[at + 7]:
            errors.add(struct.unpack_from("<HH", data, at))
        elif kind in _FORMULA and length >= 14:
            if awaited is not None:
                unworked.add(awaited)
                awaited = None
            if data[at + 12 : at + 14] == _SPECIAL:
                cell = struct.unpack_from("<HH", data, at)
                if data[at + 6] == _ERROR:
                    errors.add(cell)
                elif data[at + 6] == _TEXT:
                    # The text itself is the record behind; programs that work nothing out write none.
                    awaited = cell
    if awaited is not None:
        unworked.add(awaited)
    # What is stated may be formats alone; the reader makes room for it all the same.
    extent = Extent(bottom * right if stated <= CELLS else stated, filled)
    return Seen(frozenset(errors), frozenset(unworked), bytes(hidden)), extent, end


def _stated(data: bytes, at: int, length: int) -> int:
    """Rows × columns as the sheet says that it uses them. Raises `ValueError` where they end before they begin."""
    top, bottom, left, right = struct.unpack_from("<IIHH" if length >= _WIDE else "<HHHH", data, at)
    if bottom < top or right < left:
        raise ValueError("less than nothing is used")
    return int((bottom - top) * (right - left))
