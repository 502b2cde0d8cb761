"""Which part a record goes to, as a job says it: by a province's two digits, by what the routing field begins with, or
by marks that were made for it."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.ports import ExamineJob
from gateway.records.parts import REST
from gateway.records.schema import Schema

ROUTES = {"household": "registered_code", "residence": "residence_code"}
"""What the offline commands call the two ways to sort migrants."""


@dataclass(frozen=True, slots=True)
class Routing:
    """Which part a record goes to. `field`: the index of the field that says so; None: records are not sorted.
    `prefixes`: what its value has to begin with; without them it is a province's two digits. `rest`: whether what
    begins with none of them makes a part of its own. `back`: the parts that lead back to the sender, whose records are
    refused. `marks`: for each record that the rules accept, in order, its part, or a code of three digits that refuses
    it."""

    field: int | None = None
    prefixes: tuple[str, ...] = ()
    rest: bool = False
    back: frozenset[str] = frozenset()
    marks: tuple[str, ...] | None = None

    @classmethod
    def of(cls, job: ExamineJob, rules: Schema) -> Routing:
        """The routing that a job asks for. Raises `ValueError` for a route that is no field with a region code, nor one
        of the job's routes with a list, `OSError` where its marks cannot be read."""
        field = _field(job, rules)
        prefixes = tuple(sorted((route for route in job.routes if route != REST), key=len, reverse=True))
        marks = tuple(job.marks.read_text("ascii").split()) if job.marks else None
        back = frozenset() if marks is not None or field is None or _apart(rules, field) else frozenset(job.back)
        return cls(field, prefixes, REST in job.routes, back, marks)

    @property
    def plain(self) -> bool:
        """Whether the compiled engine can say it: no sorting, or a province's two digits."""
        return not (self.prefixes or self.rest or self.back or self.marks is not None)

    def part(self, value: str) -> str | None:
        """The part of a record with this value in the routing field: the longest prefix; None: nobody receives it."""
        if not (self.prefixes or self.rest):
            return value[:2]
        found = next((prefix for prefix in self.prefixes if value.startswith(prefix)), None)
        return REST if found is None and self.rest else found


def _field(job: ExamineJob, rules: Schema) -> int | None:
    if job.route_by is None:
        return None
    place = rules.index(ROUTES.get(job.route_by, job.route_by))
    if place is None or not (rules.fields[place].region or (job.routes and rules.fields[place].codes)):
        raise ValueError("the route is not a field with a region code")
    return place


def _apart(rules: Schema, field: int) -> bool:
    """Whether the schema itself keeps the routing field out of the sender's own province: it may not be that of a
    required field on the sender's own side."""
    for rule in rules.rules:
        places = [rules.index(name) for name in rule.fields]
        others = [place for place in places if place is not None and place != field]
        if rule.rule == "different-province" and field in places and others:
            own = rules.fields[others[0]]
            return own.region == "own" and own.required and rules.fields[field].required
    return False
