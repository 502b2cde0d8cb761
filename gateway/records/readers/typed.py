"""Cells that come with a type (workbooks, DBF) as text, with a code for what their type shows was done to them.

An ID number that was stored as a number has lost digits, whatever it looks like: it is never repaired. A code of 12
digits is exact as a number; a code of two digits has lost its leading zero. Every conversion is a code of the record.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import TypeAlias

from gateway.records.schema import Field

Typed: TypeAlias = str | bool | int | float | dt.date | dt.time | dt.timedelta
AsText = tuple[str, str | None]
"""The text of a cell, and the code of what was done to it, if any."""

GARBLED, LINE_BREAK, DIGITS_LOST, ZERO_LOST, ERROR_CELL, MADE_A_DATE, CUT = (
    "405", "437", "438", "440", "441", "442", "443",
)  # fmt: skip
NOT_WORKED_OUT, IN_MERGED, UNREAD, FILLED = "481", "482", "483", "485"
NUMBER, DATE_CELL, SERIAL = "465", "466", "467"
MERGED = frozenset((IN_MERGED, FILLED))
"""What is said of cells that merged ones cover."""

_ERRORS = frozenset(
    ("#N/A", "#NAME?", "#REF!", "#VALUE!", "#DIV/0!", "#NUM!", "#NULL!", "#SPILL!", "#CALC!", "#FIELD!", "#BLOCKED!")
)
"""Errors as text, which they become where a spreadsheet saves another format, or where values are pasted."""
_EXACT = 10**15
_SERIALS = (20_000, 60_000)
"""1954 to 2064: what a number in a date column has to lie between to be a day's serial number."""
_EPOCH, _EPOCH_1904 = dt.date(1899, 12, 30), dt.date(1904, 1, 1)


class Cut(str):
    """Text that ends within a character: the field was too short for it."""


class Garbled(str):
    """Text that does not decode."""


class Broken(str):
    """What a spreadsheet could not work out, such as #N/A; `code` says what is wrong with the cell."""

    code: str = ERROR_CELL


class Unworked(Broken):
    """A formula that was never worked out: the program that wrote it left no value."""

    code = NOT_WORKED_OUT


class Covered(Broken):
    """A cell that a merged one covers: what it would hold is not known."""

    code = IN_MERGED


class Unread(Broken):
    """A field whose content lies in another file, such as a memo."""

    code = UNREAD


class Overflown(Broken):
    """A number that was wider than its field, which holds asterisks instead."""

    code = DIGITS_LOST


def converter(field: Field | None, epoch_1904: bool = False) -> Callable[[Typed], AsText]:
    """The function that makes text of a column's cells. `field` None: a column of no field, shown and never judged."""

    def convert(cell: Typed) -> AsText:
        """The text of one cell, and its code."""
        if isinstance(cell, str):
            return _text(cell, field)
        if isinstance(cell, bool):
            return str(cell).upper(), None
        if isinstance(cell, int | float):
            return _number(cell, field, epoch_1904)
        if isinstance(cell, dt.datetime):
            cell = cell.date() if cell.time() == dt.time() or (field and field.type == "date") else cell
        if field is None:
            return str(cell), None
        if field.type == "date" and isinstance(cell, dt.date):
            return cell.strftime("%Y%m%d").rjust(8, "0"), DATE_CELL
        return str(cell), MADE_A_DATE

    return convert


def _text(cell: str, field: Field | None) -> AsText:
    if isinstance(cell, Cut):
        return str(cell), CUT if field else None
    if isinstance(cell, Garbled):
        return str(cell), GARBLED if field else None
    if isinstance(cell, Broken):
        return str(cell), cell.code if field else None
    if "#" in cell and cell.strip().upper() in _ERRORS:
        return cell.strip(), ERROR_CELL if field else None
    if "\n" not in cell and "\r" not in cell:
        return cell, None
    text = cell.replace("\r\n", "\n").replace("\r", "\n").strip("\n")
    if "\n" not in text:
        return text, None
    return text.replace("\n", "\u240a"), LINE_BREAK if field else None


def _number(cell: int | float, field: Field | None, epoch_1904: bool) -> AsText:
    whole = isinstance(cell, int) or cell.is_integer()
    text = str(int(cell)) if whole else repr(cell)
    if field is None:
        return text, None
    if field.id_number:
        return text, DIGITS_LOST
    if field.region:
        return text, NUMBER if len(text) == 12 and whole else None
    if field.type == "date":
        if _SERIALS[0] <= cell <= _SERIALS[1]:
            day = (_EPOCH_1904 if epoch_1904 else _EPOCH) + dt.timedelta(days=int(cell))
            return day.strftime("%Y%m%d"), SERIAL
        return text, NUMBER if len(text) == 8 and whole else None
    if field.codes:
        padded = {text.zfill(len(code)) for code in field.codes} - {text}
        return text, ZERO_LOST if text not in field.codes and not padded.isdisjoint(field.codes) else None
    return text, DIGITS_LOST if abs(cell) >= _EXACT else None
