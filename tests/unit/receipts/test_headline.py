"""The first line says all; the file's name says it shortest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import pytest

from gateway.parcels import Kind
from gateway.policy.facts import Language
from gateway.receipts.headline import first_line, situation
from gateway.receipts.naming import file_name, safe
from gateway.receipts.receipt import Counts, Receipt
from gateway.receipts.words import table

Make = Callable[..., Receipt]

CHINESE = {
    "received": "文件已收到，正在检查；结果另发回执。",
    "accepted": "收到1000条，全部合格，待分发；无需操作。",
    "warned": "收到1000条，全部合格，待分发；其中12条有提示，请核对。",
    "partly_refused": "收到1000条，合格985条待分发，退回15条；请于2026-10-31前补报。",
    "all_refused": "收到1000条，全部退回：没有一条记录合格，整份退回。请于2026-10-31前改正并重新上报。",
    "refused": "整件退回，未接收任何记录：无法确定所属报告期。请于2026-10-31前改正并重新上报。",
    "held": "收到800条，暂不分发：更正件的记录数不足原件的 90%，已暂存待确认。",
    "nil": "收到2026年第三季度零报告；无需操作。",
    "void": "收到2026年第三季度的撤回，此前报送的数据不再分发；无需操作。",
    "part": "已收第1份共3份：1000条，全部合格；尚缺第2、3份，请继续上报。",
    "part_refused": "已收第1份共3份：1000条，合格985条，退回15条；尚缺第2、3份，请先报齐，再补报退回的记录。",
    "part_complete": "各份已全部收到：本份1000条，全部合格，待分发；无需操作。",
    "supplement": "补报已收：新增15条，全部合格，待分发（第2版）；无需操作。",
    "replace": "更正已收：1000条，全部合格，整件替换此前的报送（第2版）；无需操作。",
    "held_small": "更正件只有800条合格，原报送有1000条，少于九成；暂不分发，请与节点确认。",
    "nothing_to_add": "补报文件中没有记录，已退回；没有要补的记录，不必再报，以前接收的数据不变。",
    "small_refused": "更正件未予接收：只有800条合格，原报送有1000条，未获确认；以前接收的数据不变。",
    "duplicate": "重复上报：此文件以前已经收到，不重复计数；无需操作。原回执 20261019-000088。",
    "duplicate_open": "重复上报：此文件以前已经收到，不重复计数；当时退回的15条仍请补报。原回执 20261021-000123。",
    "released": "2026年第三季度的数据已放行，正在分发；无需操作。",
    "delivered": "2026年第三季度的数据已送达；请核对并签收。",
    "acknowledged": "2026年第三季度的数据已签收；无需操作。",
    "unconfirmed": "2026年第三季度的数据已送达，尚未签收；请核对并签收。",
    "expired": "2026年第三季度的数据已过保存期限，已经删除。",
    "withdrawn": "2026年第三季度的数据已撤回；请删除已下载的内容。",
}


def test_each_variant_has_its_first_line(variants: dict[str, Receipt]) -> None:
    assert {case: first_line(receipt, "zh") for case, receipt in variants.items()} == CHINESE
    assert {case: situation(receipt) for case, receipt in variants.items()} == {case: case for case in variants}


def test_english_first_lines_are_whole(variants: dict[str, Receipt]) -> None:
    lines = {first_line(receipt, "en") for receipt in variants.values()}
    assert len(lines) == len(variants)
    assert all(line.isascii() and line[-1] == "." and "{" not in line for line in lines), lines
    assert (
        first_line(variants["partly_refused"], "en")
        == "1000 received: 985 accepted and waiting for distribution, 15 returned; please supply them by 2026-10-31."
    )


def test_what_came_with_a_warning_or_partly_back_says_so(make: Make, variants: dict[str, Receipt]) -> None:
    warned = replace(variants["replace"], counts=replace(variants["replace"].counts, warned=3))
    assert first_line(warned, "zh").endswith("（第2版）；其中3条有提示，请核对。")
    back = make(kind=Kind.SUPPLEMENT, revision=3)
    assert first_line(back, "zh").startswith("补报（第3版）：收到1000条，合格985条待分发，退回15条；请于")
    assert first_line(make(kind=Kind.REPLACE, revision=2), "zh").startswith("更正（第2版）：收到1000条")


def test_missing_parts_are_read_out_in_both_languages(variants: dict[str, Receipt]) -> None:
    three = replace(variants["part"], detail={"part": 2, "parts": 4, "missing": "1、3、4"})
    assert "尚缺第1、3、4份" in first_line(three, "zh")
    assert "still missing: 1, 3 and 4;" in first_line(three, "en")


def test_the_date_is_left_out_when_there_is_none_and_named_when_it_has_passed(make: Make) -> None:
    assert first_line(make(due=()), "zh").endswith("退回15条；请改正后尽快补报。")
    late = make(issued_at=make().issued_at + timedelta(days=11))
    assert first_line(late, "zh").endswith("退回15条；期限2026-10-31已过，请尽快补报。")
    unknown = make(due=(replace(make().due[0], status="refused"),))
    assert first_line(unknown, "zh").endswith("请改正后尽快补报。")


def test_what_came_after_its_date_says_so_and_asks_for_the_date_to_come(make: Make) -> None:
    passed = replace(make().due[0], what="submission", date=date(2026, 10, 20))
    late = make(due=(passed, *make().due), detail={"timeliness": "late"})
    assert first_line(late, "zh").endswith("退回15条；请于2026-10-31前补报。期限为2026-10-20，逾期收到，按迟报记录。")
    assert first_line(late, "en").endswith("It was due by 2026-10-20 and came late; it is recorded as late.")
    assert first_line(make(detail={"timeliness": "somehow"}), "zh") == first_line(make(), "zh")


def test_details_fill_the_sentence(make: Make) -> None:
    nothing = {"counts": Counts(), "due": (), "codes": {}, "packages": ()}
    big = make(stage="refused", code="216", detail={"limit_mb": 4096}, **nothing)
    assert "上限 4096 MB" in first_line(big, "zh")
    foreign = make(stage="refused", code="299", **nothing)
    assert "299" in first_line(foreign, "zh")


@pytest.mark.parametrize(
    ("case", "word"),
    [
        ("accepted", "已接收"),
        ("partly_refused", "部分退回"),
        ("refused", "已退回"),
        ("duplicate", "重复件"),
        ("held", "待确认"),
        ("held_small", "待确认"),
        ("part", "待报齐"),
        ("part_refused", "部分退回"),
        ("replace", "已接收"),
        ("void", "撤回已接收"),
    ],
)
def test_file_names_end_with_the_state(variants: dict[str, Receipt], case: str, word: str) -> None:
    name = file_name(variants[case], "跨省流入人口个案", "zh")
    assert name.startswith("回执_20261021-000123_")
    assert name.endswith(f"_跨省流入人口个案_{word}.html")
    assert file_name(variants["partly_refused"], "跨省流入人口个案", "zh", ".receipt.json") == (
        "回执_20261021-000123_2026Q3_跨省流入人口个案_部分退回.receipt.json"
    )


@pytest.mark.parametrize(
    "label",
    [
        'a<b>:"/\\|?*c',
        "尾点.",
        " 空格 ",
        "换\n行",
        "\u202egnp.exe",
        "$(reboot)`x`!%PATH%",
        "长" * 300,
        "",
        "...",
        "\ud800",
    ],
)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_file_names_are_safe_everywhere(make: Make, label: str, language: Language) -> None:
    name = file_name(make(), label, language, ".receipt.json.sig")
    assert not set(name) & set("<>:\"/\\|?*$`!%^&'\n\u202e\ud800")
    assert len(name.encode("utf-8")) <= 240
    assert name == name.strip(" .")
    assert name.isprintable()
    assert safe(label)


def test_every_stage_has_its_words() -> None:
    for section in ("status", "first", "steps"):
        given = set() if section == "status" else set(CHINESE)
        missing = (
            set(CHINESE)
            - {"warned", "all_refused", "duplicate_open"}
            - (
                {
                    "nothing_to_add",
                    "part_refused",
                    "part_complete",
                    "supplement",
                    "replace",
                    "held_small",
                    "small_refused",
                }
                - given
            )
            - {key.partition(".")[2] for key in table() if key.startswith(section + ".")}
        )
        assert not missing, section
