"""A year of the calendar for people to look at: month grids as data, and as one page that prints on A4.

Rest days and make-up workdays are marked by colour and by sign (休, 班), provisional days by a question mark, so that a
print in black and white says the same.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from html import escape

from gateway.deadlines.calendar import Calendar, DayKind, Standing

WEEKDAYS = {"zh": "一二三四五六日", "en": "MTWTFSS"}
SIGNS = {
    "zh": {DayKind.WORKDAY: "", DayKind.WEEKEND: "", DayKind.HOLIDAY: "休", DayKind.MAKEUP: "班"},
    "en": {DayKind.WORKDAY: "", DayKind.WEEKEND: "", DayKind.HOLIDAY: "R", DayKind.MAKEUP: "W"},
}
KINDS = {
    "zh": {
        DayKind.WORKDAY: "工作日",
        DayKind.WEEKEND: "周末",
        DayKind.HOLIDAY: "放假",
        DayKind.MAKEUP: "调休上班",
    },
    "en": {
        DayKind.WORKDAY: "working day",
        DayKind.WEEKEND: "weekend",
        DayKind.HOLIDAY: "announced rest day",
        DayKind.MAKEUP: "make-up workday",
    },
}
_WORDS = {
    "zh": {
        "title": "{year}年工作日历",
        "month": "{month}月",
        "working": "{count}个工作日",
        "total": "全年{count}个工作日",
        "edition": "版本",
        "provisional": "暂定（放假安排尚未公布或可能调整）",
        "settled": "已确定至 {day}",
        "unpublished": "尚未公布",
    },
    "en": {
        "title": "Working days {year}",
        "month": "Month {month}",
        "working": "{count} working days",
        "total": "{count} working days in the year",
        "edition": "Edition",
        "provisional": "provisional (not published yet, or may still be moved)",
        "settled": "settled through {day}",
        "unpublished": "not published yet",
    },
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One day of a grid."""

    day: date
    kind: DayKind
    status: Standing

    def sign(self, language: str) -> str:
        """What marks the day beside its colour."""
        return SIGNS[language][self.kind] + ("?" if self.status == "provisional" else "")


@dataclass(frozen=True, slots=True)
class Month:
    """Weeks from Monday to Sunday; None where the week reaches into another month."""

    year: int
    month: int
    weeks: tuple[tuple[Cell | None, ...], ...]

    @property
    def working_days(self) -> int:
        worked = (DayKind.WORKDAY, DayKind.MAKEUP)
        return sum(1 for week in self.weeks for cell in week if cell and cell.kind in worked)


def months(calendar: Calendar, year: int) -> tuple[Month, ...]:
    """The twelve months of `year`. Raises `OutsideCalendar`."""
    return tuple(_month(calendar, year, month) for month in range(1, 13))


def _month(calendar: Calendar, year: int, month: int) -> Month:
    first = date(year, month, 1)
    cells: list[Cell | None] = [None] * first.weekday()
    for offset in range(monthrange(year, month)[1]):
        day = first + timedelta(days=offset)
        cells.append(Cell(day, calendar.kind(day), calendar.status(day)))
    cells += [None] * (-len(cells) % 7)
    return Month(year, month, tuple(tuple(cells[i : i + 7]) for i in range(0, len(cells), 7)))


def heading(calendar: Calendar, year: int, language: str) -> tuple[str, str]:
    """Title, and the line below it: the number of working days, the edition, and how far it is settled."""
    words = _WORDS[language]
    total = sum(month.working_days for month in months(calendar, year))
    edition = next((e for e in calendar.in_force() if e.year == year), None)
    named = " ".join(filter(None, (edition.id, edition.document))) if edition else words["unpublished"]
    parts = (
        words["total"].format(count=total),
        f"{words['edition']} {named}",
        words["settled"].format(day=calendar.published_through),
    )
    return words["title"].format(year=year), " · ".join(parts)


def month_title(month: Month, language: str) -> str:
    words = _WORDS[language]
    return f"{words['month'].format(month=month.month)} · {words['working'].format(count=month.working_days)}"


def legend(language: str) -> tuple[tuple[DayKind | None, str, str], ...]:
    """Kind (None: provisional), sign and meaning."""
    shown = (DayKind.WORKDAY, DayKind.WEEKEND, DayKind.HOLIDAY, DayKind.MAKEUP)
    rows: list[tuple[DayKind | None, str, str]] = [
        (kind, SIGNS[language][kind], KINDS[language][kind]) for kind in shown
    ]
    return (*rows, (None, "?", _WORDS[language]["provisional"]))


def page(calendar: Calendar, year: int, language: str) -> str:
    """One HTML page, whole in itself. Raises `OutsideCalendar`."""
    title, line = heading(calendar, year, language)
    grids = "\n".join(_grid(month, language) for month in months(calendar, year))
    keys = "".join(
        f'<li><span class="d {kind.value if kind else "provisional"}">1<b>{escape(sign)}</b></span> {escape(text)}</li>'
        for kind, sign, text in legend(language)
    )
    return (
        f'<!DOCTYPE html>\n<html lang="{"zh-CN" if language == "zh" else "en"}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head>\n<body><h1>{escape(title)}</h1><p>{escape(line)}</p>\n"
        f"<main>\n{grids}\n</main>\n<ul>{keys}</ul></body></html>\n"
    )


def _grid(month: Month, language: str) -> str:
    head = "".join(f"<th scope='col'>{day}</th>" for day in WEEKDAYS[language])
    rows = "".join(f"<tr>{_row(week, language)}</tr>" for week in month.weeks)
    return f"<table><caption>{escape(month_title(month, language))}</caption><tr>{head}</tr>{rows}</table>"


def _row(week: Sequence[Cell | None], language: str) -> str:
    cells = []
    for cell in week:
        if cell is None:
            cells.append("<td></td>")
            continue
        style = f"d {cell.kind.value}" + (" provisional" if cell.status == "provisional" else "")
        words = f"{cell.day} {KINDS[language][cell.kind]}"
        cells.append(
            f'<td class="{style}" title="{escape(words)}">{cell.day.day}<b>{escape(cell.sign(language))}</b></td>'
        )
    return "".join(cells)


_STYLE = """
@page{size:A4;margin:12mm}
body{font:14px/1.4 "Noto Sans CJK SC","Microsoft YaHei",sans-serif;margin:1.5rem auto;max-width:62rem;color:#1b1f24;
background:#fff;padding:0 1rem}
h1{font-size:1.5rem;margin:0}p{margin:.2rem 0 1rem;color:#444}
main{display:grid;grid-template-columns:repeat(auto-fill,minmax(17rem,1fr));gap:1rem 1.4rem}
table{border-collapse:collapse;width:100%;table-layout:fixed;break-inside:avoid;align-self:start}
caption{text-align:left;font-weight:600;padding-bottom:.25rem}th{font-weight:400;color:#555;padding:.1rem}
td{text-align:center;height:1.9rem;padding:0}.d b{font-size:.68em;font-weight:600;vertical-align:super;margin-left:1px}
.weekend{color:#6b7280;background:#f1f3f5}.holiday{color:#9b1c1c;background:#fde8e8;font-weight:600}
.makeup{color:#fff;background:#1e4e8c;font-weight:600}.provisional{outline:1px dashed #8a6d00;outline-offset:-3px}
ul{list-style:none;display:flex;flex-wrap:wrap;gap:.4rem 1.6rem;padding:0;margin-top:1.2rem}
li .d{display:inline-block;min-width:2rem;text-align:center;padding:.15rem 0}
@media print{body{margin:0;max-width:none;font-size:11px}main{grid-template-columns:repeat(3,1fr);gap:.7rem 1rem}
td{height:1.45rem}*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
"""
