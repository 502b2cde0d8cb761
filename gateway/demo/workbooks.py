"""Workbooks as people make and mend them: every cell is text, as the template has it."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import xlsxwriter
from python_calamine import CalamineWorkbook

_OPTIONS = {"in_memory": True, "strings_to_formulas": False, "strings_to_numbers": False, "strings_to_urls": False}


def workbook(rows: Iterable[Sequence[str]], sheet: str = "Sheet1") -> bytes:
    """An .xlsx of one sheet whose cells are text, in the order given; empty cells are left out."""
    stream = io.BytesIO()
    book = xlsxwriter.Workbook(stream, _OPTIONS)
    text = book.add_format({"num_format": "@"})
    page = book.add_worksheet(sheet)
    for at, row in enumerate(rows):
        for column, cell in enumerate(row):
            if cell:
                page.write_string(at, column, cell, text)
    book.close()
    return stream.getvalue()


def cells(data: Path) -> list[list[str]]:
    """The text of every cell of a workbook's first sheet, from its first row; numbers as they are shown."""
    sheet = CalamineWorkbook.from_path(data).get_sheet_by_index(0)
    return [[_text(cell) for cell in row] for row in sheet.to_python(skip_empty_area=False)]


def mended(listed: Path, rows: Mapping[int, Mapping[str, str]]) -> bytes:
    """A list of refused rows, as it came back, with every listed row put right: `rows` has what belongs into the row
    that the list's first column names, by heading. The list's own columns stay as they are.

    Raises `KeyError` for a row that nobody knows, `StopIteration` for a list without the heading 行号.
    """
    sheet = cells(listed)
    top = next(at for at, row in enumerate(sheet) if row and row[0] == "行号")
    header = sheet[top]
    for row in sheet[top + 1 :]:
        right = rows[int(row[0])]
        for column, title in enumerate(header):
            if title in right:
                row[column] = right[title]
    return workbook(sheet, "退回清单")


def _text(cell: object) -> str:
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)
