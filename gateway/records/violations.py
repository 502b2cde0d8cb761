"""What a code of the bands 4xx and 5xx means for a record: severity and quality dimension, from the catalogue; and the
sentence a person reads, filled with titles and limits, never with a value of the record.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Literal

from gateway.outcomes import catalogue, table
from gateway.records.schema import Schema

Severity = Literal["error", "warning"]
Dimension = Literal["completeness", "conformity", "consistency", "plausibility"]
DIMENSIONS: tuple[Dimension, ...] = ("completeness", "conformity", "consistency", "plausibility")
"""完整性 规范性 逻辑性 合理性."""

WHERE = {"zh": "{columns} 列", "en": "column {columns}"}
WHOLE_ROW = -1
Problem = tuple[int, str]
"""Index of the field in the schema (`WHOLE_ROW`: the line itself) and the code."""


@dataclass(frozen=True, slots=True)
class Meaning:
    severity: Severity
    dimension: Dimension


@cache
def meanings() -> dict[str, Meaning]:
    """Every code that can be said of one record."""
    return {code: Meaning(row["severity"], row["dimension"]) for code, row in table().items() if "severity" in row}


@cache
def errors() -> frozenset[str]:
    """The codes that refuse a record; with any other one it travels."""
    return frozenset(code for code, meaning in meanings().items() if meaning.severity == "error")


class Sentences:
    """The sentences of one examination, made once per (field, code)."""

    def __init__(self, schema: Schema, language: str, as_of: date | None, sender: str) -> None:
        self.schema = schema
        self.language = language
        self._fixed = {"as_of": as_of.isoformat() if as_of else "", "sender": sender}
        self._known: dict[tuple[int, str, str], tuple[str, str]] = {}

    def of(self, field: int, code: str, columns: str = "") -> tuple[str, str]:
        """Sentence and remedy. `columns`: the letters of those that a fault of the whole row is about."""
        key = (field, code, columns)
        if key not in self._known:
            detail: dict[str, str | int] = {**self._fixed, "where": WHERE[self.language].format(columns=columns)}
            if code == "404":
                detail["limit"] = 1 << 20
            if field != WHOLE_ROW:
                known = self.schema.fields[field]
                detail["title"] = known.title
                limits = {"407": known.byte_limit, "451": known.byte_warning, "431": known.minimum_days}
                detail["limit"] = limits.get(code) or 0
                detail["other"] = self._other_title(known.name)
            entry = catalogue()[code]
            if len(self._known) > 10_000:
                self._known.clear()
            self._known[key] = (entry.sentence(self.language, detail), entry.remedy(self.language, detail))
        return self._known[key]

    def _other_title(self, name: str) -> str:
        """The second field of the rule that speaks of this one first."""
        for rule in self.schema.rules:
            if rule.fields[0] == name and (place := self.schema.index(rule.fields[1])) is not None:
                return self.schema.fields[place].title
        return ""
