"""Statistical tables held against the cases, and the quality figures of what came in: in the receipt and in the
quarter's view. Only counts are compared, and only counts are kept."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from support.nodes import PERIOD, Node, planned

from gateway.corridors.views import status as picture
from gateway.daemon import sweeping
from gateway.demo.files import records, render
from gateway.demo.people import INFLOW, receivers
from gateway.policy.loading import find
from gateway.receipts import status
from gateway.receipts.views import StatusView, Submission

STATISTICS = "migrants-statistics"
LABEL = "流动人口统计表（跨省往来）"


@pytest.fixture
def with_tables(home: Path) -> Path:
    """The facts of `node`, with the table's agreement."""
    shutil.copy(find() / "config" / "agreements" / f"{STATISTICS}.toml", home / "config" / "agreements")
    return home


def table(cells: Counter[str], *lines: str) -> bytes:
    rows = [f",1,{province},{count}" for province, count in sorted(cells.items())]
    return "\n".join(["行次,流动方向,对方省份,人数", *rows, *lines, "合计,,,"]).encode() + b"\n"


def send(node: Node, name: str, data: bytes) -> dict[str, object]:
    row = node.send(planned(agreement=STATISTICS, name=name, seed=name), data)
    assert row.state == "accepted", row.code
    return dict(node.receipt(row))


def seen(node: Node, agreement: str = STATISTICS) -> Submission:
    view = picture.view(node.running, PERIOD, None)
    assert StatusView.from_json(json.loads(json.dumps(view.to_json()))) == view
    return next(row for row in view.parties if row.party == "330000").submissions[agreement]


@pytest.mark.usefixtures("with_tables")
def test_cells_that_differ_from_the_cases_are_told_and_nothing_is_refused(node: Node) -> None:
    sweeping.oblige(node.running)
    early = send(node, f"{PERIOD}.csv", table(Counter({"44": 3})))
    assert "reconciled" not in early, "there is nothing to compare it with yet"
    assert seen(node).differing is None
    cases = planned(40)
    node.send(cases)
    truth = Counter({province: len(rows) for province, rows in receivers(INFLOW, records(cases)).items()})
    assert seen(node).differing == len(truth | Counter({"44": 1})) - (truth["44"] == 3)
    one, two = sorted(truth)[:2]
    wrong = truth.copy()
    wrong[one] += 2
    del wrong[two]
    told = send(node, f"{PERIOD}-更正.csv", table(wrong))
    assert told["reconciled"] == {
        INFLOW: [
            {"province": one, "stated": truth[one] + 2, "held": truth[one]},
            {"province": two, "stated": 0, "held": truth[two]},
        ]
    }
    pages = [page.read_text("utf-8") for page in node.party_folder("33", "回执").glob("*.html")]
    assert sum(f"表内 {truth[one] + 2}，个案 {truth[one]}" in page for page in pages) == 1
    assert seen(node).differing == 2
    view = picture.view(node.running, PERIOD, None)
    assert "统计表与个案数不一致" in " ".join(need.text for need in status.needs(view, "zh"))
    assert any("与个案差2格" in cell.text for row in status.quarter_table(view, "zh").rows for cell in row)
    right = send(node, f"{PERIOD}-更正2.csv", table(truth))
    assert right["reconciled"] == {INFLOW: []}
    assert seen(node).differing == 0


@pytest.mark.usefixtures("with_tables")
def test_a_table_with_one_faulty_cell_comes_back_whole(node: Node) -> None:
    row = node.send(planned(agreement=STATISTICS, name=f"{PERIOD}.csv"), table(Counter({"44": 3}), ",1,31,约5"))
    assert (row.state, row.code) == ("refused", "230")


def test_quality_figures_are_told_per_field_and_held_against_the_target(node: Node) -> None:
    sweeping.oblige(node.running)
    good = planned(20)
    lines = render(good).decode("utf-8-sig").splitlines()
    header = lines[0].split(",")
    education, born = header.index("文化程度"), header.index("出生日期")
    spoiled = [line.split(",") for line in lines[1:]]
    for cells in spoiled[:3]:
        cells[education] = ""
    for cells in spoiled[3:6]:
        cells[born] = "19010101"
    data = "\n".join(",".join(cells) for cells in (header, *spoiled)) + "\n"
    row = node.send(replace(good, name=f"{PERIOD}.csv"), data.encode())
    assert (row.accepted, row.refused, row.warned) == (14, 6, 0)
    receipt = node.receipt(row)
    required = receipt["quality"]["completeness"]["of"] // 20
    assert receipt["quality"]["completeness"] == {"of": 20 * required, "wrong": 3}
    assert receipt["quality"]["consistency"] == {"of": 20, "wrong": 3}
    assert receipt["fields"] == {"education": {"completeness": 3}, "birth_date": {"consistency": 3}}
    found = seen(node, INFLOW)
    assert found.quality["consistency"] == 0.85
    assert found.below == ("consistency",)
    assert found.fields == {"education": {"completeness": 0.85}, "birth_date": {"consistency": 0.85}}
    view = picture.view(node.running, PERIOD, None)
    assert "数据质量低于目标" in " ".join(need.text for need in status.needs(view, "zh"))
    assert any("逻辑85.0%" in cell.text for row in status.quarter_table(view, "zh").rows for cell in row)
    assert "逻辑85.0%" in status.status_page(view, "zh").decode()
    assert "逻辑性" in node.page(row)
