"""A look at a workbook of the old kind (.xls): which cells hold errors or formulas without a value, and which rows are
hidden. The reader that comes next says none of it.

Layout: [MS-XLS] (BIFF8) and its forerunner (BIFF5), a stream of records in a compound document ([MS-CFB]): BoundSheet8
2.4.28, Row 2.4.221, BoolErr 2.4.24, Formula 2.4.127 with FormulaValue 2.5.133.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import olefile

from gateway.outcomes import Refused
from gateway.records.readers.cells import Cell
from gateway.records.readers.containers import DAMAGED, Seen, Survey

_STREAMS = ("Workbook", "Book")
_BOUND_SHEET, _EOF, _BOF, _ROW, _BOOL_ERR, _STRING = 0x85, 0x0A, 0x809, 0x208, 0x205, 0x207
_FORMULA = frozenset((0x06, 0x206, 0x406))
_HIDDEN = 0x20
_SPECIAL = b"\xff\xff"
_TEXT, _ERROR = 0, 2


def survey(path: Path) -> Survey | Refused:
    """Look at a workbook that is a compound document. Refused 311 where it is none, or breaks off."""
    try:
        with olefile.OleFileIO(path) as document:
            name = next((name for name in _STREAMS if document.exists(name)), None)
            if name is None:
                return Refused(DAMAGED)
            data = document.openstream(name).read()
        return Survey(tuple(_sheets(data)))
    except (OSError, ValueError, IndexError, struct.error, RecursionError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        return Refused(DAMAGED)


def _sheets(data: bytes) -> Iterator[Seen]:
    for kind, at, length in _records(data, 0):
        if kind == _EOF:
            return
        if kind == _BOUND_SHEET and length >= 4:
            yield _look(data, int.from_bytes(data[at : at + 4], "little"))


def _records(data: bytes, at: int) -> Iterator[tuple[int, int, int]]:
    """Kind, place and length of the records from `at` on."""
    while at + 4 <= len(data):
        kind, length = struct.unpack_from("<HH", data, at)
        yield kind, at + 4, length
        at += 4 + length


def _look(data: bytes, begin: int) -> Seen:
    """One sheet, to its end; a chart that stands in it is passed over."""
    errors: set[Cell] = set()
    unworked: set[Cell] = set()
    hidden = bytearray()
    depth, awaited = 0, None
    for kind, at, length in _records(data, begin):
        if kind == _BOF:
            depth += 1
        elif kind == _EOF:
            depth -= 1
            if depth <= 0:
                break
        if depth > 1:
            continue
        if kind == _STRING:
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
    return Seen(frozenset(errors), frozenset(unworked), bytes(hidden))
