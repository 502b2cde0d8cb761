"""The operator's page and the quarter table: what needs a person comes first, and nothing is told by colour alone."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta
from typing import get_args

import pytest

from gateway.policy.facts import Language
from gateway.receipts.status import needs, quarter_table, status_page
from gateway.receipts.views import SIGNS, TONES, Disk, State, StatusView, Submission
from gateway.receipts.words import Words


def text(page: bytes) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.decode().partition("<body>")[2]))


def test_a_view_survives_json(view: StatusView) -> None:
    document = json.loads(json.dumps(view.to_json()))
    assert StatusView.from_json(document) == view
    document["stopped"][0]["blame"] = "nobody"
    with pytest.raises(ValueError, match="blame"):
        StatusView.from_json(document)


def test_what_needs_a_person_comes_first_and_worst_first(view: StatusView) -> None:
    wanted = [need.text for need in needs(view, "zh")]
    assert wanted == [
        "1 个交换件因故障停止",
        "6 项逾期未报：西藏、青海",
        "3 项整件退回，尚未重报：吉林",
        "1 个交换件等待确认：甘肃",
        "1 项分份报送未齐：湖北",
        "22 项记录数比上期增减超过 30%：天津、山西、辽宁、上海、浙江、福建等",
        "2 把密钥即将到期或已到期",
        "1 个交换件等待重试",
    ]
    page = text(status_page(view, "zh"))
    assert page.index(wanted[0]) < page.index("11 北京")


def test_a_node_that_is_well_says_so(view: StatusView) -> None:
    well = replace(view, stopped=(), keys=(), parties=())
    assert needs(well, "zh") == ()
    assert "一切正常" in text(status_page(well, "zh"))


def test_the_node_itself_may_need_a_person(view: StatusView) -> None:
    well = replace(view, stopped=(), keys=(), parties=())

    def said(**changes: object) -> list[str]:
        return [need.text for need in needs(replace(well, **changes), "zh")]  # type: ignore[arg-type]

    assert said(running=False) == ["节点未运行"]
    assert said(last_scan=None) == ["扫描已停：上次 从未"]
    early = timedelta(seconds=1)
    assert said(last_scan=None, started_at=view.at - early) == ["刚刚启动（2026-10-21 14:03），即将第一次扫描"]
    assert said(last_scan=None, started_at=view.at - timedelta(minutes=3)) == ["扫描已停：上次 从未"]
    assert said(last_scan=view.at - timedelta(minutes=3)) == ["扫描已停：上次 2026-10-21 14:00"]
    assert said(disk=Disk(5, 100, 6)) == ["磁盘空间不足"]
    row = view.receivers[0]
    assert said(receivers=(replace(row, release_owed=True),)) == ["1 个接收方的交换包待放行"]
    assert said(receivers=(replace(row, open_since=view.at - timedelta(days=8)),)) == ["1 个接收方超过 7 天未签收"]
    assert said(receivers=(replace(row, open_since=view.at - timedelta(days=6)),)) == []


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_state_has_sign_word_and_tone(view: StatusView, language: Language) -> None:
    assert set(SIGNS) == set(get_args(State))
    assert len(set(SIGNS.values())) == len(SIGNS)
    words = Words(language)
    party = view.parties[0]
    agreement = view.datasets[0].agreement
    for state, sign in SIGNS.items():
        one = replace(view, parties=(replace(party, submissions={agreement: Submission(state)}),))
        shown = text(status_page(one, language))
        assert f"{sign} {words(f'state.{state}')}" in shown, state
        assert quarter_table(one, language).rows[0][1].text == f"{sign} {words(f'state.{state}')}"
        assert quarter_table(one, language).rows[0][1].tone == TONES[state]


def test_the_quarter_table_is_square_and_adds_up(view: StatusView) -> None:
    table = quarter_table(view, "zh")
    assert table.title == "2026年第三季度报送情况"
    assert len(table.columns) == 1 + 3 * 7 + 1
    assert len(table.rows) == 32
    assert {len(row) for row in (*table.rows, table.totals)} == {len(table.columns)}
    records = [int(row[2].text.replace(",", "")) for row in table.rows if row[2].text]
    assert table.totals[2].text == f"{sum(records):,}"
    heilongjiang = next(row for row in table.rows if row[0].text == "23 黑龙江")
    assert [cell.text for cell in heilongjiang[1:7]] == ["● 已报", "48,873", "0", "0", "10-19 12:04", "11-01"]
    corps = next(row for row in table.rows if row[0].text == "66 兵团")
    assert [cell.text for cell in corps[1:7]] == ["○ 待报", "", "", "", "", "11-10"]
    assert [cell.text for cell in corps[8:14]] == ["– 无", "", "", "", "", ""]
    tibet = next(row for row in table.rows if row[0].text == "54 西藏")
    assert [cell.text for cell in tibet[1:7]] == ["■ 逾期未报", "", "", "", "", "11-01 催 10-18"]
    assert tibet[-1].text == "示例联络员 000-0000-0000"
    assert (heilongjiang[-1].text, corps[-1].text) == ("", "")


@pytest.mark.parametrize(
    ("records", "previous", "shown", "flagged"),
    [
        (130, 100, "+30.0%", False),
        (131, 100, "↑ 31.0% 偏多", True),
        (70, 100, "−30.0%", False),
        (69, 100, "↓ 31.0% 偏少", True),
        (0, 100, "↓ 100% 偏少", True),
        (100, 0, "↑ 上期无数据", True),
        (0, 0, "0", False),
        (100, None, "", False),
    ],
)
def test_a_change_beyond_a_third_is_flagged_by_sign_word_and_colour(
    view: StatusView, records: int, previous: int | None, shown: str, flagged: bool
) -> None:
    agreement = view.datasets[0].agreement
    one = Submission("sent" if records else "nil", records, received_at=view.at, previous=previous)
    alone = replace(view, stopped=(), keys=(), parties=(replace(view.parties[0], submissions={agreement: one}),))
    cell = quarter_table(alone, "zh").rows[0][4]
    assert (cell.text, cell.tone) == (shown, "warn" if flagged else "plain")
    assert one.flagged is flagged
    page = status_page(alone, "zh").decode()
    assert (f'<td class="n flag">{shown}</td>' in page) is flagged
    assert shown in page
    assert (f"1 项记录数比上期增减超过 30%：{view.parties[0].name}" in text(page.encode())) is flagged


@pytest.mark.parametrize(
    "submission",
    [
        Submission("owed", 0, previous=100),
        Submission("missing", 0, previous=100),
        Submission("refused", 500, 500, previous=100),
        Submission("held", 500, previous=100),
        Submission("withdrawn", 500, previous=100),
        Submission("sent", 50, previous=100, parts=(1, 3)),
    ],
)
def test_what_is_not_all_in_is_not_compared(view: StatusView, submission: Submission) -> None:
    there = replace(submission, received_at=view.at)
    assert not there.flagged
    row = replace(view.parties[0], submissions={view.datasets[0].agreement: there})
    table = quarter_table(replace(view, parties=(row,)), "zh")
    assert (table.rows[0][4].text, table.totals[4].text) == ("", "")


def test_the_total_compares_only_parties_of_which_both_periods_are_known(view: StatusView) -> None:
    agreement = view.datasets[0].agreement
    given = [
        Submission("sent", 150, received_at=view.at, previous=100),
        Submission("sent", 900, received_at=view.at),
        Submission("missing", previous=7000),
        Submission("late", 50, received_at=view.at, previous=100),
    ]
    rows = tuple(replace(row, submissions={agreement: one}) for row, one in zip(view.parties[:4], given, strict=True))
    assert quarter_table(replace(view, parties=rows), "zh").totals[4].text == "0"


def test_whom_to_call_stands_where_something_is_missing_or_late(view: StatusView) -> None:
    agreement, row = view.datasets[0].agreement, replace(view.parties[0], contact="示例人 000-1")
    for state in SIGNS:
        one = Submission(state, received_at=view.at, reminded_at=view.at - timedelta(days=3))
        alone = replace(view, parties=(replace(row, submissions={agreement: one}),))
        called = state in {"missing", "late", "refused", "held", "withdrawn"}
        assert ("示例人 000-1" in text(status_page(alone, "zh"))) is called, state
        assert ("催 10-18" in text(status_page(alone, "zh"))) is called, state
        assert (quarter_table(alone, "zh").rows[0][-1].text == "示例人 000-1") is called, state
    parts = Submission("sent", 9, received_at=view.at, parts=(2, 3))
    page = text(status_page(replace(view, parties=(replace(row, submissions={agreement: parts}),)), "zh"))
    assert "● 已报 2/3份" in page
    assert "示例人 000-1" in page
    whole = replace(parts, parts=(3, 3))
    page = text(status_page(replace(view, parties=(replace(row, submissions={agreement: whole}),)), "zh"))
    assert "3/3" not in page
    assert "示例人" not in page


def test_stopped_parcels_say_why_and_what_the_operator_can_do(view: StatusView) -> None:
    page = text(status_page(view, "zh"))
    fault, held, waiting = (
        next(parcel.parcel for parcel in view.stopped if parcel.blame == blame)
        for blame in ("fault", "held", "deferred")
    )
    assert page.index(fault[:8]) < page.index(held[:8]) < page.index(waiting[:8])
    assert "901 进出记录数不平" in page
    assert f"gateway parcels retry {fault}" in page
    assert f"gateway parcels confirm {held}" in page
    assert "707 接收方的公钥" in page


def test_numbers_deliveries_keys_disk_and_log_are_shown(view: StatusView) -> None:
    page = text(status_page(view, "zh"))
    for piece in ("7,233,329", "312.0 GB / 900.0 GB", "共 1,482 条", "剩余 12 天", "已到期", "2026-10-21 14:03:20"):
        assert piece in page, piece
    sums = [sum(getattr(row, stage) for row in view.receivers) for stage in ("sealed", "released", "delivered")]
    assert " ".join(f"{count:,}" for count in sums) in page.replace("合计 32", "")
    assert "演练" not in page
    assert "演练" in text(status_page(replace(view, rehearsal=True), "zh"))
