"""What is wrong with a file, line by line: codes of the catalogue with their sentences and remedies."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

from gateway.outcomes import catalogue
from gateway.policy.facts import Language
from gateway.receipts import headline
from gateway.receipts.receipt import Receipt
from gateway.receipts.words import Words

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class CodeLine:
    """One line of what is wrong: `count` records with one code in one field. `error`: the records were returned;
    `warning`: they are passed on. Titles of fields, never values."""

    code: str
    field: str
    count: int
    sentence: str
    remedy: str
    severity: Severity = "error"


def code_lines(
    violations: Iterable[Sequence[str]], titles: Mapping[str, str], language: Language
) -> tuple[CodeLine, ...]:
    """The lines of a list of violations (rows of `row,field,code,severity,message`, no header): one per field and code,
    errors before warnings, most frequent first. `titles` maps a field's name to its title; a message never holds a
    value of the record, so the first message of a field and code is shown for all of them; where those of whole rows
    name several columns, none is."""
    counted: dict[tuple[str, str, str], tuple[int, str]] = {}
    several: set[str] = set()
    for _, field, code, severity, message in violations:
        count, first = counted.get((field, code, severity), (0, message))
        counted[field, code, severity] = count + 1, first
        if not field and message != first:
            several.add(code)
    known, words = catalogue(), Words(language)
    lines = []
    for (field, code, severity), (count, message) in counted.items():
        title = titles.get(field, field)
        general = {"title": title, "other": words("receipt.other_field"), "where": words("receipt.some_column")}
        if not field and code in several and code in known:
            message = known[code].sentence(language, general)
        remedy = known[code].remedy(language, general) if code in known else "–"
        lines.append(CodeLine(code, title, count, message, remedy, "warning" if severity == "warning" else "error"))
    return tuple(sorted(lines, key=_worst_first))


def _worst_first(line: CodeLine) -> tuple[str, int, str, str]:
    return line.severity, -line.count, line.code, line.field


def of_file(receipt: Receipt, language: Language) -> tuple[CodeLine, ...]:
    """Why the file as a whole was returned or waits: one line without a count; none for a duplicate, which has no
    fault."""
    if receipt.stage not in {"refused", "held"} or receipt.code == "220":
        return ()
    severity: Severity = "error" if receipt.stage == "refused" else "warning"
    reason, remedy = headline.reason(receipt, language), headline.remedy(receipt, language)
    return (CodeLine(receipt.code, "", 0, reason, remedy, severity),)


def of_records(receipt: Receipt, language: Language) -> tuple[CodeLine, ...]:
    """The codes of the receipt's records: errors before warnings, most frequent first. A receipt holds no fields, so a
    sentence about a field names none."""
    words, known, warnings = Words(language), catalogue(), _warnings()
    general = {
        "title": words("receipt.some_field"),
        "other": words("receipt.other_field"),
        "where": words("receipt.some_column"),
        **receipt.detail,
    }
    lines = [
        CodeLine(
            code,
            "",
            count,
            known[code].sentence(language, general) if code in known else "–",
            known[code].remedy(language, general) if code in known else "–",
            "warning" if code in warnings else "error",
        )
        for code, count in receipt.codes.items()
    ]
    return tuple(sorted(lines, key=_worst_first))


@cache
def _warnings() -> frozenset[str]:
    """The codes with which a record travels, by the catalogue's own table."""
    table = tomllib.loads(files("gateway").joinpath("codes.toml").read_text("utf-8"))
    return frozenset(code for code, row in table.items() if row.get("severity") == "warning")
