"""Each refusal of the formats page by its name: code, sentence and remedy as the sender reads them."""

from __future__ import annotations

from html import unescape

import pytest
from nodes import PERIOD, Node, planned
from test_kinds import named

from gateway.adapters.ledger.rows import ParcelRow
from gateway.daemon import sweeping
from gateway.demo.faults import FileFault
from gateway.outcomes import catalogue


def says(node: Node, row: ParcelRow, code: str, sentence: str) -> None:
    """The parcel has the code, and its page the sentence and the catalogue's remedy."""
    assert row.code == code
    page = unescape(node.page(row))
    assert sentence in page
    assert catalogue()[code].remedy("zh", row.details) in page


def test_period_unclear(node: Node) -> None:
    row = node.send(planned(name="跨省流入人口-2026年第二季度-2026Q3.csv"))
    says(node, row, "223", "无法确定所属报告期")


def test_two_open_windows(node: Node) -> None:
    """The submission of the quarter before is still owed, and the name says nothing: never guessed."""
    sweeping.oblige(node.tools)
    with node.tools.ledger.transaction(node.tools.clock.now()) as tx:
        (owed,) = tx.obligations(agreement="migrants-inflow", party="330000", period=PERIOD)
        earlier = {name: getattr(owed, name) for name in type(owed).__dataclass_fields__}
        tx.add_obligation(**{**earlier, "id": owed.id.replace("2026Q3", "2026Q2"), "period": "2026Q2"})
    row = node.send(planned(name="跨省流入人口个案.csv"))
    says(node, row, "223", "无法确定所属报告期")


def test_small_replacement(node: Node) -> None:
    node.send(named("", 40, "first"))
    row = node.send(named("-更正", 20, "small"))
    says(node, row, "224", "不足")
    assert row.state == "held"


def test_nil_with_rows(node: Node) -> None:
    row = node.send(named("-零报告", 5, "rows"))
    says(node, row, "227", "声明为零报告，但文件中有记录")


def test_nil_over_new(node: Node) -> None:
    node.send(named("", 10, "first"))
    row = node.send(named("-零报告", 1, "nil"), b"")
    says(node, row, "234", "不能再申报零报告")


def test_new_over_nil(node: Node) -> None:
    node.send(named("-零报告", 1, "nil"), b"")
    row = node.send(named("", 10, "after"))
    says(node, row, "233", "已申报零报告")


def test_parts_missing(node: Node) -> None:
    node.send(named("-第1份共3份", 5, "one"))
    row = node.send(named("-补报", 5, "more"))
    says(node, row, "237", "尚缺第2、3份")


def test_parts_that_do_not_fit(node: Node) -> None:
    node.send(named("-第1份共3份", 5, "one"))
    row = node.send(named("-第2份共4份", 5, "two"))
    says(node, row, "235", "应为共3份")


@pytest.mark.parametrize("fault", [FileFault.WRONG_PROVINCE, FileFault.WRONG_DATASET])
def test_wrong_folder(node: Node, fault: FileFault) -> None:
    row = node.send(planned(30, file_fault=fault))
    assert row.code in ("308", "502")
    says(node, row, row.code, catalogue()[row.code].sentence("zh", row.details)[:8])


def test_undeclared_emptiness(node: Node) -> None:
    row = node.send(named("", 1, "empty"), b"")
    says(node, row, "226", "没有声明零报告")
