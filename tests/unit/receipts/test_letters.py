"""Reminder letters: to whom, for what, by when, on what ground; and the operator's list of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from html import unescape

import pytest

from gateway.receipts.letters import Letter, cover_list, cover_name, letter_name, letter_number, reminder_letter

Page = Callable[..., str]


def text(page: bytes) -> str:
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page.decode().partition("<body>")[2])))


@pytest.fixture
def page(letter: Letter) -> Page:
    def page(language: str = "zh", **changes: object) -> str:
        changed = replace(letter, **changes)  # type: ignore[arg-type]
        called = {"node_name": "国家节点", "contact": "示例管理员，000-0000-0000"}
        return text(reminder_letter(changed, language="en" if language == "en" else "zh", **called))

    return page


def test_a_letter_says_to_whom_what_when_and_why(page: Page) -> None:
    said = page()
    order = [
        "国家节点",
        "催报〔2026〕1523号",
        "关于催报2026年第三季度跨省流入人口个案的函",
        "青海省卫生健康委员会：",
        "根据《国家人口计生委关于印发全员流动人口统计信息工作方案的通知》",
        "应于2026年11月1日前（含当日）报送2026年第三季度“跨省流入人口个案”数据。",
        "截至2026年11月6日，尚未收到你单位的报送，已超过期限5个工作日。",
        "“上报/跨省流入人口个案”文件夹",
        "请报零报告",
        "曾于2026年10月30日发函催报，本函为第2次催报",
        "特此函告。",
        "（盖章处）国家节点2026年11月6日",
        "（联系人：示例管理员，000-0000-0000）",
    ]
    places = [said.find(piece, said.find("特此函告") if piece.startswith("（盖") else 0) for piece in order]
    assert -1 not in places, order[places.index(-1)]
    assert places == sorted(places)
    assert "示例联络员" not in said, "the party's own contact is for the operator"


def test_the_timing_fits_the_day(page: Page, letter: Letter) -> None:
    due = letter.due
    assert "距期限还有5个工作日" in page(day=due - timedelta(days=6), working_days=-5, earlier=())
    assert "今日为报送期限" in page(day=due, working_days=0)
    assert "期限已过" in page(day=due + timedelta(days=1), working_days=0, due=due)
    assert "期限将至" in page(day=due - timedelta(days=1), working_days=0)
    early = page(day=date(2026, 10, 26), working_days=-5, earlier=(), names=date(2026, 10, 30))
    assert "请于2026年10月30日（此前最后一个工作日）前办理" in early
    assert "请按期将数据放入" in early
    late = page(names=date(2026, 10, 30))
    assert "最后一个工作日" not in late
    assert "逾期仍可报送" in late
    assert "暂定" in page(provisional=True)
    assert "暂定" not in late


def test_what_is_lacking_is_named_and_nil_only_offered_where_it_can_be(page: Page) -> None:
    assert "整件退回" in page(lacking="refused")
    assert "零报告" not in page(lacking="refused")
    parts = page(lacking="parts", missing_parts="2、3")
    assert "尚缺第2、3份" in parts
    assert "零报告" not in parts
    assert "still missing: 2 and 3" in page("en", lacking="parts", missing_parts="2、3")


def test_earlier_letters_are_counted(page: Page) -> None:
    assert "次催报" not in page(earlier=())
    many = page(earlier=(date(2026, 10, 16), date(2026, 11, 2), date(2026, 10, 30)))
    assert "最近一次为2026年11月2日" in many
    assert "第4次催报" in many


def test_a_document_that_has_its_marks_gets_no_second_pair(page: Page) -> None:
    assert "根据《示例办法》（2026年）第三条，你" in page(basis="《示例办法》（2026年）第三条")
    assert "抄送" not in page()
    assert "抄送：示例省人民政府办公厅" in page(copy_to="示例省人民政府办公厅")


def test_an_english_letter(page: Page) -> None:
    said = page("en")
    for piece in ("Reminder:", "by the end of 1 November 2026. As of 6 November 2026, nothing has arrived", "(seal)"):
        assert piece in said, piece
    for chinese in ("请", "期限", "截至", "报送"):
        assert chinese not in said.replace("“-零报告”", "")


@pytest.mark.parametrize(
    "changes",
    [
        {"working_days": -5},
        {"day": date(2026, 10, 26), "earlier": ()},
        {"day": date(2026, 11, 1)},
        {"day": date(2026, 11, 1), "working_days": -1},
        {"lacking": "parts"},
        {"missing_parts": "2"},
        {"earlier": (date(2026, 11, 7),)},
    ],
)
def test_a_letter_that_contradicts_itself_raises(letter: Letter, changes: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        replace(letter, **changes)  # type: ignore[arg-type]


def test_numbers_and_names(letter: Letter) -> None:
    assert letter_number(date(2026, 11, 6), 1523) == letter.number
    assert letter_number(date(2026, 11, 6), 1523, "en") == "Reminder 2026/1523"
    assert letter_name(letter, "青海") == "催报函_2026Q3_跨省流入人口个案_青海_2026-11-06.html"
    assert letter_name(letter, "qinghai", "en") == "reminder_2026Q3_跨省流入人口个案_qinghai_2026-11-06.html"
    assert "/" not in letter_name(replace(letter, label="../x", period="a/b"), "../../y")
    assert len(letter_name(replace(letter, label="长" * 300), "长" * 300).encode()) <= 255
    assert cover_name("2026Q3", letter.day) == "催报清单_2026Q3_2026-11-06.html"
    assert cover_name("", letter.day, "en") == "reminders_2026-11-06.html"


def test_the_cover_lists_every_letter_for_the_operator(letter: Letter) -> None:
    ahead = replace(letter, day=date(2026, 10, 26), working_days=-5, earlier=(), number="催报〔2026〕1524号")
    other = replace(letter, party_name="西藏自治区卫生健康委员会", party=type(letter.party)("p54"), lacking="refused")
    called = {"node_name": "国家节点", "period": "2026Q3", "day": letter.day}
    letters = [letter, ahead, other]
    said = text(cover_list(letters, language="zh", files=[letter_name(each, each.party) for each in letters], **called))
    assert "共催报 2 个单位、3 项，其中逾期 2 项。" in said
    for piece in (
        "青海省卫生健康委员会",
        "■ 尚未收到你单位的报送，已超过期限5个工作日",
        "○ 尚未收到",
        "示例联络员 000-0000-0000",
    ):
        assert piece in said, piece
    assert "催报〔2026〕1524号" in said
    assert "催报函_2026Q3_跨省流入人口个案_p54_2026-11-06.html" in said
    assert "没有需要催报的单位" in text(cover_list([], language="zh", **called))
    with pytest.raises(ValueError, match="as many"):
        cover_list(letters, language="zh", files=["one"], **called)
