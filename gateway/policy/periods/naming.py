"""What a file's name says: the period and the kind of submission. A name is never guessed at.

Liaisons write names by hand, so full-width digits, Chinese numerals, spaces, dashes of any width and brackets are all
read. A date counts only if it is an as-of date; any other date (of an export, say) is passed over. Two different
periods, or two different kinds, are a result of their own: unclear.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal, NamedTuple, TypeAlias

from gateway.parcels import Kind
from gateway.policy.periods.span import PER_YEAR, Period, Rhythm, for_rhythm

Reason: TypeAlias = Literal["", "absent", "ambiguous", "other-rhythm"]

_HANZI: Final = str.maketrans("〇零○一二三四五六七八九", "000123456789")
_YEAR_IN_HANZI = re.compile(r"[〇零○一二三四五六七八九]{4}(?=年)")
_DASHES: Final = str.maketrans(dict.fromkeys("‐‑‒–—―−─－﹣_", "-"))
_NUMERAL: Final = {"一": 1, "二": 2, "三": 3, "四": 4}

# In this order, and what one pattern has read the next does not see: `2026-10-12` is a day before it is a month, and
# `2026年第三季度` a quarter before it is a year. `y` is absent where a name says no more than 三季度.
_YEAR: Final = r"(?:(?<![0-9])(?P<y>[0-9]{4}|[0-9]{2}(?=年))\s*(?:年度?)?[-.\s]*)"
_PATTERNS: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    ("day", re.compile(r"(?<![0-9])(?P<y>[0-9]{4})(?P<m>[0-9]{2})(?P<d>[0-9]{2})(?![0-9])")),
    (
        "day",
        re.compile(
            r"(?<![0-9])(?P<y>[0-9]{4})(?P<s>[-.年])(?P<m>[0-9]{1,2})(?:(?P=s)|月)(?P<d>[0-9]{1,2})(?![0-9])日?"
        ),
    ),
    ("quarterly", re.compile(_YEAR + r"?(?:第\s*)?(?P<n>[1-4一二三四])\s*季(?:度|报)?")),
    ("quarterly", re.compile(_YEAR + r"?(?<![A-Za-z])[Qq](?P<n>[1-4])(?![0-9A-Za-z])")),
    ("half-yearly", re.compile(_YEAR + r"?(?P<n>[上下])半年(?:度|报)?")),
    ("half-yearly", re.compile(_YEAR + r"(?<![A-Za-z])[Hh](?P<n>[12])(?![0-9A-Za-z])")),
    (
        "monthly",
        re.compile(r"(?<![0-9])(?P<y>[0-9]{4}|[0-9]{2}(?=年))年\s*(?P<n>1[0-2]|0?[1-9])月(?:份|报)?(?!\s*[0-9]+日)"),
    ),
    ("monthly", re.compile(r"(?<![0-9])(?P<y>20[0-9]{2})[-.](?P<n>1[0-2]|0[1-9])(?![0-9]|[-.][0-9])")),
    ("monthly", re.compile(r"(?<![0-9])(?P<y>20[0-9]{2})(?P<n>1[0-2]|0[1-9])(?![0-9])")),
    ("yearly", re.compile(r"(?<![0-9])(?P<y>[0-9]{4})(?:年度?|全年)+")),
    ("bare-year", re.compile(r"(?<![0-9])(?P<y>20[0-9]{2})(?![0-9条人户份个笔])")),
)


@dataclass(frozen=True, slots=True)
class NamedPeriod:
    """The period a name gives, or why it gives none; exactly one of the two is set.

    `absent`: no period in it. `ambiguous`: two different ones. `other-rhythm`: a month where a quarter is due.
    """

    period: Period | None
    reason: Reason = ""


class NamedKind(NamedTuple):
    """`kind` is None where a name contradicts itself (更正 and 零报告, 第4份共3份). `part` of `of`, from 1, or None.

    A correction or a supplement may come in parts; the kind is then `replace` or `supplement`, with `part` and `of`.
    """

    kind: Kind | None
    part: int | None = None
    of: int | None = None


def read_period(name: str, rhythm: Rhythm, day: date | None = None) -> NamedPeriod:
    """Read `2026Q3`, `2026年第三季度`, `三季度` (the last one ended at `day`; unread without a day), `20260930` (only
    as an as-of date of this rhythm), `2026年10月`, `2026上半年`, in any width of digit.

    A bare `三季度` beside a year or a date that says otherwise (an old file dropped again) is ambiguous.

    >>> read_period("流入-2026年第三季度-更正.csv", "quarterly").period
    Period(rhythm='quarterly', year=2026, number=3)
    """
    mentions = list(_mentions(_plain(name), rhythm))
    own = [m for m in mentions if m.rhythm == rhythm]
    named_years = {m.year for m in mentions if m.rhythm == "yearly" and m.year}
    found: set[Period] = set()
    for mention in own:
        if mention.year is not None:
            found.add(Period(rhythm, mention.year, mention.number))
        elif len(named_years) == 1:  # "2025年跨省流入-三季度": the year stands elsewhere in the name
            found.update(Period(rhythm, year, mention.number) for year in named_years)
        elif day is not None:
            dates = [day, *(m.day for m in mentions if m.day)]
            found.update(_last_ended(rhythm, mention.number, each) for each in dates)
    years = {m.year for m in mentions if m.year and m.rhythm not in (rhythm, "date")}
    relative = any(m.year is None for m in own)
    if len(found) == 1:
        (period,) = found
        said = years if relative else named_years
        if rhythm != "yearly" and said - {period.year}:
            return NamedPeriod(None, "ambiguous")
        return NamedPeriod(period)
    if found:
        return NamedPeriod(None, "ambiguous")
    others = any(m.rhythm in PER_YEAR and m.rhythm not in (rhythm, "yearly") for m in mentions)
    return NamedPeriod(None, "other-rhythm" if others else "absent")


_MARKERS: Final = {
    "更正": Kind.REPLACE,
    "补报": Kind.SUPPLEMENT,
    "零报告": Kind.NIL,
    "撤回": Kind.VOID,
}
WITHOUT_RECORDS: Final = (Kind.NIL, Kind.VOID)
"""Kinds whose name says all there is: no records are to come."""
_NUMBER: Final = r"([0-9]{1,4}|[一二两三四五六七八九十百]{1,7})"
_PART = re.compile(rf"第\s*{_NUMBER}\s*份[-\s(,、/]*(?:共|/)\s*{_NUMBER}\s*份")


def kind_from_name(name: str) -> NamedKind:
    """Read `-更正`, `-补报`, `-零报告`, `-撤回`, `-第1份共3份`; any dash or none, Chinese numerals; else `new`."""
    plain = _plain(name)
    kinds = {kind for marker, kind in _MARKERS.items() if marker in plain}
    parts = {(_number(a), _number(b)) for a, b in _PART.findall(plain)}
    if len(kinds) > 1 or len(parts) > 1:
        return NamedKind(None)
    kind = next(iter(kinds), None)
    if not parts:
        return NamedKind(kind or Kind.NEW)
    ((part, of),) = parts
    if not 1 <= part <= of or kind in (Kind.NIL, Kind.VOID):
        return NamedKind(None)
    return NamedKind(kind or Kind.PART, part, of)


@dataclass(frozen=True, slots=True)
class _Mention:
    """`rhythm` is a rhythm, or `date` for a `day` that is no as-of date."""

    rhythm: str
    year: int | None
    number: int = 1
    day: date | None = None


def _plain(name: str) -> str:
    """Full-width forms made narrow, every dash and underscore `-`, a year in Chinese digits in Arabic ones."""
    narrow = unicodedata.normalize("NFKC", name).translate(_DASHES)
    return _YEAR_IN_HANZI.sub(lambda found: found[0].translate(_HANZI), narrow)


def _mentions(text: str, rhythm: Rhythm) -> Iterator[_Mention]:
    for sort, pattern in _PATTERNS:
        for found in pattern.finditer(text):
            mention = _dated(found, rhythm) if sort == "day" else _named(sort, found, rhythm)
            if mention:
                yield mention
        text = pattern.sub(lambda found: "\x00" * len(found[0]), text)


def _dated(found: re.Match[str], rhythm: Rhythm) -> _Mention | None:
    """A date counts as the period whose last day it is; any other date only dates a bare 三季度."""
    try:
        day = date(int(found["y"]), int(found["m"]), int(found["d"]))
        period = Period.containing(rhythm, day)
    except ValueError:
        return None
    return _Mention(rhythm, period.year, period.number) if period.end == day else _Mention("date", day.year, day=day)


def _named(sort: str, found: re.Match[str], rhythm: Rhythm) -> _Mention | None:
    groups = found.groupdict()
    year = int(groups["y"]) if groups.get("y") else None
    if year is not None and year < 100:
        year += 2000
    if year is not None and not 1900 <= year <= 2199:
        return None
    if sort == "bare-year":  # "三季度-2000条": four digits alone are a year only where a year is due
        return _Mention("yearly", year) if rhythm == "yearly" else None
    number = groups.get("n")
    if number is None:
        return _Mention(sort, year)
    if number in "上下":
        return _Mention(sort, year, 1 if number == "上" else 2)
    return _Mention(sort, year, _NUMERAL.get(number) or int(number))


def _last_ended(rhythm: Rhythm, number: int, day: date) -> Period:
    period = for_rhythm(rhythm, day)
    while period.number != number:
        period = period.previous()
    return period


def _number(text: str) -> int:
    """An Arabic or Chinese numeral below 1000; 0 where it is neither, which no part number is."""
    if text.isascii():
        return int(text)
    total, digit = 0, 0
    for sign in text.replace("两", "二"):
        unit = {"十": 10, "百": 100}.get(sign)
        if unit:
            total += (digit or 1) * unit
            digit = 0
        elif digit:
            return 0
        else:
            digit = int(sign.translate(_HANZI))
    return total + digit
