"""A schema and its circumstances as arrays: the rules are data to the kernel, so that a new code list, region table or
schema needs no compilation.

A schema that the tables cannot express (a code list with long codes, a rule over other kinds of fields) is left to the
plain engine as a whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from gateway.records import cells, idnumber, regions
from gateway.records.cells import Circumstances
from gateway.records.kernel import layout
from gateway.records.kernel.charactertables import characters
from gateway.records.kernel.memory import BYTE, LONG, SHORT, WORD, Array, array, filled
from gateway.records.quality import MISSING
from gateway.records.readers.no_records import PASSABLE
from gateway.records.schema import Field, Schema
from gateway.records.violations import DIMENSIONS, errors, meanings

TEXT, CODES, DATE, REGION, ID = range(5)
OWN, FAR = 1, 2
PLACES: Final = 6
"""Bits of a problem's number that hold the code; the field stands above them."""

CODE = (
    cells.REQUIRED, cells.TOO_LONG, cells.NOT_IN_LIST, cells.FLOAT, cells.DATE_FORM, cells.NO_SUCH_DAY,
    cells.UNKNOWN_CHARACTER, cells.FORMULA, cells.REGION_FORM, cells.NOT_FULL, cells.NO_PROVINCE, cells.NO_PARTNER,
    cells.NO_COUNTY, cells.NOT_OWN, cells.TOO_SOON, cells.AFTER_AS_OF, cells.LONG, cells.COUNTY_ONLY,
    cells.PROVINCE_ONLY, cells.COUNTY_ABOLISHED, cells.PRIVATE, cells.DOT, idnumber.LENGTH, idnumber.CHECKSUM,
    idnumber.BIRTH, idnumber.REGION, idnumber.LEGACY, idnumber.TAIL, idnumber.FLOAT, idnumber.FOREIGNER,
    idnumber.CORPS_CODE, idnumber.LOWER_X, idnumber.ABOLISHED, idnumber.SUSPECT_TAIL, idnumber.TOO_OLD,
)  # fmt: skip
"""The codes of single cells, in the order of the constants in `judging`; codes of rules and warnings come behind."""

RULE_KINDS = ("different-province", "birth-date-of-id", "sex-of-id", "not-before", "required-when")
_RULE_FIELDS: Mapping[str, tuple[frozenset[int], frozenset[int]]] = {
    "different-province": (frozenset((REGION,)), frozenset((REGION,))),
    "birth-date-of-id": (frozenset((DATE,)), frozenset((ID,))),
    "sex-of-id": (frozenset((CODES,)), frozenset((ID,))),
    "not-before": (frozenset((DATE,)), frozenset((DATE,))),
    "required-when": (frozenset(range(5)), frozenset((CODES,))),
}
LONGEST_CODE = 7


@dataclass(frozen=True, slots=True)
class Tables:
    """Everything the kernel needs to know of a schema. `markers`: what lines that are no records begin with, as bytes
    of the file; `codes`: what the places of codes stand for; by code, `dimension` and `missing` as in `layout.Lists`;
    `rules_running`: how many rules are applied."""

    rules: layout.Rules
    circumstances: layout.Circumstances
    alphabet: layout.Alphabet
    markers: tuple[bytes, ...]
    codes: tuple[str, ...]
    dimension: Array
    missing: Array
    rules_running: int


def pack(code: bytes) -> int:
    """A short code as one number: its bytes, and above them its length."""
    return len(code) << 56 | int.from_bytes(code, "little")


def slot(key: int, bits: int) -> int:
    """Where a key is looked for first in a table of 2^bits places."""
    return (key * 0x9E3779B97F4A7C15 & (1 << 64) - 1) >> (64 - bits)


def build(schema: Schema, circumstances: Circumstances, encoding: str = "gb18030") -> Tables | None:
    """The tables of a schema for files of one encoding; None where they cannot say all of it."""
    known = [*CODE]
    for code in (
        *(code for field in schema.fields for code in field.warn.values()),
        *(code for rule in schema.rules for code in (rule.code, rule.otherwise) if code),
    ):
        if code not in known:
            known.append(code)
    kinds = [_kind(field) for field in schema.fields]
    if len(known) >= (1 << PLACES) - 1 or len(schema.fields) >= 1 << (16 - PLACES) or not _sayable(schema, kinds):
        return None
    slots, keys, warns = _code_tables(schema, known)
    rules, values = _rules(schema, known)
    meaning, refuse = meanings(), errors()
    characters_known = characters(circumstances.repertoire)
    as_of = circumstances.as_of
    return Tables(
        rules=layout.Rules(
            field_count=len(schema.fields),
            rule_count=len(schema.rules),
            errors=sum(1 << place for place, code in enumerate(known) if code in refuse),
            fields=_fields(schema, kinds, as_of),
            slots=slots,
            keys=keys,
            warns=warns,
            rules=rules,
            values=values,
        ),
        circumstances=layout.Circumstances(
            first=int(circumstances.own.ljust(12, "0")),
            last=int(circumstances.own.ljust(12, "9")),
            as_of=int(as_of.strftime("%Y%m%d")) if as_of else 0,
            county=_counties(circumstances.regions),
            province=_provinces(circumstances.regions),
        ),
        alphabet=layout.Alphabet(
            encoding == "gb18030", characters_known.info, characters_known.two, characters_known.four
        ),
        markers=tuple(marker.encode(encoding) for marker in PASSABLE),
        codes=tuple(known),
        dimension=filled(LONG, [DIMENSIONS.index(meaning[code].dimension) for code in known]),
        missing=filled(LONG, [code in MISSING for code in known]),
        rules_running=_count(schema, circumstances),
    )


def _fields(schema: Schema, kinds: list[int], as_of: date | None) -> Array:
    words: list[int] = []
    for field, kind in zip(schema.fields, kinds, strict=True):
        latest = mature = 99991231
        if as_of and field.not_after_as_of:
            latest = mature = int(as_of.strftime("%Y%m%d"))
        if as_of and field.minimum_days:
            mature = int((as_of - timedelta(days=field.minimum_days)).strftime("%Y%m%d"))
        limit = field.byte_limit or 1 << 30
        side = {"own": OWN, "far": FAR}.get(field.region or "", 0)
        words += layout.Field(
            kind, field.required, limit, field.byte_warning or limit, field.person_name, side, latest, mature
        )
    return filled(LONG, words)


def _count(schema: Schema, circumstances: Circumstances) -> int:
    """How many rules are applied: each check of each field, and each rule between fields."""
    total = len(schema.rules)
    for field in schema.fields:
        total += field.required + bool(field.byte_limit) + bool(field.byte_warning) + bool(field.codes)
        total += len(field.warn) + (field.type == "date") + 5 * field.id_number
        total += {"own": 5 + bool(circumstances.own), "far": 6}.get(field.region or "", 0)
        if circumstances.as_of:
            total += field.not_after_as_of + bool(field.minimum_days)
        if _kind(field) == TEXT:
            total += 2 + field.person_name
    return total


def _kind(field: Field) -> int:
    if field.id_number:
        return ID
    if field.region:
        return REGION
    if field.codes:
        return CODES
    return DATE if field.type == "date" else TEXT


def _sayable(schema: Schema, kinds: list[int]) -> bool:
    for field in schema.fields:
        if any(not code.isascii() or not 0 < len(code) <= LONGEST_CODE for code in (*field.codes, *field.warn)):
            return False
        if field.type == "integer" or field.unique or field.region == "elsewhere":
            return False
        if field.year_only or (field.warn and not field.codes):
            return False
    for rule in schema.rules:
        first, second = (schema.index(name) for name in rule.fields)
        allowed = _RULE_FIELDS[rule.rule]
        if first is None or second is None or kinds[first] not in allowed[0] or kinds[second] not in allowed[1]:
            return False
        if any(not value.isascii() or not 0 < len(value) <= LONGEST_CODE for value in rule.values):
            return False
    return True


def _code_tables(schema: Schema, known: list[str]) -> tuple[Array, Array, Array]:
    """`slots`, `keys` and `warns` of `layout.Rules`: open addressing, one table per field; a place that holds 0 is
    empty."""
    slots: list[int] = []
    keys: list[int] = []
    warns: list[int] = []
    for field in schema.fields:
        bits = max(2, (2 * len(field.codes)).bit_length()) if field.codes else 1
        table, said = [0] * (1 << bits), [-1] * (1 << bits)
        for code in field.codes:
            key = pack(code.encode())
            at = slot(key, bits)
            while table[at]:
                at = (at + 1) & ((1 << bits) - 1)
            table[at] = key
            said[at] = known.index(field.warn[code]) if code in field.warn else -1
        slots += len(keys), bits
        keys += table
        warns += said
    return filled(LONG, slots), filled(WORD, keys), filled(LONG, warns)


def _rules(schema: Schema, known: list[str]) -> tuple[Array, Array]:
    rules: list[int] = []
    values: list[int] = [0]
    for rule in schema.rules:
        first, second = (schema.index(name) or 0 for name in rule.fields)
        otherwise = known.index(rule.otherwise) if rule.otherwise else -1
        code = known.index(rule.code)
        rules += layout.Rule(RULE_KINDS.index(rule.rule), first, second, code, otherwise, len(values))
        values += [len(rule.values), *(pack(value.encode()) for value in sorted(rule.values))]
    return filled(LONG, rules), filled(WORD, values)


_known_counties: list[tuple[regions.Regions, Array]] = []


def _counties(known: regions.Regions) -> Array:
    if not _known_counties or _known_counties[0][0] is not known:
        table = array(SHORT, 1_000_000)
        for code, last in known.last_year.items():
            table[int(code)] = last
        _known_counties[:] = [(known, table)]
    return _known_counties[0][1]


def _provinces(known: regions.Regions) -> Array:
    table = array(BYTE, 100)
    for code in known.partners:
        table[int(code)] = 1
    for code in known.strangers:
        table[int(code)] = 2
    return table
