"""Rules about one cell: required, length, code list, date, region code, ID number.

Every judge returns None (no code, the value stays) or the value in canonical form and its codes. Canonical: dates
as YYYYMMDD, the X of an ID number in upper case; everything else as it came, without white space around it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

from gateway.records.idnumber import SCIENTIFIC, IdNumbers
from gateway.records.memo import Memo
from gateway.records.readers.quoting import BREAK
from gateway.records.regions import CORPS, Regions
from gateway.records.schema import Field, Schema
from gateway.records.text import PRIVATE_USE, Repertoire

Verdict = tuple[str, tuple[str, ...]] | None
Judge = Callable[[str], Verdict]

REQUIRED, TOO_LONG, NOT_IN_LIST, FLOAT, DATE_FORM, NO_SUCH_DAY, UNKNOWN_CHARACTER, FORMULA = (
    "401", "407", "408", "409", "410", "411", "412", "436",
)  # fmt: skip
LINE_BREAK = "437"
WHOLE_NUMBER = "468"
REGION_FORM, NOT_FULL, NO_PROVINCE, NO_PARTNER, NO_COUNTY, NOT_OWN = "413", "414", "415", "416", "417", "501"
OWN_AREA = "504"
TOO_SOON, AFTER_AS_OF = "431", "432"
LONG, COUNTY_ONLY, PROVINCE_ONLY, COUNTY_ABOLISHED, PRIVATE, DOT = "451", "452", "453", "454", "461", "464"

UNKNOWN = re.compile(f"[?？□■\ufffd\\[\\]［］【】\u2ff0-\u2fff{PRIVATE_USE}]")
_PRIVATE = re.compile(f"[{PRIVATE_USE}]")
OTHER_DOTS = re.compile("[\u30fb\u2022\u2027\uff0e\u2219\u22c5\uff65]")
_FORMULA_START = ("=", "+", "-", "@")


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What cells are judged against. `sender` is a province's two digits, `area` the digits that the sender's own codes
    begin with, where it is no whole province. Without both, or without `as_of`, the rules that need them are left out.
    """

    regions: Regions
    repertoire: Repertoire
    sender: str | None
    as_of: date | None
    area: str = ""

    @property
    def own(self) -> str:
        """What every code of the sender's own area begins with, at its own depth; empty where it is not known."""
        return self.area or self.sender or ""


def judges(schema: Schema, circumstances: Circumstances) -> list[Memo[Verdict]]:
    """One memoised judge per field, in the schema's order. Values that hardly repeat are not kept."""
    return [_judge(field, circumstances) for field in schema.fields]


def _judge(field: Field, circumstances: Circumstances) -> Memo[Verdict]:
    if field.id_number:
        numbers = IdNumbers(circumstances.regions, circumstances.as_of)
        return Memo(_or_empty(field, lambda value: _unless_plain(value, *numbers.judge(value))), 0)
    if field.region:
        return Memo(_or_empty(field, lambda value: _region(value, field, circumstances)), 100_000)
    if field.codes:
        return Memo(_or_empty(field, lambda value: _code(value, field)), 1_000)
    if field.type == "date":
        return Memo(_or_empty(field, _dates(field, circumstances.as_of)), 60_000)
    if field.type == "integer":
        return Memo(_or_empty(field, _whole_number), 10_000)
    return Memo(_or_empty(field, _texts(field, circumstances.repertoire)), 0)


def _or_empty(field: Field, judge: Judge) -> Judge:
    empty: Verdict = ("", (REQUIRED,)) if field.required else None

    def judge_it(value: str) -> Verdict:
        """A line break inside explains whatever else is wrong with a cell, and no list or sheet of ours holds one."""
        if not value:
            return empty
        return (value, (LINE_BREAK,)) if BREAK in value else judge(value)

    return judge_it


def _unless_plain(before: str, value: str, codes: tuple[str, ...]) -> Verdict:
    return (value, codes) if codes or value != before else None


def _code(value: str, field: Field) -> Verdict:
    if value in field.codes:
        return (value, (field.warn[value],)) if value in field.warn else None
    return value, (FLOAT if SCIENTIFIC.fullmatch(value) else NOT_IN_LIST,)


def _whole_number(value: str) -> Verdict:
    """Digits alone, no more than fifteen: no sign, no point, no thousands. Canonical without leading zeros."""
    if not value.isascii() or not value.isdigit() or len(value) > 15:
        return value, (FLOAT if SCIENTIFIC.fullmatch(value) else WHOLE_NUMBER,)
    plain = str(int(value))
    return None if plain == value else (plain, ())


def _dates(field: Field, as_of: date | None) -> Judge:
    latest = as_of.strftime("%Y%m%d") if as_of and field.not_after_as_of else "99991231"
    mature, year_only = latest, field.year_only
    if as_of and field.minimum_days:
        mature = (as_of - timedelta(days=field.minimum_days)).strftime("%Y%m%d")

    def judge(value: str) -> Verdict:
        """A date as YYYYMMDD or YYYY-MM-DD, or a year where the field allows it."""
        text = value
        if year_only and len(value) == 4 and value.isascii() and value.isdigit():
            code = NO_SUCH_DAY if value == "0000" else AFTER_AS_OF if value > latest[:4] else None
            return (value, (code,)) if code else None
        if len(value) == 10 and value[4] == value[7] == "-":
            text = value[:4] + value[5:7] + value[8:]
        if len(text) != 8 or not text.isascii() or not text.isdigit():
            return value, (FLOAT if SCIENTIFIC.fullmatch(value) else DATE_FORM,)
        try:
            date(int(text[:4]), int(text[4:6]), int(text[6:]))
        except ValueError:
            return value, (NO_SUCH_DAY,)
        if text > latest:
            return text, (AFTER_AS_OF,)
        if text > mature:
            return text, (TOO_SOON,)
        return None if text == value else (text, ())

    return judge


def _texts(field: Field, repertoire: Repertoire) -> Judge:
    limit = field.byte_limit or 1 << 30
    warning = field.byte_warning or limit
    # No character takes more than four bytes: up to here nothing need be encoded to be measured.
    surely_short = warning // 4

    def judge(value: str) -> Verdict:
        """A text: no formula, no character that is to be put right, not too long."""
        if len(value) <= surely_short and value.isalnum():
            return None
        codes = []
        if value.startswith(_FORMULA_START):
            codes.append(FORMULA)
        if not field.person_name:
            if _PRIVATE.search(value):
                codes.append(PRIVATE)
        elif UNKNOWN.search(value):
            codes.append(UNKNOWN_CHARACTER)
        elif OTHER_DOTS.search(value):
            codes.append(DOT)
        if len(value) > surely_short:
            length = repertoire.length(value)
            if length > limit:
                codes.append(TOO_LONG)
            elif length > warning:
                codes.append(LONG)
        return (value, tuple(codes)) if codes else None

    return judge


def _region(value: str, field: Field, circumstances: Circumstances) -> Verdict:
    """A code of 12 digits: province 2, prefecture 2, county 2 (GB/T 2260), township 3, village 3."""
    if len(value) != 12 or not value.isascii() or not value.isdigit():
        return value, (FLOAT if SCIENTIFIC.fullmatch(value) else REGION_FORM,)
    regions, province, county = circumstances.regions, value[:2], value[:6]
    if province in regions.strangers:
        return value, (NO_PARTNER,)
    if province not in regions.partners:
        return value, (NO_PROVINCE,)
    codes = []
    own = circumstances.own
    if field.region == "own" and own and not value.startswith(own):
        codes.append(NOT_OWN)
    if field.region == "elsewhere" and own and value.startswith(own):
        codes.append(OWN_AREA)
    whole_province = value.endswith("0000000000")
    listed = province != CORPS and not whole_province
    if listed and not regions.known(county):
        codes.append(NO_COUNTY)
    elif value.endswith("000000"):
        codes.append(NOT_FULL if field.region == "own" else PROVINCE_ONLY if whole_province else COUNTY_ONLY)
    as_of = circumstances.as_of
    if as_of is not None and listed and NO_COUNTY not in codes and regions.abolished_before(county, as_of.year):
        codes.append(COUNTY_ABOLISHED)
    return (value, tuple(codes)) if codes else None
