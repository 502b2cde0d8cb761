"""Bulletins (通报) as documents: tables and charts that become a page, a workbook and CSV files.

Cells are texts, whole numbers, shares (0 to 1) or nothing. The same bulletin gives the same bytes.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import xlsxwriter

from gateway.policy.facts import Language
from gateway.receipts.rendering import render
from gateway.receipts.words import Words, thousands

_CREATED = datetime(2000, 1, 1)  # noqa: DTZ001 - fixed, so that the same figures give the same bytes
_OPTIONS = {"strings_to_formulas": False, "strings_to_numbers": False, "strings_to_urls": False}
Cell = str | int | float | None
_BAR, _GAP, _LEFT, _WIDTH = 14, 6, 92, 620
COLOURS = {"on_time": "#2f7d4f", "corrected": "#8fbf9f", "late": "#d08a1d", "overdue": "#a01822", "other": "#9aa6b5"}


@dataclass(frozen=True, slots=True)
class Column:
    """`kind`: how a cell is shown: `text`, `count`, `share` (per cent with one decimal), `days` (one decimal)."""

    title: str
    kind: str = "count"


@dataclass(frozen=True, slots=True)
class Table:
    """`name` is a file's and a sheet's; `totals` is the last row, empty for none."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    totals: tuple[Cell, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Chart:
    """Stacked bars: per label the counts of each series (key of `COLOURS`, title)."""

    title: str
    series: tuple[tuple[str, str], ...]
    bars: tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(frozen=True, slots=True)
class Bulletin:
    """`period` as people write it in a file's name; `notes` say how the figures are counted."""

    title: str
    period: str
    node: str
    issued: date
    tables: tuple[Table, ...]
    charts: tuple[Chart, ...] = ()
    notes: tuple[str, ...] = ()


def shown(cell: Cell, kind: str) -> str:
    """A cell of a column of `kind` as people read it; nothing is an en dash."""
    if cell is None:
        return "–"
    if isinstance(cell, str):
        return cell
    if kind == "share":
        return f"{100 * cell:.1f}%"
    return f"{cell:.1f}" if kind == "days" else thousands(int(cell))


@dataclass(frozen=True, slots=True)
class _Segment:
    x: float
    width: float
    colour: str
    text: str


@dataclass(frozen=True, slots=True)
class _Bar:
    label: str
    y: int
    total: int
    end: float
    segments: tuple[_Segment, ...]


def page(bulletin: Bulletin, language: Language) -> bytes:
    """UTF-8 HTML without scripts; charts are SVG in the page, and their numbers stand in the tables."""
    charts = [(chart, _bars(chart), _height(chart)) for chart in bulletin.charts]
    return render(
        "bulletin.html",
        language,
        b=bulletin,
        charts=charts,
        colours=COLOURS,
        left=_LEFT,
        width=_LEFT + _WIDTH + 70,
        bar=_BAR,
        shown=shown,
        issued=Words(language).day(bulletin.issued),
    )


def _height(chart: Chart) -> int:
    return len(chart.bars) * (_BAR + _GAP) + _GAP


def _bars(chart: Chart) -> list[_Bar]:
    most = max((sum(counts) for _, counts in chart.bars), default=0) or 1
    found = []
    for number, (label, counts) in enumerate(chart.bars):
        x, segments = float(_LEFT), []
        for (key, title), count in zip(chart.series, counts, strict=True):
            width = round(_WIDTH * count / most, 2)
            if count:
                segments.append(_Segment(round(x, 2), width, COLOURS[key], f"{title} {count}"))
            x += width
        found.append(_Bar(label, _GAP + number * (_BAR + _GAP), sum(counts), round(x, 2), tuple(segments)))
    return found


def csv_file(table: Table) -> bytes:
    """One table as UTF-8 with a byte order mark, by which Excel and WPS know the encoding; shares are numbers from 0 to
    1."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([column.title for column in table.columns])
    for row in (*table.rows, *((table.totals,) if table.totals else ())):
        writer.writerow(["" if cell is None else _safe(cell) for cell in row])
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def _safe(cell: Cell) -> Cell:
    """A text that begins with `=`, `+`, `-` or `@` would be a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@") else cell


def workbook(bulletin: Bulletin, language: Language) -> bytes:
    """An `.xlsx` with a sheet per table and a last one that says how the figures are counted."""
    data, words = io.BytesIO(), Words(language)
    with xlsxwriter.Workbook(data, {"in_memory": True, **_OPTIONS}) as book:
        book.set_properties({"created": _CREATED, "title": bulletin.title})
        font = {"font_name": "宋体" if language == "zh" else "Arial", "font_size": 11, "valign": "vcenter"}
        head = book.add_format(
            {**font, "bold": True, "bg_color": "#1F3F66", "font_color": "white", "border": 1, "text_wrap": True,
             "align": "center"}
        )  # fmt: skip
        title = book.add_format({**font, "bold": True, "font_size": 15, "font_color": "#1F3F66"})
        soft = book.add_format({**font, "font_size": 10, "font_color": "#55606E", "text_wrap": True, "valign": "top"})
        forms = {"text": "@", "count": "#,##0", "share": "0.0%", "days": "0.0"}
        plain, bold = (
            {kind: book.add_format({**font, "border": 1, "num_format": form, **extra}) for kind, form in forms.items()}
            for extra in ({}, {"bold": True, "bg_color": "#F3F5F8"})
        )
        for table in bulletin.tables:
            sheet = book.add_worksheet(table.name[:31])
            sheet.hide_gridlines(2)
            sheet.write_string(0, 0, f"{bulletin.title} · {table.title}", title)
            sheet.set_default_row(18)
            sheet.set_row(0, 26)
            sheet.set_row(1, 34)
            for place, column in enumerate(table.columns):
                sheet.set_column(place, place, _width(table, place))
                sheet.write_string(1, place, column.title, head)
            for number, row in enumerate((*table.rows, *((table.totals,) if table.totals else ())), 2):
                forms_of = bold if table.totals and number == len(table.rows) + 2 else plain
                for place, (column, cell) in enumerate(zip(table.columns, row, strict=True)):
                    if cell is None or isinstance(cell, str):
                        sheet.write_string(number, place, cell or "–", forms_of["text"])
                    else:
                        sheet.write_number(number, place, cell, forms_of[column.kind])
            if table.note:
                end = len(table.rows) + 2 + bool(table.totals)
                sheet.merge_range(end, 0, end, len(table.columns) - 1, table.note, soft)
                sheet.set_row(end, 48)
            sheet.freeze_panes(2, 2 if table.columns[1].kind == "text" else 1)
            sheet.set_landscape()
            sheet.set_paper(9)
            sheet.fit_to_pages(1, 0)
            sheet.repeat_rows(1)
        sheet = book.add_worksheet(words("bulletin.notes"))
        sheet.hide_gridlines(2)
        sheet.set_column(0, 0, 110)
        sheet.write_string(0, 0, bulletin.title, title)
        for number, note in enumerate(bulletin.notes, 1):
            sheet.write_string(number, 0, note, soft)
            sheet.set_row(number, 32)
        sheet.set_paper(9)
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
    return data.getvalue()


def _width(table: Table, place: int) -> float:
    if table.columns[place].kind != "text":
        return 10.5
    texts: Sequence[str] = [str(row[place] or "") for row in (*table.rows, *((table.totals,) if table.totals else ()))]
    return min(34.0, max((sum(2.1 if ord(sign) > 0x2E80 else 1.1 for sign in text) for text in texts), default=8) + 2)
