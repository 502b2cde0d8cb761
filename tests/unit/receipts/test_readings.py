"""How a table was read, as its sender is told: in both languages, and in the receipt's JSON."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from gateway.reading import Reading
from gateway.receipts.readings import sentences
from gateway.receipts.receipt import Receipt, parse

WHOLE = Reading(
    passed={"只有序号": 34, "经办人": 1, "标题": 1200},
    rows={"只有序号": ((8, 41),), "经办人": ((50, 50),), "标题": ((1, 1), (3, 4))},
    dropped=("序号", "备注"),
    hidden=2,
    merged=21,
    ranges=("A2:A4", "D5:D6"),
)


def test_in_chinese() -> None:
    hidden, merged, passed, dropped = sentences(WHOLE, "zh")
    assert hidden.startswith("含隐藏行 2 行")
    assert "合并单元格 21 处（A2:A4、D5:D6等）" in merged
    assert passed.startswith(
        "略过不是记录的行：只有序号的空行 34 行（第 8–41 行）；“经办人” 1 行（第 50 行）；"
        "表头上方的标题 1,200 行（第 1、3–4 行等）。"
    )
    assert dropped.startswith("没有读取的列：序号、备注。")


def test_in_english() -> None:
    hidden, merged, passed, dropped = sentences(WHOLE, "en")
    assert hidden.startswith("2 records stand in hidden")
    assert "(A2:A4, D5:D6 and others)" in merged
    assert "rows with a number alone: 34 (row 8–41); “经办人”: 1 (row 50)" in passed
    assert dropped.startswith("Columns not read: 序号, 备注.")


def test_nothing_is_said_of_a_table_read_as_it_is() -> None:
    assert sentences(Reading(), "zh") == ()
    assert Reading().to_json() == {}


def test_a_receipt_reads_back_equal_with_what_it_says_of_the_reading(make: Callable[..., Receipt]) -> None:
    receipt = make(reading=WHOLE)
    data = receipt.to_json()
    assert json.loads(data)["reading"]["rows"] == {
        "只有序号": [[8, 41]],
        "标题": [[1, 1], [3, 4]],
        "经办人": [[50, 50]],
    }
    assert parse(data) == receipt
    assert parse(data).to_json() == data
    assert "reading" not in json.loads(make().to_json())


@pytest.mark.parametrize(
    "reading",
    [
        '{"hidden":-1}',
        '{"hidden":true}',
        '{"passed":{"a":"b"}}',
        '{"rows":{"a":[[1]]}}',
        '{"what":1}',
        '{"dropped":[1]}',
    ],
)
def test_a_receipt_with_another_reading_is_none(reading: str, make: Callable[..., Receipt]) -> None:
    data = make(reading=Reading(hidden=1)).to_json()
    assert data.count(b'{"hidden":1}') == 1
    with pytest.raises(ValueError):
        parse(data.replace(b'{"hidden":1}', reading.encode()))
