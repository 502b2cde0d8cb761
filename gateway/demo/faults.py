"""Seeded faults with known truth: what is damaged here is known to be refused, because it was damaged here.

Nothing in this package asks `gateway.records` what it thinks; the two are compared, not derived from each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from random import Random
from typing import Literal, TypeAlias

from gateway.demo.people import FIELDS, INFLOW, Row, own_and_far, region_code
from gateway.demo.regions import CHECK_CHARACTERS, check_character, counties, provinces

Outcome: TypeAlias = Literal["accepted", "partly_refused", "refused", "nil", "duplicate"]


class RowFault(StrEnum):
    """What can be wrong with one record: that record is refused, and no other."""

    BAD_CHECKSUM = "bad-checksum"
    BIRTH_MISMATCH = "birth-mismatch"
    UNKNOWN_CODE = "unknown-code"
    UNKNOWN_REGION = "unknown-region"
    OWN_PROVINCE = "own-province"
    SAME_PROVINCE = "same-province"
    AWAY_TOO_SHORT = "away-too-short"
    AFTER_AS_OF = "after-as-of"
    MISSING_NAME = "missing-name"
    QUESTION_MARK = "question-mark"
    EXCEL_TAIL = "excel-tail"
    EXCEL_FLOAT = "excel-float"
    NO_SPOUSE_FLAG = "no-spouse-flag"
    NO_PARTNER = "no-partner"
    STRAY_QUOTE = "stray-quote"
    SHORT_ROW = "short-row"
    EXTRA_FIELD = "extra-field"


STRUCTURAL = frozenset({RowFault.STRAY_QUOTE, RowFault.SHORT_ROW, RowFault.EXTRA_FIELD})
"""Faults of the line, not of a value: they come about when it is written."""

ROW_CODES: Mapping[RowFault, str] = {
    RowFault.BAD_CHECKSUM: "421",
    RowFault.BIRTH_MISMATCH: "430",
    RowFault.UNKNOWN_CODE: "408",
    RowFault.UNKNOWN_REGION: "417",
    RowFault.OWN_PROVINCE: "501",
    RowFault.SAME_PROVINCE: "418",
    RowFault.AWAY_TOO_SHORT: "431",
    RowFault.AFTER_AS_OF: "432",
    RowFault.MISSING_NAME: "401",
    RowFault.QUESTION_MARK: "412",
    RowFault.EXCEL_TAIL: "426",
    RowFault.EXCEL_FLOAT: "427",
    RowFault.NO_SPOUSE_FLAG: "434",
    RowFault.NO_PARTNER: "416",
    RowFault.STRAY_QUOTE: "403",
    RowFault.SHORT_ROW: "401",
    RowFault.EXTRA_FIELD: "402",
}
"""The code (see the catalogue) that a record with this fault is refused with; there may be others beside it."""


class FileFault(StrEnum):
    """What can be wrong with a whole file, or special about it."""

    EMPTY = "empty"
    HEADER_ONLY = "header-only"
    WRONG_HEADER = "wrong-header"
    MISSING_COLUMN = "missing-column"
    EXTRA_COLUMN = "extra-column"
    UTF16 = "utf-16"
    UNKNOWN_ENCODING = "unknown-encoding"
    BINARY = "binary"
    WRONG_DATASET = "wrong-dataset"
    WRONG_PROVINCE = "wrong-province"
    NIL = "nil"
    NIL_HEADER = "nil-header"
    NIL_WITH_ROWS = "nil-with-rows"
    PERIOD_UNCLEAR = "period-unclear"
    PERIOD_AHEAD = "period-ahead"
    DUPLICATE = "duplicate"


FILE_CODES: Mapping[FileFault, frozenset[str]] = {
    FileFault.EMPTY: frozenset({"226"}),
    FileFault.HEADER_ONLY: frozenset({"226"}),
    FileFault.WRONG_HEADER: frozenset({"303", "306"}),
    FileFault.MISSING_COLUMN: frozenset({"306"}),
    FileFault.EXTRA_COLUMN: frozenset({"304"}),
    FileFault.UTF16: frozenset({"301", "302"}),
    FileFault.UNKNOWN_ENCODING: frozenset({"302"}),
    FileFault.BINARY: frozenset({"301", "302"}),
    FileFault.WRONG_DATASET: frozenset({"308"}),
    FileFault.WRONG_PROVINCE: frozenset({"229", "502"}),
    FileFault.NIL: frozenset({"102"}),
    FileFault.NIL_HEADER: frozenset({"102"}),
    FileFault.NIL_WITH_ROWS: frozenset({"227"}),
    FileFault.PERIOD_UNCLEAR: frozenset({"223"}),
    FileFault.PERIOD_AHEAD: frozenset({"228"}),
    FileFault.DUPLICATE: frozenset({"220"}),
}
"""The code of the whole file: one of these."""


def outcome_of(fault: FileFault) -> Outcome:
    """What becomes of a file with that fault."""
    if fault in (FileFault.NIL, FileFault.NIL_HEADER):
        return "nil"
    return "duplicate" if fault is FileFault.DUPLICATE else "refused"


@dataclass(frozen=True, slots=True)
class Truth:
    """What must come of one file. `codes`: the file's code is one of these; `accepted`: records per receiving province,
    in the file's order; `refused`: number of the data row, from 1, and its fault. Both empty for a file that is refused
    as a whole, or holds nothing new."""

    outcome: Outcome
    codes: frozenset[str]
    accepted: Mapping[str, list[Row]] = field(default_factory=dict)
    refused: Mapping[int, RowFault] = field(default_factory=dict)

    @property
    def accepted_rows(self) -> int:
        return sum(map(len, self.accepted.values()))


def _put(row: Row, **values: str) -> Row:
    return tuple(values.get(name, text) for name, text in zip(FIELDS, row, strict=True))


def _value(row: Row, name: str) -> str:
    return row[FIELDS.index(name)]


def _other_check(row: Row, throw: Random) -> Row:
    number = _value(row, "id_number")
    # 000 at the end would be the other fault, the spreadsheet's.
    wrong = throw.choice([c for c in CHECK_CHARACTERS if c != number[17] and not (c == "0" and number[14:17] == "000")])
    return _put(row, id_number=number[:17] + wrong)


def _excel_tail(row: Row) -> Row:
    """Fifteen digits survive in a number; the sequence part becomes 000 if it was not, so the person is female."""
    number = _value(row, "id_number")
    homes = (number[:6], *(code for code, _ in counties().at_birth(number[:2], int(number[6:10]))))
    # Where the true end is 000 nothing would be lost: then the number is of another county.
    stem = next(home + number[6:14] for home in homes if check_character(f"{home}{number[6:14]}000") != "0")
    return _put(row, id_number=f"{stem}0000", sex="2")


def _day(text: str, shift: int) -> str:
    return f"{date.fromisoformat(text) + timedelta(days=shift):%Y%m%d}"


def damage(fault: RowFault, row: Row, agreement: str, as_of: date, throw: Random) -> Row:
    """The record with that fault. Structural faults leave the values alone but for commas and quotation marks."""
    own, far = own_and_far(agreement)
    elsewhere = [p.code for p in provinces() if p.code not in (row[own][:2], row[far][:2])]
    match fault:
        case RowFault.BAD_CHECKSUM:
            return _other_check(row, throw)
        case RowFault.BIRTH_MISMATCH:
            return _put(row, birth_date=_day(_value(row, "birth_date"), -throw.randint(1, 300)))
        case RowFault.UNKNOWN_CODE:
            name, code = throw.choice(
                (("education", "55"), ("sex", "3"), ("household_type", "7"), ("migration_reason", "8"))
            )
            return _put(row, **{name: code})
        case RowFault.UNKNOWN_REGION:
            digits = next(c for c in (f"{row[far][:2]}{n}" for n in range(9998, 0, -1)) if c not in counties().known)
            # The Corps' own list is not known to anybody here: beside it only the shape could be judged.
            digits = digits if digits[:2] != "66" else "449998" if row[own][:2] != "44" else "339998"
            return _put(row, **{FIELDS[far]: digits + "001001"})
        case RowFault.OWN_PROVINCE:
            return _put(row, **{FIELDS[own]: region_code(throw.choice(elsewhere), throw.random())})
        case RowFault.SAME_PROVINCE:
            return _put(row, **{FIELDS[far]: region_code(row[own][:2], throw.random())})
        case RowFault.NO_PARTNER:
            return _put(row, **{FIELDS[far]: throw.choice(("710000000000", "710000000000", "810000000000"))})
        case RowFault.AWAY_TOO_SHORT:
            return _put(
                row, migration_date=f"{as_of - timedelta(days=throw.choice((1, 15, 29))):%Y%m%d}", return_date=""
            )
        case RowFault.AFTER_AS_OF:
            return _put(
                row, migration_date=f"{as_of + timedelta(days=throw.choice((1, 2, 20))):%Y%m%d}", return_date=""
            )
        case RowFault.MISSING_NAME:
            return _put(row, name="")
        case RowFault.QUESTION_MARK:
            return _put(row, name=throw.choice(("测试?", "?例甲", "示例?乙")))
        case RowFault.EXCEL_TAIL:
            return _excel_tail(row)
        case RowFault.EXCEL_FLOAT:
            return _put(row, id_number="1.10101E+17")
        case RowFault.NO_SPOUSE_FLAG:
            return _put(row, marital_status="21", spouse_accompanying="")
        case RowFault.STRAY_QUOTE | RowFault.SHORT_ROW | RowFault.EXTRA_FIELD:
            if fault is RowFault.SHORT_ROW:
                # Half of it lacks required cells, and breaks no rule between those that are left.
                row = _put(row, marital_status="10", spouse_accompanying="")
            return tuple(text.replace('"', "").replace(",", "") for text in row)


def broken_line(fault: RowFault, cells: list[str], name_at: int) -> str:
    """The line of a record with a structural fault, without its end. No cell needs quoting: `damage` saw to that."""
    match fault:
        case RowFault.STRAY_QUOTE:
            # At the start of a cell, where a careless reader takes the rest of the file for its content.
            return ",".join([*cells[:name_at], '"' + cells[name_at], *cells[name_at + 1 :]])
        case RowFault.SHORT_ROW:
            return ",".join(cells[: len(cells) // 2])
        case _:
            return ",".join([*cells, "多余"])


def label(agreement: str) -> str:
    """The agreement's Chinese label, as the demo's files are named."""
    return "跨省流入人口个案" if agreement == INFLOW else "跨省流出人口个案"
