"""Words for people in both languages, and how numbers, days and periods are written.

The table is `words.toml`: every key has a Chinese and an English text with the same placeholders (a test holds this).
"""

from __future__ import annotations

import calendar
import re
import tomllib
import unicodedata
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from functools import cache
from importlib.resources import files
from typing import cast

from gateway.instants import SHANGHAI
from gateway.policy.facts import Language

_QUARTERS = "一二三四"


class Words:
    """The texts of one language. `KeyError` for a key that is not in the table, so that no page lacks a sentence
    unnoticed."""

    def __init__(self, language: Language) -> None:
        self.language: Language = language
        self.html_language = "zh-CN" if language == "zh" else "en"

    def __call__(self, key: str, **values: object) -> str:
        """The sentence of `key`, placeholders filled in."""
        return cast(str, table()[key][self.language]).format_map(values)

    def lines(self, key: str, **values: object) -> list[str]:
        """The numbered steps of `key`, placeholders filled in."""
        return [line.format_map(values) for line in table()[key][self.language]]

    def get(self, key: str, default: str) -> str:
        """The word of `key`, or `default` for a value the table does not know (an edition, a name)."""
        return self(key) if key in table() else default

    def period(self, period: str) -> str:
        """A period in words: `2026Q3` → 2026年第三季度, `2026-10`, `2026H1`, `2026`; empty: without a period."""
        if found := re.fullmatch(r"(\d{4})Q([1-4])", period):
            year, quarter = found[1], int(found[2])
            return f"{year}年第{_QUARTERS[quarter - 1]}季度" if self.language == "zh" else f"Q{quarter} {year}"
        if found := re.fullmatch(r"(\d{4})-(\d\d)", period):
            year, month = found[1], int(found[2])
            return f"{year}年{month}月" if self.language == "zh" else f"{calendar.month_name[month]} {year}"
        if found := re.fullmatch(r"(\d{4})H([12])", period):
            year, half = found[1], int(found[2])
            zh = f"{year}年{'上下'[half - 1]}半年"
            return zh if self.language == "zh" else f"{('first', 'second')[half - 1]} half of {year}"
        if re.fullmatch(r"\d{4}", period):
            return f"{period}年" if self.language == "zh" else period
        return period or self("period.none")

    def size(self, size: int) -> str:
        """Bytes as Windows shows them (1 KB = 1024 bytes), with the exact count."""
        exact = self("unit.bytes", count=f"{size:,}")
        for unit, factor in (("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10)):
            if size >= factor:
                return self("unit.size", short=f"{size / factor:.1f} {unit}", exact=exact)
        return exact

    def day(self, day: date) -> str:
        """A day as letters write it: `2026年11月1日`, `1 November 2026`."""
        if self.language == "zh":
            return f"{day.year}年{day.month}月{day.day}日"
        return f"{day.day} {calendar.month_name[day.month]} {day.year}"

    def until(self, day: date, expires_at: datetime) -> str:
        """A due date as people read it: the day itself is included, to 24:00, unless the rule says another hour."""
        end = expires_at.astimezone(SHANGHAI)
        if end == datetime.combine(day, time(), SHANGHAI) + timedelta(days=1):
            return self("due.day", date=day.isoformat())
        return self("due.hour", moment=moment(expires_at))


def moment(instant: datetime | None) -> str:
    """An instant in Shanghai time, to the minute: `2026-10-21 14:03`; nothing: an en dash."""
    return "–" if instant is None else instant.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")


def short_moment(instant: datetime | None) -> str:
    """An instant without its year, for tables of one period: `10-21 14:03`."""
    return moment(instant)[5:] if instant else "–"


def thousands(count: int) -> str:
    """`1234567` → `1,234,567`."""
    return f"{count:,}"


def share(part: int, whole: int) -> str:
    """A share in per cent with one decimal. A small share that is not nothing is never shown as zero, nor one that is
    nearly all as all."""
    if whole == 0 or part == 0:
        return "0"
    if part * 1000 < whole:
        return "<0.1%"
    if part < whole and part * 1000 >= whole * 999:
        return ">99.9%"
    return f"{100 * part / whole:.1f}%"


def change(records: int, previous: int) -> str:
    """A change in per cent against `previous`, which is not 0: `+12.3%`, `−4.0%`, `+1,235%`. A small change is never
    shown as zero."""
    if records == previous:
        return "0"
    sign, per_cent = "+" if records > previous else "−", 100 * abs(records - previous) / previous
    if per_cent < 0.1:
        return f"{sign}<0.1%"
    return f"{sign}{per_cent:,.0f}%" if per_cent >= 100 else f"{sign}{per_cent:.1f}%"


def area(code: str) -> str:
    """An area code without the levels that are zeros only: `440000` → `44`, `440100` → `4401`."""
    levels = (2, 4, 6, 9)
    return next((code[:end] for end in levels if not code[end:].strip("0")), code)


def groups(digest: str, width: int = 8) -> list[str]:
    """A digest cut into groups that the eye can compare."""
    return [digest[i : i + width] for i in range(0, len(digest), width)]


def plain(text: str) -> str:
    """A text from outside without control and direction marks, which could make one name look like another."""
    return "".join("\ufffd" if unicodedata.category(sign) in {"Cc", "Cf", "Cs", "Co"} else sign for sign in text)


@cache
def table() -> Mapping[str, Mapping[Language, str | list[str]]]:
    """`words.toml`, its sections flattened: `section.key` → language → text or lines."""
    raw = tomllib.loads(files("gateway.receipts").joinpath("words.toml").read_text("utf-8"))
    return {f"{section}.{key}": row for section, rows in raw.items() for key, row in rows.items()}
