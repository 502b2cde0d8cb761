"""Rules between cells, and the judge of a whole row.

Every violation is (field, code). A rule between cells is silent where one of its cells is wrong already: one fault,
one sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from operator import getitem

from gateway.records.cells import Circumstances, judges
from gateway.records.schema import Rule, Schema
from gateway.records.violations import Problem, errors

Between = Callable[[Sequence[str]], Problem | None]
NONE: tuple[Problem, ...] = ()


class RowJudge:
    """All rules of a schema over one row of values in the schema's order."""

    def __init__(self, schema: Schema, circumstances: Circumstances) -> None:
        self._cells = judges(schema, circumstances)
        self._rules: list[tuple[frozenset[int], Between]] = []
        for rule in schema.rules:
            places = [schema.index(name) for name in rule.fields]
            known = [place for place in places if place is not None]
            self._rules.append((frozenset(known), _between(rule, *known)))
        self._errors = errors()

    def judge(
        self, values: Sequence[str], notes: Mapping[int, str] | None = None
    ) -> tuple[Sequence[str], Sequence[Problem]]:
        """The values in canonical form, and what is wrong with them, in the order of fields, then of rules.

        `notes`: field → what the reader has to say of its cell. An error of the reader's stands alone: what it did to
        the cell explains whatever else is wrong with it.
        """
        verdicts = list(map(getitem, self._cells, values))
        for place, code in notes.items() if notes else ():
            value, codes = verdicts[place] or (values[place], ())
            verdicts[place] = (value, (code,) if code in self._errors else (code, *codes))
        if any(verdicts):
            return self._judge_further(list(values), verdicts)
        problems = [problem for _, rule in self._rules if (problem := rule(values)) is not None]
        return values, problems or NONE

    def _judge_further(
        self, values: list[str], verdicts: Sequence[tuple[str, tuple[str, ...]] | None]
    ) -> tuple[Sequence[str], Sequence[Problem]]:
        problems: list[Problem] = []
        wrong: Set[int] = set()
        for place, verdict in enumerate(verdicts):
            if verdict is not None:
                values[place], codes = verdict
                problems += [(place, code) for code in codes]
                if not self._errors.isdisjoint(codes):
                    wrong |= {place}
        for places, rule in self._rules:
            if places.isdisjoint(wrong) and (problem := rule(values)) is not None:
                problems.append(problem)
        return values, problems


def _between(rule: Rule, first: int, second: int) -> Between:
    """The rule as a function of the row; both fields' cells are right by themselves when it is asked."""
    found = (first, rule.code)

    def different_province(row: Sequence[str]) -> Problem | None:
        return found if row[first] and row[first][:2] == row[second][:2] else None

    def birth_date_of_id(row: Sequence[str]) -> Problem | None:
        return found if row[first] and row[second] and row[first] != row[second][6:14] else None

    def sex_of_id(row: Sequence[str]) -> Problem | None:
        # Odd is male (GB 11643); 0 and 9 say nothing about it.
        return found if row[second] and row[first] == ("2" if row[second][16] in "13579" else "1") else None

    def not_before(row: Sequence[str]) -> Problem | None:
        return found if row[first] and row[first] < row[second] else None

    def required_when(row: Sequence[str]) -> Problem | None:
        if row[second] in rule.values:
            return None if row[first] else found
        return (first, rule.otherwise) if row[first] and rule.otherwise else None

    return {
        "different-province": different_province,
        "birth-date-of-id": birth_date_of_id,
        "sex-of-id": sex_of_id,
        "not-before": not_before,
        "required-when": required_when,
    }[rule.rule]
