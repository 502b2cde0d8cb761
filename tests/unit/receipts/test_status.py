"""The operator's page and the quarter table: what needs a person comes first, and nothing is told by colour alone."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.policy.model import Language
from gateway.receipts.status import needs, quarter_table, status_page
from gateway.receipts.views import SIGNS, TONES, Disk, StatusView, Submission
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
        "4 项逾期未报：西藏、青海",
        "2 项整件退回，尚未重报：吉林",
        "1 个交换件等待确认",
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
    assert said(last_scan=view.at - timedelta(minutes=3)) == ["扫描已停：上次 2026-10-21 14:00"]
    assert said(disk=Disk(5, 100, 6)) == ["磁盘空间不足"]
    row = view.receivers[0]
    assert said(receivers=(replace(row, release_owed=True),)) == ["1 个接收方的交换包待放行"]
    assert said(receivers=(replace(row, open_since=view.at - timedelta(days=8)),)) == ["1 个接收方超过 7 天未签收"]
    assert said(receivers=(replace(row, open_since=view.at - timedelta(days=6)),)) == []


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_state_has_sign_word_and_tone(view: StatusView, language: Language) -> None:
    assert set(SIGNS) == set(TONES)
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
    assert len(table.columns) == 11
    assert len(table.rows) == 32
    assert {len(row) for row in (*table.rows, table.totals)} == {11}
    records = [int(row[2].text.replace(",", "")) for row in table.rows if row[2].text]
    assert table.totals[2].text == f"{sum(records):,}"
    heilongjiang = next(row for row in table.rows if row[0].text == "23 黑龙江")
    assert [cell.text for cell in heilongjiang[1:6]] == ["● 已报", "48,873", "0", "10-19 12:04", "11-01"]
    corps = next(row for row in table.rows if row[0].text == "66 兵团")
    assert [cell.text for cell in corps[1:6]] == ["○ 待报", "", "", "", "11-10"]
    assert [cell.text for cell in corps[6:]] == ["– 无", "", "", "", ""]


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
