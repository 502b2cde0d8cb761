"""Each refusal of the formats page by its name: code, sentence and remedy as the sender reads them."""

from __future__ import annotations

from html import unescape
from pathlib import Path

import openpyxl
import pytest
from support.nodes import INFLOW, PERIOD, Node, planned
from test_kinds import named

from gateway.adapters.ledger.rows import ParcelRow
from gateway.adapters.worker import Worker
from gateway.daemon import sweeping
from gateway.demo.faults import FileFault, RowFault
from gateway.demo.partners import Partners
from gateway.demo.story import file_name
from gateway.outcomes import catalogue


def says(node: Node, row: ParcelRow, code: str, sentence: str) -> None:
    """The parcel has the code, and its page the sentence and the catalogue's remedy."""
    assert row.code == code
    page = unescape(node.page(row))
    assert sentence in page
    assert catalogue()[code].remedy("zh", row.detail) in page


def test_period_unclear(node: Node) -> None:
    row = node.send(planned(name="跨省流入人口-2026年第二季度-2026Q3.csv"))
    says(node, row, "223", "无法确定所属报告期")


def test_two_open_windows(node: Node) -> None:
    """The submission of the quarter before is still owed, and the name says nothing: never guessed."""
    sweeping.oblige(node.running)
    with node.running.ledger.transaction(node.running.clock.now()) as tx:
        (owed,) = tx.obligations.where(agreement="migrants-inflow", party="330000", period=PERIOD)
        earlier = {name: getattr(owed, name) for name in type(owed).__dataclass_fields__}
        tx.obligations.add(**{**earlier, "id": owed.id.replace("2026Q3", "2026Q2"), "period": "2026Q2"})
    row = node.send(planned(name="跨省流入人口个案.csv"))
    says(node, row, "223", "无法确定所属报告期")


def test_small_replacement(node: Node) -> None:
    node.send(named("", 40, "first"))
    row = node.send(named("-更正", 20, "small"))
    says(node, row, "224", "不足")
    assert row.state == "awaiting"


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
    says(node, row, row.code, catalogue()[row.code].sentence("zh", row.detail)[:8])


def test_more_bad_records_than_the_agreement_bears(home: Path, partners: Partners, worker: Worker) -> None:
    """A quarter of them at most: five in twenty are refused one by one; with the sixth the whole file goes back, with
    its list, and what it replaces stands."""
    agreement = home / "config" / "agreements" / "migrants-inflow.toml"
    text = agreement.read_text("utf-8")
    agreement.write_text(
        text.replace('mode = "records"\nmax_refused_share = 1.0', 'mode = "file"\nmax_refused_share = 0.25')
    )
    node = Node(home, partners, worker)
    try:
        bears = tuple((number, RowFault.BAD_CHECKSUM) for number in (1, 4, 9, 16, 20))
        first = node.send(planned(20, row_faults=bears))
        assert (first.state, first.records, first.accepted, first.refused) == ("accepted", 20, 15, 5)
        before = node.holders()
        worse = (*bears, (7, RowFault.BAD_CHECKSUM))
        row = node.send(planned(20, seed="over", name=file_name(INFLOW, PERIOD, 0, "-更正"), row_faults=worse))
        node.is_refused(row, "230", None)
        says(node, row, "230", "不合格记录占 30.0%，超过约定上限 25.0%，整份退回。")
        page = unescape(node.page(row))
        (list_,) = node.party_folder("33", "退回").glob(f"*退回清单{node.receipt(row)['number'][-6:]}.xlsx")
        assert f"逐行的错误见“退回”文件夹中的《{list_.name}》" in page
        note, _, *rows = openpyxl.load_workbook(list_).worksheets[0].iter_rows(values_only=True)
        assert len(rows) == 6
        assert "重新上报全部记录；本表不能代替原文件" in note[0]
        (earlier,) = node.party_folder("33", "退回").glob("*补报*退回清单*.xlsx")
        assert "文件名注明“-补报”" in openpyxl.load_workbook(earlier).worksheets[0]["A1"].value
        assert node.holders() == before
        back = node.send(
            planned(20, seed="list", name=list_.name.replace("-退回清单", "-更正-退回清单")), list_.read_bytes()
        )
        says(node, back, "239", "作为整份报送会丢失其余记录")
        assert node.holders() == before
    finally:
        node.close()


def test_a_list_of_returned_rows_as_the_first_file_of_a_period(node: Node) -> None:
    node.send(planned(3, row_faults=tuple((row, RowFault.BAD_CHECKSUM) for row in (1, 2, 3))))
    (list_,) = node.party_folder("33", "退回").glob("*退回清单*.xlsx")
    row = node.send(planned(3, seed="list", name=list_.name), list_.read_bytes())
    says(node, row, "239", "只有退回的行")


def test_undeclared_emptiness(node: Node) -> None:
    row = node.send(named("", 1, "empty"), b"")
    says(node, row, "226", "没有声明零报告")
