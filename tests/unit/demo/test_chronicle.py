"""The dated story: who does what when, and the truth that follows from it."""

from __future__ import annotations

import csv
import io
from collections import Counter
from dataclasses import replace
from pathlib import Path

from support.judge import lines_of

from gateway.demo import chronicle
from gateway.demo.chronicle import chronicle as dated
from gateway.demo.files import records, render, text_of, truth_of
from gateway.demo.people import INFLOW, OUTFLOW
from gateway.demo.played_quarter import latest, outcomes, refusals
from gateway.demo.regions import provinces
from gateway.demo.story import expected, row_digest
from gateway.demo.workbooks import cells, mended, workbook

ACTS = dated(scale=0.02)
BY_KEY = {act.file.key: act for act in ACTS}
TRUTH = expected([act.file for act in ACTS])


def test_the_same_seed_tells_the_same_story() -> None:
    assert dated(scale=0.02) == ACTS
    assert dated(seed=2, scale=0.02) != ACTS


def test_at_full_scale_there_are_enough_records() -> None:
    assert sum(act.file.rows for act in dated()) >= 200_000


def test_every_act_has_its_moment_and_follows_what_it_needs() -> None:
    assert [act.at for act in ACTS] == sorted(act.at for act in ACTS)
    assert len(BY_KEY) == len(ACTS)
    for act in ACTS:
        assert chronicle.BEGINS < act.at < chronicle.ENDS
        if act.file.after is not None:
            assert BY_KEY[act.file.after].at < act.at or act.at >= chronicle.LAST_DAYS
    early = [act for act in ACTS if act.at < chronicle.moment(10, 8, 0)]
    assert {act.where for act in early} == {("12", INFLOW), ("12", OUTFLOW)}
    assert not [act for act in ACTS if act.file.party == "46"]
    late = {act.file.key for act in ACTS if act.at >= chronicle.EXPIRES}
    assert late == {"36-outflow", "37-outflow-corrected", "15-outflow-withdrawn", "62-outflow"}


def test_every_kind_and_form_occurs() -> None:
    assert {act.file.kind for act in ACTS} == {"new", "part", "supplement", "replace", "void"}
    assert {act.file.form for act in ACTS} == {"text", "workbook", "package", "forged", "mended"}
    assert Counter(act.file.file_fault for act in ACTS)[None] == len(ACTS) - 7
    assert [act.file.key for act in ACTS if act.confirmed] == ["61-inflow-shrunk"]


def test_the_plan_alone_says_what_becomes_of_every_obligation() -> None:
    found = chronicle.standings(ACTS, [province.code for province in provinces()])
    assert len(found) == 64
    assert Counter(found.values()) == {"met": 58, "missed": 2, "nil": 2, "met_after_correction": 1, "met_late": 1}
    assert found["36", OUTFLOW] == "met_after_correction"
    assert found["62", OUTFLOW] == "met_late"
    # A day later, and the correction is late like any other.
    later = [replace(act, at=chronicle.CORRECTABLE) if act.file.key == "36-outflow" else act for act in ACTS]
    assert chronicle.standings(later, ["36"])["36", OUTFLOW] == "met_late"
    # Parts count when the last is here.
    last = [replace(act, at=chronicle.AFTER) if act.file.key == "44-inflow-part2" else act for act in ACTS]
    assert chronicle.standings(last, ["44"])["44", INFLOW] == "met_late"


def test_the_truth_keeps_the_latest_revisions_only() -> None:
    gone = {"61-inflow", "37-outflow", "15-outflow", "15-outflow-withdrawn"}
    accepted = {key for key, (outcome, _) in TRUTH.outcomes.items() if outcome not in ("refused", "duplicate")}
    assert accepted - TRUTH.live == gone
    assert {"33-inflow", "33-inflow-mended", "51-inflow", "51-inflow-forgotten", "61-inflow-shrunk"} <= TRUTH.live
    assert sum(counted.total() for counted in TRUTH.rows.values()) == TRUTH.accepted
    replaced = records(BY_KEY["37-outflow"].file)[0]
    assert TRUTH.rows[OUTFLOW, replaced[4][:2]][row_digest(replaced)] == 0
    better = records(BY_KEY["37-outflow-corrected"].file)[0]
    assert TRUTH.rows[OUTFLOW, better[4][:2]][row_digest(better)] == 1
    assert "15" not in {origin for (a, _), some in TRUTH.origins.items() if a == OUTFLOW for origin in some}


def test_a_mended_list_brings_back_exactly_the_refused_rows() -> None:
    file, source = BY_KEY["33-inflow-mended"].file, BY_KEY["33-inflow"].file
    whole = records(source)
    assert records(file) == [whole[number - 1] for number, _ in source.row_faults]
    assert TRUTH.outcomes[file.key] == ("accepted", {"100"})
    back = Counter(map(row_digest, whole))
    for key in (source.key, file.key):
        for rows in truth_of(BY_KEY[key].file).accepted.values():
            back.subtract(map(row_digest, rows))
    assert set(back.values()) == {0}


def test_a_workbook_holds_the_same_records_as_text(tmp_path: Path) -> None:
    planned = BY_KEY["45-outflow"].file
    path = tmp_path / "file.xlsx"
    path.write_bytes(render(planned))
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(cells(path))
    found = list(lines_of(stream.getvalue(), OUTFLOW, "45", chronicle.DUE.replace(month=9, day=30)))
    assert len(found) == planned.rows
    assert [row for _, row, wrong in found if not wrong] == records(planned)
    assert planned.name.endswith(".xlsx")
    assert text_of(planned)


def test_a_list_is_mended_row_by_row(tmp_path: Path) -> None:
    listed = tmp_path / "list.xlsx"
    rows = [
        ["说明：共退回 2 行"],
        ["行号", "姓名", "性别", "退回原因"],
        ["3", "测试?", "1", "乱码"],
        ["7", "", "3", "空"],
    ]
    listed.write_bytes(workbook(rows))
    (tmp_path / "mended.xlsx").write_bytes(mended(listed, {3: {"姓名": "测试甲"}, 7: {"姓名": "示例乙", "性别": "2"}}))
    assert [[c for c in row if c] for row in cells(tmp_path / "mended.xlsx")] == [
        ["说明：共退回 2 行"],
        ["行号", "姓名", "性别", "退回原因"],
        ["3", "测试甲", "1", "乱码"],
        ["7", "示例乙", "2", "空"],
    ]


def parcel(revision: int, kind: str, state: str = "accepted", code: str = "100") -> dict[str, object]:
    return {
        "sender": "330000",
        "agreement": INFLOW,
        "revision": revision,
        "kind": kind,
        "state": state,
        "code": code,
    }


def test_what_counts_of_several_deliveries() -> None:
    new, more, better = parcel(1, "new"), parcel(2, "supplement"), parcel(3, "replace")
    assert latest([more, new]) == [new, more]
    assert latest([new, better, more]) == [better]
    assert latest([new, parcel(2, "void")]) == []
    assert latest([new, parcel(0, "replace", "refused", "236")]) == [new]
    assert refusals([new, parcel(0, "new", "refused", "303"), parcel(0, "new", "refused", "303")]) == {"303": 2}


def test_a_file_that_became_something_else_is_told() -> None:
    act = BY_KEY["33-inflow"]
    good = parcel(1, "new", code="101")
    assert outcomes([act], {act.file.key: good}, TRUTH.outcomes) == []
    for wrong in ({act.file.key: parcel(1, "new")}, {act.file.key: {**good, "state": "refused"}}, {}):
        assert len(outcomes([act], wrong, TRUTH.outcomes)) == 1
