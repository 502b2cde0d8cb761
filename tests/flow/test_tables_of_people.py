"""Tables as people make them, from the drop folder to the receipt: what the sender is told of how a file was read."""

from __future__ import annotations

import json
from html import unescape
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from support.nodes import PERIOD, Node, planned
from support.tables import xlsx

from gateway.adapters.ledger.rows import ParcelRow
from gateway.demo.people import INFLOW
from gateway.demo.story import file_name
from gateway.records.idnumber import check_character

TITLES = (
    "户编码", "姓名", "性别", "现居住地", "现居住地代码", "户籍所在地", "户籍所在地代码", "公民身份号码", "出生日期",
    "文化程度", "户口性质", "婚姻状况", "流动原因", "流入日期", "离开日期", "是否家庭户流动", "配偶是否随同流动",
)  # fmt: skip
NUMBERS = [f"11010119900101{serial}" for serial in ("000", "997", "999")]
EXAMPLE = ("示例行", "示例甲", "2", "示例省示例市示例县示例乡示例村1号", "110101001001", *("",) * 12)
SIGNER = "测试经办人"


def person(number: int = 0, **changed: str) -> list[str]:
    """A record of Zhejiang that no rule has anything against; nobody bears the number."""
    row = dict.fromkeys(TITLES, "")
    row |= {"姓名": "示例甲", "性别": "2" if number == 0 else "1"}
    row |= {"现居住地": "示例县1号", "现居住地代码": "330106001001"}
    row |= {"户籍所在地": "示例县2号", "户籍所在地代码": "440103001001"}
    row |= {"公民身份号码": NUMBERS[number] + check_character(NUMBERS[number]), "出生日期": "19900101"}
    row |= {"文化程度": "70", "户口性质": "9", "婚姻状况": "10", "流动原因": "1"}
    row |= {"流入日期": "20260301", "是否家庭户流动": "0"}
    return list((row | changed).values())


def book(*rows: Any, **more: Any) -> bytes:
    return xlsx(("流入", [TITLES, *rows]), **more)


def send(node: Node, data: bytes, suffix: str = "", seed: str = "1", ending: str = ".xlsx") -> ParcelRow:
    name = file_name(INFLOW, PERIOD, 0, suffix).removesuffix(".csv") + ending
    return node.send(planned(seed=seed, name=name), data)


def page(node: Node, row: ParcelRow) -> str:
    return unescape(node.page(row))


def returned(node: Node, ending: str = ".xlsx") -> Path:
    (listed,) = (p for p in node.party_folder("33", "退回").iterdir() if "退回清单" in p.name)
    assert listed.suffix == ending
    return listed


def test_a_receipt_names_what_was_passed_over_and_never_what_stood_there(node: Node) -> None:
    rows: list[Any] = [["浙江省流入人口"], ["序号", *TITLES], ["", *EXAMPLE], ["1", *person(户编码="507")]]
    rows += [["2", *person(1)], ["3", *person(2)], ["4"], ["5"], [f"经办人：{SIGNER}"]]
    row = send(node, xlsx(("流入", rows), merges=["B4:B5"], hidden=[6]))
    assert (row.state, row.records, row.accepted) == ("accepted", 3, 3)
    receipt, shown = node.receipt(row), page(node, row)
    assert receipt["reading"] == {
        "passed": {"只有序号": 2, "标题": 1, "示例行": 1, "经办人": 1},
        "rows": {"只有序号": [[7, 8]], "标题": [[1, 1]], "示例行": [[3, 3]], "经办人": [[9, 9]]},
        "dropped": ["序号"],
        "hidden": 1,
        "merged": 1,
        "ranges": ["B4:B5"],
    }
    for said in (
        "含隐藏行 1 行",
        "合并单元格 1 处（B4:B5）",
        "只有序号的空行 2 行（第 7–8 行）",
        "“经办人” 1 行（第 9 行）",
        "模板的示例行 1 行（第 3 行）",
        "没有读取的列：序号",
    ):
        assert said in shown
    assert SIGNER not in shown + json.dumps(receipt, ensure_ascii=False)
    assert receipt["codes"] == {"485": 1}


def test_an_ordinary_file_says_nothing_of_how_it_was_read(node: Node) -> None:
    row = send(node, book(person(0), person(1)))
    assert "reading" not in node.receipt(row)
    assert "读取情况" not in page(node, row)


def test_a_supplement_of_which_nothing_is_left_is_told_so_and_withdraws_nothing(node: Node) -> None:
    """The list of returned rows holds the record alone, no footer; its row deleted it is dropped as it is."""
    first = send(node, book(person(0), person(1, 性别="9", 出生日期=""), ["以下空白"]))
    assert (first.accepted, first.refused) == (1, 1)
    listed = returned(node)
    sheet = openpyxl.load_workbook(listed)
    assert sheet.worksheets[0].max_row == 3
    sheet.worksheets[0].delete_rows(3)
    sheet.save(listed)
    row = node.send(planned(seed="2", name=listed.name), listed.read_bytes())
    assert (row.state, row.code) == ("refused", "265")
    shown = page(node, row)
    assert "没有要补的记录，不必再报" in shown
    assert not {word for word in ("零报告", "重新上报。请于", "放回", "撤回（文件名") if word in shown}
    assert node.receipt(row)["due"] == []
    assert sum(package.records for package in node.packages(state="held")) == 1, "what was accepted stands"


@pytest.mark.parametrize(("suffix", "code"), [("-补报", "265"), ("-更正", "266")], ids=["supplement", "replacement"])
@pytest.mark.parametrize("data", [b"", ",".join(TITLES).encode() + b"\n"], ids=["no byte", "a header"])
def test_without_a_record_only_a_new_submission_is_advised_a_nil_report(
    suffix: str, code: str, data: bytes, node: Node
) -> None:
    send(node, book(person(0)))
    row = send(node, data, suffix, ending=".csv")
    node.is_refused(row, code, data)
    assert "确无数据时，请在文件名中注明“-零报告”" not in page(node, row)


def test_the_remedy_of_an_empty_replacement_followed_literally(node: Node) -> None:
    """Check it and send it complete; or withdraw, then report nil."""
    send(node, book(person(0)))
    assert send(node, book(), "-更正").code == "266"
    assert send(node, book(person(1)), "-更正").code == "105"
    assert send(node, b"-", "-撤回").code == "104"
    assert send(node, b"", "-零报告", ending=".csv").code == "102"


def test_the_remedy_of_an_empty_part_followed_literally(node: Node) -> None:
    row = send(node, book(), "-第1份共2份")
    assert row.code == "267"
    assert "第1份中没有记录" in page(node, row)
    assert send(node, book(person(0)), "-第1份共2份").state == "accepted"


def test_a_file_in_the_wrong_folder_is_sent_to_no_list_and_not_back_there(node: Node) -> None:
    row = send(node, book(person(0, 现居住地代码="320106001001"), person(1, 现居住地代码="320106001001")))
    assert row.code == "502"
    shown = page(node, row)
    assert "《》" not in shown
    assert "放回“" not in shown
    assert "放错了文件夹的，放入它应放的上报文件夹" in shown
    outflow = [title.replace("流入", "流出").replace("离开", "返回") for title in TITLES]
    stray = send(node, xlsx(("流出", [outflow, person(0)])), seed="2")
    assert stray.code == "308"
    assert "放回“" not in page(node, stray)


def test_a_list_that_does_not_exist_is_not_named(node: Node) -> None:
    """239: a list of returned rows sent as the whole has none of its own, where all its rows are right."""
    rows = [["行号", *TITLES, "退回原因", "处理办法"], ["7", *person(0), "", ""]]
    row = send(node, xlsx(("退回清单", rows)))
    assert row.code == "239"
    assert "《》" not in page(node, row)


def test_a_file_of_which_nothing_is_acceptable_says_how_it_was_read(node: Node) -> None:
    rows = [person(0, 性别="5"), person(1, 姓名=""), ["以下空白"]]
    row = send(node, book(*rows, merges=["B2:B3"]))
    assert row.code == "229"
    reading = node.receipt(row)["reading"]
    assert (reading["ranges"], reading["passed"]) == (["B2:B3"], {"以下空白": 1})
    assert "合并单元格 1 处（B2:B3）" in page(node, row)


def test_the_example_typed_over_comes_back_and_is_accepted_when_it_is_cleared(node: Node) -> None:
    row = send(node, book(person(0, 户编码="示例行", 姓名="试验甲"), person(1)))
    assert (row.accepted, row.refused) == (1, 1)
    assert "仍写着“示例行”" in page(node, row)
    listed = returned(node)
    sheet = openpyxl.load_workbook(listed)
    assert sheet.worksheets[0]["B3"].value == "示例行"
    sheet.worksheets[0]["B3"].value = None
    sheet.save(listed)
    mended = node.send(planned(seed="2", name=listed.name), listed.read_bytes())
    assert (mended.state, mended.accepted, mended.refused) == ("accepted", 1, 0)
