"""A table without an end, at its sender's word: its last record has to be a good one, for both engines."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.nodes import planned

from gateway.demo.files import render
from gateway.outcomes import Ok, Refused
from gateway.ports import ExamineJob
from gateway.records.examination import examine

SCHEMAS = Path(__file__).parents[3] / "schemas"
WHOLE = render(planned(400))
LINES = WHOLE.split(b"\n")
ONE_BAD = b"\n".join([*LINES[:200], LINES[200][: len(LINES[200]) // 2], *LINES[201:]])


@pytest.mark.parametrize("threads", [0, 1, 2], ids=["plain", "one thread", "two threads"])
@pytest.mark.parametrize(
    ("data", "refused"),
    [(WHOLE[:-1], False), (ONE_BAD[:-1], False), (WHOLE[:-9], True), (ONE_BAD[:-9], True)],
    ids=["no line break", "a bad one above", "half a record", "and a bad one above"],
)
def test_half_a_record_refuses_it(data: bytes, refused: bool, threads: int, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(data)
    job = ExamineJob(
        tmp_path / "a.csv", tmp_path / "out", SCHEMAS, "migrants-inflow", "", None, "33", "2026-09-30", unended=True
    )
    found = examine(job, threads=threads)
    assert isinstance(found, Refused if refused else Ok)
    if isinstance(found, Refused):
        assert found.code == "260"
        assert not (tmp_path / "out" / "refused.csv").exists()
