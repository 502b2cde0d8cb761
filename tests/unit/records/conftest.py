"""A good record to spoil, and the schemas to judge it by. Sequence 000, 997, 999: nobody can bear the number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.outcomes import Ok, Outcome
from gateway.ports import ExamineJob
from gateway.records import Examination, examine
from gateway.records.listing import VIOLATIONS
from gateway.records.readers.lines import join, split

ROOT = Path(__file__).resolve().parents[3]
SCHEMAS = ROOT / "schemas"
GOOD = {
    "household_code": "",
    "name": "示例甲",
    "sex": "2",
    "residence_address": "示例省示例市示例县1号",
    "residence_code": "110101001001",
    "registered_address": "示例省示例市示例县2号",
    "registered_code": "440103001001",
    "id_number": "110101199001010007",
    "birth_date": "19900101",
    "education": "70",
    "household_type": "9",
    "marital_status": "10",
    "migration_reason": "1",
    "migration_date": "20260301",
    "return_date": "",
    "family_migration": "0",
    "spouse_accompanying": "",
}

FIELDS = tuple(GOOD)
Row = dict[str, str]


def good(**changed: str) -> Row:
    """A record that no rule has anything against, with some of its cells changed."""
    return {**GOOD, **changed}


@dataclass(frozen=True)
class Examined:
    """An examination's outcome, and where it wrote."""

    outcome: Outcome[Examination]
    job: ExamineJob

    @property
    def found(self) -> Examination:
        assert isinstance(self.outcome, Ok), self.outcome
        return self.outcome.value

    @property
    def violations(self) -> list[tuple[str, str, str]]:
        """(row, field, code) of the list of violations, in its order."""
        lines = (self.job.out / VIOLATIONS).read_text("utf-8").splitlines()[1:]
        return [tuple((split(line, ",") or [])[:3]) for line in lines]  # type: ignore[misc]

    def part(self, province: str) -> list[list[str]]:
        """The records of one part, without the header."""
        lines = (self.job.out / "parts" / f"{province}.csv").read_text("utf-8").split("\n")[1:-1]
        return [split(line, ",") or [] for line in lines]


Examiner = Callable[..., Examined]


@pytest.fixture
def examiner(tmp_path: Path) -> Examiner:
    """`examiner(rows or bytes, **job)`: examine a file, by default an inflow file of Beijing for 2026Q3."""

    def run(data: list[Row] | bytes, **changed: object) -> Examined:
        source = tmp_path / "in.csv"
        if not isinstance(data, bytes):
            lines = [",".join(FIELDS), *(join([row[name] for name in FIELDS]) for row in data)]
            data = ("\n".join(lines) + "\n").encode()
        source.write_bytes(data)
        settings: dict[str, object] = {
            "source": source,
            "out": tmp_path / "out",
            "schemas": SCHEMAS,
            "dataset": "migrants-inflow",
            "version": "1",
            "route_by": "registered_code",
            "sender": "11",
            "as_of": "2026-09-30",
            **changed,
        }
        job = ExamineJob(**settings)  # type: ignore[arg-type]
        return Examined(examine(job), job)

    return run
