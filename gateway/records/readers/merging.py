"""Merged cells: what the cells they cover are taken for.

A spreadsheet keeps the content of merged cells in the first of them, and the others come empty. Where one column is
merged downwards people mean the same for all its rows: it is filled down, and said. A name or a number that belongs to
one person is filled down for nobody, and cells merged across columns say nothing of the columns they cover.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gateway.records.readers.header import letters
from gateway.records.readers.typed import FILLED, AsText, Covered, Typed
from gateway.records.schema import Field
from gateway.records.violations import errors

Converter = Callable[[Typed], AsText]


@dataclass(frozen=True, slots=True, order=True)
class Merge:
    """One range of merged cells: rows as a spreadsheet counts them, columns from 0, first and last."""

    top: int
    left: int
    bottom: int
    right: int

    def __str__(self) -> str:
        return f"{letters(self.left)}{self.top}:{letters(self.right)}{self.bottom}"

    def holds(self, rows: Sequence[int]) -> bool:
        """Whether any of `rows`, which are in order, lies in it."""
        return bisect_left(rows, self.top) < bisect_right(rows, self.bottom)


def below(line: int, ranges: Iterable[tuple[tuple[int, int], tuple[int, int]]]) -> tuple[Merge, ...]:
    """The ranges of a sheet (cells from 0) that begin below its header, in their order."""
    found = (Merge(top + 1, left, bottom + 1, right) for (top, left), (bottom, right) in ranges if top >= line)
    return tuple(sorted(one for one in found if one.bottom > one.top or one.right > one.left))


class Filling:
    """The covered cells of one sheet, row after row. `fields`: column → its field; `converters` make text of a
    column's cells."""

    def __init__(self, merges: Sequence[Merge], fields: Mapping[int, Field], converters: Sequence[Converter]) -> None:
        self._coming: Iterator[Merge] = iter(merges)
        self._next = next(self._coming, None)
        self._fields, self._converters = fields, converters
        self._covering: dict[int, tuple[Merge, Typed]] = {}

    def row(self, number: int, row: Sequence[Typed], cells: list[AsText]) -> None:
        """Put what the row's covered cells are taken for into `cells`, its cells as text. A row with nothing of its own
        stays empty. Rows come in their order."""
        while self._next is not None and self._next.top <= number:
            for column in range(self._next.left, min(self._next.right + 1, len(self._converters))):
                value = row[self._next.left] if self._next.left < len(row) else ""
                self._covering[column] = self._next, value
            self._next = next(self._coming, None)
        if not self._covering:
            return
        for column in [column for column, (merge, _) in self._covering.items() if merge.bottom < number]:
            del self._covering[column]
        if not any(row[column] not in ("", None) for column in self._fields if column < len(row)):
            return
        for column, (merge, value) in self._covering.items():
            if column in self._fields and (number, column) != (merge.top, merge.left):
                cells.extend([("", None)] * (column + 1 - len(cells)))
                cells[column] = self._taken_for(column, merge, value)

    def _taken_for(self, column: int, merge: Merge, value: Typed) -> AsText:
        """Merged cells that are empty hide nothing."""
        if value in ("", None):
            return "", None
        field = self._fields[column]
        one_person = field.id_number or field.person_name or field.unique
        if merge.right > merge.left or one_person:
            return self._converters[column](Covered())
        text, code = self._converters[column](value)
        return text, code if code in errors() else FILLED
