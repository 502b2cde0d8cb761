"""Workbooks (.xlsx, .xls) and .dbf as tables: which sheet, where its header stands, its rows as lines.

Row numbers are the spreadsheet's own. Exactly one sheet may hold records; the other sheets of our
template (instructions, code lists) do not count. A workbook of several tables is refused: none of them is chosen by a
guess.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

import python_calamine as calamine

from gateway.outcomes import Refused
from gateway.records.readers import biff, containers, fieldnames, header, merging
from gateway.records.readers.dbf import open_dbf
from gateway.records.readers.encoding import ZIP
from gateway.records.readers.lines import Batch, control, join
from gateway.records.readers.merging import Merge
from gateway.records.readers.typed import AsText, Broken, Typed, Unworked, converter
from gateway.records.schema import Schema
from gateway.records.sheets import OWN_SHEETS
from gateway.records.text import Repertoire

SEVERAL, DAMAGED, PROTECTED = "309", "311", "312"
_ROWS = 2_000
_PROTECTED = "EncryptedPackage".encode("utf-16-le")
_LARGEST_XLS = 128 << 20
_PANIC = "PanicException"
_ERROR = "#N/A"
"""What is shown of cells without a value; a list of returned rows that nobody mended is refused for it again."""
Range = tuple[tuple[int, int], tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Sheet:
    """The rows of one sheet, each from column A on; `rows` may be asked for again. `height`: how many there are;
    `hidden`: for every row, from 1, whether it is not shown, as far as any is; `merged`: ranges of cells from 0."""

    name: str
    height: int
    rows: Callable[[], Iterator[list[Typed] | None]]
    epoch_1904: bool = False
    hidden: bytes = b""
    merged: Sequence[Range] = ()


@dataclass(frozen=True, slots=True)
class SheetTable:
    """A sheet with its header found: lines as a text table gives them, and what their cells' types showed."""

    encoding: str
    sheet: Sheet
    header: header.Header
    schema: Schema
    repertoire: Repertoire
    size: int

    @property
    def merges(self) -> tuple[Merge, ...]:
        """The ranges of merged cells below the header."""
        return merging.below(self.header.line, self.sheet.merged)

    def hides(self, row: int) -> bool:
        """Whether the spreadsheet does not show a row."""
        return row < len(self.sheet.hidden) and self.sheet.hidden[row] == 1

    def data(self) -> Iterator[Batch]:
        """The rows below the header, as lines of CSV; a deleted record leaves its number out."""
        fields = self.schema.fields
        converters = [converter(None, self.sheet.epoch_1904)] * self.header.width
        places = {column: place for place, column in enumerate(self.header.order) if column < self.header.width}
        for column, place in places.items():
            converters[column] = converter(fields[place], self.sheet.epoch_1904)
        filling = merging.Filling(self.merges, {column: fields[place] for column, place in places.items()}, converters)
        rows = islice(enumerate(self.sheet.rows(), 1), self.header.line, None)
        while block := list(islice(rows, _ROWS)):
            first, last = block[0][0], block[-1][0]
            lines: list[str] = []
            numbers: list[int] = []
            notes: dict[int, dict[int, str]] = {}
            deleted = 0
            for number, row in block:
                if row is None:
                    deleted += 1
                    continue
                cells = [one(cell) for one, cell in zip(converters, row, strict=False)]
                filling.row(number, row, cells)
                if len(row) > len(converters):
                    cells += [(str(cell), None) for cell in row[len(converters) :]]
                found = {places[at]: code for at, (_, code) in enumerate(cells) if code is not None}
                if found:
                    notes[number] = found
                lines.append(self._line(cells))
                numbers.append(number)
            read = self.size * last // max(1, self.sheet.height)
            yield Batch(first, lines, read, True, True, numbers, notes, deleted)

    def _line(self, cells: Sequence[AsText]) -> str:
        return control(self.repertoire.mend(join([text for text, _ in cells])))


def open_workbook(
    path: Path, head: bytes, schema: Schema, ignorable: Sequence[str], repertoire: Repertoire
) -> SheetTable | Refused | None:
    """Open a file that begins as a workbook does. None: nothing is written in it. Refused 301 (another kind of file),
    309 (several tables), 310–312 (too large, damaged, protected), 303–308 as for text."""
    kind = "xlsx" if head.startswith(ZIP) else "xls"
    survey: containers.Survey | Refused
    if kind == "xlsx":
        survey = containers.survey(path)
    elif path.stat().st_size > _LARGEST_XLS:
        survey = Refused(containers.TOO_LARGE, {"limit_mb": _LARGEST_XLS >> 20})
    else:
        survey = biff.survey(path)
    if isinstance(survey, Refused):
        return Refused(PROTECTED) if kind == "xls" and _protected(path) else survey
    try:
        with _panicking():
            book = calamine.CalamineWorkbook.from_path(str(path))
    except calamine.PasswordError:
        return Refused(PROTECTED)
    except (calamine.CalamineError, ValueError):
        return Refused(PROTECTED if _protected(path) else DAMAGED)
    with closing(book):
        try:
            with _panicking():
                sheets = list(_sheets(book, survey))
        except (calamine.CalamineError, ValueError):
            return Refused(DAMAGED)
    return _choose(sheets, kind, schema, ignorable, repertoire, path.stat().st_size)


@contextmanager
def _panicking() -> Iterator[None]:
    """Where the reader gives up on a damaged file as if the fault were its own, which no `except Exception` catches, a
    `ValueError` is raised: the file is its sender's to mend, and the worker lives on."""
    try:
        yield
    except BaseException as error:
        if type(error).__name__ != _PANIC:
            raise
    else:
        return
    raise ValueError("the reader gave up")


def open_dbf_table(
    path: Path, schema: Schema, ignorable: Sequence[str], repertoire: Repertoire
) -> SheetTable | Refused | None:
    """Open a .dbf; its field names are the header, and its first record is row 2, as a spreadsheet shows it. Refused
    317 where names that were cut could be several columns."""
    table = open_dbf(path)
    if isinstance(table, Refused):
        return table
    titles = fieldnames.titles([column.name for column in table.columns], schema)
    if isinstance(titles, Refused):
        return titles

    def rows() -> Iterator[list[Typed] | None]:
        yield list(titles)
        yield from table.rows()

    sheet = Sheet("", table.records + 1, rows)
    return _choose([sheet], "dbf", schema, ignorable, repertoire, path.stat().st_size)


def _sheets(book: calamine.CalamineWorkbook, survey: containers.Survey) -> Iterator[Sheet]:
    for place, meta in enumerate(book.sheets_metadata):
        if meta.typ != calamine.SheetTypeEnum.WorkSheet:
            continue
        sheet = book.get_sheet_by_index(place)
        if sheet.start is None:
            continue
        seen = survey.sheets[place] if place < len(survey.sheets) else containers.Seen()
        merged = tuple(sheet.merged_cell_ranges or ())
        rows = _rows(sheet, seen)
        yield Sheet(meta.name, sheet.total_height, rows, survey.epoch_1904, seen.hidden, merged)


def _rows(sheet: calamine.CalamineSheet, seen: containers.Seen) -> Callable[[], Iterator[list[Typed] | None]]:
    assert sheet.start is not None
    left: list[Typed] = [""] * sheet.start[1]
    marked: dict[int, list[tuple[int, Broken]]] = {}
    for mark, cells in ((Broken(_ERROR), seen.errors), (Unworked(_ERROR), seen.unworked)):
        for row, column in cells:
            marked.setdefault(row, []).append((column, mark))

    def rows() -> Iterator[list[Typed] | None]:
        """The rows from column A on, with the cells marked that hold an error or no value."""
        # Rows of formulas alone are none to the reader, where these have no value.
        blank: list[list[Typed]] = [[]] * max(0, max(marked, default=-1) + 1 - sheet.total_height)
        for number, cells in enumerate(chain(sheet.iter_rows(), blank)):
            row: list[Typed] = [*left, *cells] if left else list(cells)
            for column, mark in marked.get(number, ()):
                row.extend([""] * (column + 1 - len(row)))
                row[column] = mark
            yield row

    return rows


def _choose(
    sheets: Sequence[Sheet], kind: str, schema: Schema, ignorable: Sequence[str], repertoire: Repertoire, size: int
) -> SheetTable | Refused | None:
    tables: list[SheetTable] = []
    refused: list[Refused] = []
    for sheet in sheets:
        first = [repertoire.mend(join([_shown(cell) for cell in row or ()])) for row in _first(sheet)]
        where = header.find(first, schema, ignorable)
        if isinstance(where, Refused):
            if sheet.name not in OWN_SHEETS:
                refused.append(where)
            continue
        tables.append(SheetTable(kind, sheet, where, schema, repertoire, size))
    # A second sheet that has our titles may hold records, too: whether right or wrong, it must not be overlooked.
    wrong = [where for where in refused if where.code != header.NONE]
    filled = [table for table in tables if _has_rows(table)]
    if len(filled) + len(wrong) > 1 or (filled and wrong):
        return Refused(SEVERAL)
    if wrong:
        return wrong[0]
    if tables:
        return (filled or tables)[0]
    return refused[0] if refused else None


def _shown(cell: Typed) -> str:
    """The text of a cell above the records: in titles a line break is white space like any other."""
    text, _ = converter(None)(" ".join(cell.split()) if type(cell) is str else cell)
    return text


def _first(sheet: Sheet) -> list[list[Typed] | None]:
    return list(islice(sheet.rows(), header.ROWS))


def _has_rows(table: SheetTable) -> bool:
    below = islice(table.sheet.rows(), table.header.line, None)
    return any(row is not None and any(cell not in ("", None) for cell in row) for row in below)


def _protected(path: Path) -> bool:
    with path.open("rb") as stream:
        return _PROTECTED in stream.read(1 << 20)
