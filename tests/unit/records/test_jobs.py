"""The worker's jobs: JSON in, JSON of an outcome out."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from gateway.records import Examination, jobs
from gateway.records.parts import measure
from tests.unit.records.conftest import FIELDS, SCHEMAS, good


def _job(tmp_path: Path, rows: list[dict[str, str]], **more: Any) -> dict[str, Any]:
    source = tmp_path / "in.csv"
    source.write_text("\n".join([",".join(FIELDS), *(",".join(row.values()) for row in rows)]), encoding="utf-8")
    job = {
        "job": "examine",
        "parcel": "p1",
        "source": str(source),
        "out": str(tmp_path / "out"),
        "schemas": str(SCHEMAS),
        "dataset": "migrants-inflow",
        "version": "1",
        "route_by": "registered_code",
        "sender": "11",
        "as_of": "2026-09-30",
        "nil": False,
        "ignorable": ["序号"],
        "columns": [],
        "language": "zh",
        "max_errors_listed": 10000,
        **more,
    }
    return json.loads(json.dumps(job))  # type: ignore[no-any-return]


def test_examine(tmp_path: Path) -> None:
    answer = json.loads(json.dumps(jobs.run(_job(tmp_path, [good(), good(sex=""), good()]))))
    assert answer["outcome"] == "ok"
    found = Examination.from_json(answer["value"])
    assert found.to_json() == answer["value"]
    assert (found.records, found.accepted, found.refused) == (3, 2, 1)
    [part] = found.parts
    measured = measure(tmp_path / "out" / "parts" / "44.csv")
    assert (part.records, part.sha256, part.digest) == dataclasses.astuple(measured)
    assert part.digest == found.digest
    assert (tmp_path / "out" / "refused.xlsx").exists()
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert modes == {0o600}


def test_nothing_refused_no_list(tmp_path: Path) -> None:
    jobs.run(_job(tmp_path, [good()]))
    assert not (tmp_path / "out" / "refused.xlsx").exists()


def test_the_list_goes_where_it_is_wanted(tmp_path: Path) -> None:
    jobs.run(_job(tmp_path, [good(), good(sex="")], refused_list=str(tmp_path / "list.xlsx")))
    assert (tmp_path / "list.xlsx").exists()
    assert not list(tmp_path.glob("*.tmp"))


def test_refused(tmp_path: Path) -> None:
    answer = jobs.run(_job(tmp_path, []))
    assert answer == {"outcome": "refused", "code": "226", "detail": {}}


def test_doing_it_again_after_other_work_gives_the_same(tmp_path: Path) -> None:
    jobs.run(_job(tmp_path, [good(registered_code="510104001001")] * 5))
    job = _job(tmp_path, [good(), good(sex="")])
    first = jobs.run(job)
    assert {path.name for path in (tmp_path / "out" / "parts").iterdir()} == {"44.csv"}
    assert jobs.run(job) == first


def test_conservation_is_proved_from_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line lost, or changed, between judging and the disk is our fault, and said so."""
    from gateway.records import parts

    whole = parts.Parts.add

    def lose(self: parts.Parts, province: str, line: bytes) -> None:
        whole(self, province, line.replace("示例甲".encode(), "示例乙".encode()))

    monkeypatch.setattr(parts.Parts, "add", lose)
    answer = jobs.run(_job(tmp_path, [good()]))
    assert (answer["outcome"], answer["code"]) == ("fault", "901")


def test_template(tmp_path: Path) -> None:
    asked = {"job": "template", "out": str(tmp_path / "t.xlsx"), "schemas": str(SCHEMAS)}
    answer = jobs.run({**asked, "dataset": "migrants-inflow", "version": "1", "label": "跨省流入人口个案"})
    assert answer == {"outcome": "ok", "value": {}}
    assert (tmp_path / "t.xlsx").read_bytes()[:2] == b"PK"
