"""The records engine, held against files whose truth was known before it read them."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from support.judge import REPOSITORY

from gateway.demo.chronicle import chronicle as dated
from gateway.demo.faults import ROW_CODES, FileFault
from gateway.demo.files import Planned, as_of, render, truth_of
from gateway.demo.people import FIELDS, INFLOW, Row
from gateway.demo.played_quarter import right_rows
from gateway.demo.story import everything, gallery, plan
from gateway.demo.workbooks import mended
from gateway.outcomes import Ok, Outcome, Refused
from gateway.ports import ExamineJob
from gateway.records.examination import Examination, examine
from gateway.records.jobs import list_refused

BY_NAME = {FileFault.PERIOD_UNCLEAR, FileFault.PERIOD_AHEAD, FileFault.DUPLICATE}
"""Faults that intake sees, and the table does not show."""
FILES = [each for each in (*everything(plan(scale=0.01)), *gallery()) if each.file_fault not in BY_NAME]


DATED = [
    act.file
    for seed in (1, 2, 3)
    for act in dated(seed, 0.01)
    if act.file.kind not in ("new", "void") or act.file.form in ("workbook", "package")
]
"""What the dated story adds to the plain one: parts, supplements, replacements, a workbook, a sealed table."""


def job_of(planned: Planned, source: Path, out: Path) -> ExamineJob:
    return ExamineJob(
        source=source,
        out=out,
        schemas=REPOSITORY / "schemas",
        dataset=planned.agreement,
        version="1",
        route_by="registered_code" if planned.agreement == INFLOW else "residence_code",
        sender=planned.party,
        as_of=as_of(planned.period).isoformat(),
        nil="零报告" in planned.name,
        ignorable=("序号", "备注"),
    )


def examined(planned: Planned, folder: Path, data: bytes | None = None) -> Outcome[Examination]:
    source, out = folder / "source", folder / "out"
    source.write_bytes(render(planned) if data is None else data)
    out.mkdir()
    return examine(job_of(planned, source, out))


def table(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as stream:
        return [tuple(cells) for cells in csv.reader(stream)]


@pytest.mark.parametrize(
    "planned", [*FILES, *(file for file in DATED if file.form != "mended")], ids=lambda planned: planned.key
)
def test_the_engine_finds_the_truth(planned: Planned, tmp_path: Path) -> None:
    truth, outcome = truth_of(planned), examined(planned, tmp_path)
    if truth.outcome == "refused":
        assert isinstance(outcome, Refused)
        assert outcome.code in truth.codes
        return
    assert isinstance(outcome, Ok)
    found = outcome.value
    assert found.nil == (truth.outcome == "nil")
    parts = {part.province: table(tmp_path / "out" / "parts" / f"{part.province}.csv") for part in found.parts}
    assert {province: rows[1:] for province, rows in parts.items()} == truth.accepted
    assert all(rows[0] == FIELDS for rows in parts.values())
    if found.nil:
        return
    violations = table(tmp_path / "out" / "violations.csv")
    refused = {(int(row), code) for row, _, code, severity, _ in violations[1:] if severity == "error"}
    assert refused == {(row, ROW_CODES[fault]) for row, fault in truth.refused.items()}


@pytest.mark.parametrize("planned", [file for file in DATED if file.form == "mended"], ids=lambda planned: planned.seed)
def test_a_mended_list_is_accepted_whole(planned: Planned, tmp_path: Path) -> None:
    """The list as it came back, put right row by row: nothing in it is refused again."""
    assert planned.mends is not None
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    assert isinstance(examined(planned.mends, first), Ok)
    listed = tmp_path / "list.xlsx"
    list_refused(job_of(planned.mends, first / "source", first / "out"), listed)
    outcome = examined(planned, second, mended(listed, right_rows(planned)))
    assert isinstance(outcome, Ok)
    assert (outcome.value.records, outcome.value.refused) == (planned.rows, 0)
    parts = {part.province: table(second / "out" / "parts" / f"{part.province}.csv") for part in outcome.value.parts}
    assert {province: rows[1:] for province, rows in parts.items()} == truth_of(planned).accepted
