"""Workbooks and .dbf files as people's programs write them, cell by cell."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

import xlsxwriter
import xlwt

Rows = Sequence[Sequence[Any]]


def xlsx(
    *sheets: tuple[str, Rows], merges: Sequence[str] = (), hidden: Sequence[int] = (), date_1904: bool = False
) -> bytes:
    """A workbook of sheets; what is in the rows decides each cell's type. `merges` and `hidden` rows (from 1) are the
    first sheet's."""
    made = io.BytesIO()
    options = {"default_date_format": "yyyy-mm-dd", "date_1904": date_1904, "in_memory": True}
    book = xlsxwriter.Workbook(made, options)
    for at, (name, rows) in enumerate(sheets):
        sheet = book.add_worksheet(name)
        for number, row in enumerate(rows):
            for column, cell in enumerate(row):
                if cell == "#N/A":
                    sheet.write_formula(number, column, "=NA()", None, "#N/A")
                elif cell != "":
                    (sheet.write_string if isinstance(cell, str) else sheet.write)(number, column, cell)
        for row in hidden if at == 0 else ():
            sheet.set_row(row - 1, None, None, {"hidden": True})
        for place in merges if at == 0 else ():
            _merge(sheet, place, rows)
    book.close()
    return made.getvalue()


def _merge(sheet: Any, place: str, rows: Rows) -> None:
    """Merge as a spreadsheet does: the first cell's content stays."""
    from xlsxwriter.utility import xl_cell_to_rowcol

    first, last = (xl_cell_to_rowcol(cell) for cell in place.split(":"))
    row = rows[first[0]] if first[0] < len(rows) else ()
    sheet.merge_range(*first, *last, row[first[1]] if first[1] < len(row) else "")


def patched(book: bytes, change: Callable[[bytes], bytes], member: str = "xl/worksheets/sheet1.xml") -> bytes:
    """The same workbook with one of its members changed."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as before, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as after:
        for info in before.infolist():
            data = before.read(info)
            after.writestr(info.filename, change(data) if info.filename == member else data)
    return made.getvalue()


def xls(rows: Rows, merges: Sequence[tuple[int, int, int, int]] = (), hidden: Sequence[int] = ()) -> bytes:
    """A workbook of the old kind. `merges`: first and last row, first and last column, from 0. A cell that is an
    `xlwt.Formula` has no value, one that is `#N/A` is an error."""
    book = xlwt.Workbook()
    sheet = book.add_sheet("流入")
    covered = {(top, left): (bottom, right) for top, bottom, left, right in merges}
    for number, row in enumerate(rows):
        for column, cell in enumerate(row):
            if (number, column) in covered:
                bottom, right = covered[number, column]
                sheet.write_merge(number, bottom, column, right, cell)
            elif cell == "#N/A":
                sheet.row(number).set_cell_error(column, 0x2A)
            elif cell != "":
                sheet.write(number, column, cell)
    for row in hidden:
        sheet.row(row - 1).hidden = True
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def dbf(
    fields: Sequence[tuple[str, str, int]],
    rows: Sequence[Sequence[bytes] | None],
    extra: bytes = b"",
    *,
    version: int = 3,
    flags: Sequence[int] = (),
) -> bytes:
    """A dBASE table of fields (name, type, width); None among the rows: a deleted one. `flags`: each field's byte of
    flags, in a table of Visual FoxPro."""
    width = 1 + sum(size for *_, size in fields)
    first = 32 + 32 * len(fields) + 1
    head = struct.pack("<BBBBIHH", version, 126, 11, 21, len(rows), first, width) + bytes(17) + b"\x4d" + bytes(2)
    for at, (name, kind, size) in enumerate(fields):
        head += name.encode("gb18030")[:10].ljust(11, b"\0") + kind.encode() + bytes(4) + bytes([size, 0])
        head += bytes([flags[at] if flags else 0]) + bytes(13)
    body = b""
    for row in rows:
        cells = row or [b""] * len(fields)
        body += b"*" if row is None else b" "
        body += b"".join(
            cell.rjust(size) if kind == "N" else cell[:size].ljust(size)
            for cell, (_, kind, size) in zip(cells, fields, strict=True)
        )
    return head + b"\r" + body + b"\x1a" + extra
