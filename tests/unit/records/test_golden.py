"""The case folders of `tests/golden/records`, each named by its defect: what comes of the file, byte by byte."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.outcomes import Ok, Refused
from gateway.policy.periods import Period
from gateway.ports import ExamineJob
from gateway.records import examine
from gateway.records.violations import errors
from tests.unit.records.conftest import ROOT, SCHEMAS, Examined

CASES = ROOT / "tests" / "golden" / "records"


def _examine(folder: Path, job: Mapping[str, Any], out: Path) -> Examined:
    asked = ExamineJob(
        source=folder / "input.csv",
        out=out,
        schemas=SCHEMAS,
        dataset=job["schema"],
        version="1",
        route_by=job["by"],
        sender=job["sender"][:2],
        as_of=Period.parse(job["period"]).end.isoformat(),
        nil=job["nil"],
    )
    return Examined(examine(asked), asked)


@pytest.mark.parametrize("case", sorted(path.name for path in CASES.iterdir()))
def test_case(case: str, tmp_path: Path) -> None:
    folder = CASES / case
    document = json.loads((folder / "expected.json").read_text("utf-8"))
    expect = document["expect"]
    examined = _examine(folder, document["job"], tmp_path)
    outcome = examined.outcome
    if "refused" in expect:
        assert isinstance(outcome, Refused)
        assert outcome.code == expect["refused"]
        assert dict(outcome.detail) == expect.get("detail", dict(outcome.detail))
        assert not list(tmp_path.rglob("*.csv")), "a refused file leaves nothing behind"
        return
    assert isinstance(outcome, Ok)
    found = outcome.value
    assert found.records == expect["records"]
    assert found.records == found.accepted + found.refused
    assert {part.province: part.records for part in found.parts} == expect["out"]
    rows: dict[str, list[str]] = {}
    if expect["rows"]:
        for row, _, code in examined.violations:
            rows.setdefault(row, []).append(code)
    assert rows == expect["rows"]
    assert found.refused == sum(1 for codes in rows.values() if set(codes) & errors())
    for name in ("encoding", "header_line", "passed_over", "blank"):
        if name in expect:
            assert getattr(found, name) == expect[name]
    assert list(found.dropped) == expect.get("dropped", [])
    for part in folder.glob("[0-9][0-9].csv"):
        assert (tmp_path / "parts" / part.name).read_bytes() == part.read_bytes()


def test_every_case_says_what_it_expects() -> None:
    folders = [path for path in CASES.iterdir() if path.is_dir()]
    assert len(folders) > 40
    assert all((path / "input.csv").exists() and (path / "expected.json").exists() for path in folders)
