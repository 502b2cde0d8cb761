"""Periods: the value, and what a file's name says."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.parcels import Kind
from gateway.policy.periods import (
    RHYTHMS,
    Period,
    Rhythm,
    for_rhythm,
    kind_from_name,
    read_period,
)

DAY = date(2026, 11, 21)
PER_YEAR = {"quarterly": 4, "monthly": 12, "half-yearly": 2, "yearly": 1}


@st.composite
def periods(draw: st.DrawFn) -> Period:
    rhythm = draw(st.sampled_from(RHYTHMS))
    return Period(rhythm, draw(st.integers(2000, 2099)), draw(st.integers(1, PER_YEAR[rhythm])))


days = st.dates(date(2001, 1, 1), date(2098, 12, 31))
rhythms = st.sampled_from(RHYTHMS)


@given(periods())
def test_writing_and_reading_are_inverse(period: Period) -> None:
    assert Period.parse(str(period)) == period


@given(periods())
def test_periods_of_a_rhythm_touch_and_do_not_overlap(period: Period) -> None:
    assert period.next().start == period.end + timedelta(days=1) == period.opens
    assert period.next().previous() == period == period.previous().next()
    assert period.previous() < period < period.next()


@given(rhythms, days)
def test_the_last_ended_period_is_the_one_before_the_running_one(rhythm: Rhythm, day: date) -> None:
    period = for_rhythm(rhythm, day)
    assert period.ended(day)
    assert not period.next().ended(day)
    assert period.next() == Period.containing(rhythm, day)


@given(periods(), st.sampled_from(["{}", "流入_{}.csv", "跨省流入人口个案-{}-更正.xlsx", "（{}）补报.csv", "a {} b"]))
def test_a_name_with_a_written_period_gives_it(period: Period, form: str) -> None:
    for written in (str(period), period.title(), f"{period.end:%Y%m%d}", f"{period.end.year}年{period.end:%m月%d日}"):
        for name in (form.format(written), form.format(written).translate(_WIDE)):
            assert read_period(name, period.rhythm).period == period, name


_WIDE = str.maketrans("0123456789QH-", "０１２３４５６７８９ＱＨ－")


@given(periods(), periods(), days)
def test_two_different_periods_of_a_rhythm_in_a_name_are_never_chosen_between(a: Period, b: Period, day: date) -> None:
    if a.rhythm != b.rhythm or a == b:
        return
    assert read_period(f"{a.title()}和{b.title()}.csv", a.rhythm, day).reason == "ambiguous"


@given(st.text(max_size=40), rhythms, days)
def test_any_name_at_all_gives_a_period_or_one_reason(name: str, rhythm: Rhythm, day: date) -> None:
    read = read_period(name, rhythm, day)
    assert (read.period is None) == bool(read.reason)
    assert read.period is None or read.period.rhythm == rhythm
    kind_from_name(name)


@pytest.mark.parametrize(
    ("name", "rhythm", "expected"),
    [
        ("跨省流入人口个案-三季度.csv", "quarterly", "2026Q3"),
        ("跨省流入人口个案 第三季度.csv", "quarterly", "2026Q3"),
        ("四季度.csv", "quarterly", "2025Q4"),
        ("Q3.csv", "quarterly", "2026Q3"),
        ("2026Q3.csv", "quarterly", "2026Q3"),
        ("2026q3.csv", "quarterly", "2026Q3"),
        ("2026-Q3.csv", "quarterly", "2026Q3"),
        ("2026年3季度.csv", "quarterly", "2026Q3"),
        ("2026年度第三季度.csv", "quarterly", "2026Q3"),
        ("二〇二六年第三季度.csv", "quarterly", "2026Q3"),
        ("26年三季度.csv", "quarterly", "2026Q3"),
        ("25年三季度.csv", "quarterly", "2025Q3"),
        ("2025年跨省流入人口个案-三季度.csv", "quarterly", "2025Q3"),
        ("2026-09-30.csv", "quarterly", "2026Q3"),
        ("2026.9.30.csv", "quarterly", "2026Q3"),
        ("2026年第三季度（2026年9月30日）.csv", "quarterly", "2026Q3"),
        ("2026Q3 导出20261012.csv", "quarterly", "2026Q3"),
        ("三季度 导出20261012.csv", "quarterly", "2026Q3"),
        ("三季度-2000条.csv", "quarterly", "2026Q3"),
        ("2026Q3-2000条.csv", "quarterly", "2026Q3"),
        ("2026年10月份通报.docx", "monthly", "2026-10"),
        ("202610.csv", "monthly", "2026-10"),
        ("2026上半年.csv", "half-yearly", "2026H1"),
        ("下半年.csv", "half-yearly", "2025H2"),
        ("2026年度.csv", "yearly", "2026"),
        ("20261231.csv", "yearly", "2026"),
        ("2026年第三季度-2026年第二季度.csv", "quarterly", "ambiguous"),
        ("2026年第二季度_20260930.csv", "quarterly", "ambiguous"),
        ("三季度20251012.csv", "quarterly", "ambiguous"),
        ("2024年2025年三季度.csv", "quarterly", "ambiguous"),
        ("2026年10月.csv", "quarterly", "other-rhythm"),
        ("2026Q3.csv", "monthly", "other-rhythm"),
        ("2026年第三季度.csv", "yearly", "other-rhythm"),
        ("跨省流入人口个案.csv", "quarterly", "absent"),
        ("20261012.csv", "quarterly", "absent"),
        ("20260931.csv", "quarterly", "absent"),
        ("2026年.csv", "quarterly", "absent"),
        ("2026Q5.csv", "quarterly", "absent"),
        ("FAQ3.csv", "quarterly", "absent"),
        ("20260930153000.csv", "quarterly", "absent"),
    ],
)
def test_names_as_people_write_them(name: str, rhythm: Rhythm, expected: str) -> None:
    read = read_period(name, rhythm, DAY)
    assert str(read.period or read.reason) == expected


def test_a_bare_quarter_needs_a_day_and_takes_the_last_one_ended() -> None:
    assert read_period("三季度.csv", "quarterly").period is None
    assert str(read_period("三季度.csv", "quarterly", date(2026, 9, 30)).period) == "2025Q3"
    assert str(read_period("三季度.csv", "quarterly", date(2026, 10, 1)).period) == "2026Q3"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("2026Q3.csv", (Kind.NEW, None, None)),
        ("2026Q3-更正.csv", (Kind.REPLACE, None, None)),
        ("2026Q3－补报.csv", (Kind.SUPPLEMENT, None, None)),
        ("2026Q3_零报告.csv", (Kind.NIL, None, None)),
        ("2026Q3撤回.csv", (Kind.VOID, None, None)),
        ("2026Q3-第1份共3份.csv", (Kind.PART, 1, 3)),
        ("2026Q3_第２份_共３份.csv", (Kind.PART, 2, 3)),
        ("2026Q3第一份共三份.csv", (Kind.PART, 1, 3)),
        ("2026Q3-第十二份共二十份.csv", (Kind.PART, 12, 20)),
        ("2026Q3-更正-第2份共2份.csv", (Kind.REPLACE, 2, 2)),
        ("2026Q3-更正-更正.csv", (Kind.REPLACE, None, None)),
        ("2026Q3-更正-补报.csv", (None, None, None)),
        ("2026Q3-第4份共3份.csv", (None, None, None)),
        ("2026Q3-第0份共3份.csv", (None, None, None)),
        ("2026Q3-零报告-第1份共3份.csv", (None, None, None)),
    ],
)
def test_kinds_as_people_write_them(name: str, expected: tuple[Kind | None, int | None, int | None]) -> None:
    assert kind_from_name(name) == expected


@pytest.mark.parametrize(
    "text", ["", "2026Q0", "2026Q5", "2026-13", "2025-1", "2026H3", "２０２６Q3", "2026Q3 ", "25Q3", "1899"]
)
def test_anything_else_is_no_period(text: str) -> None:
    with pytest.raises(ValueError, match="period") as raised:
        Period.parse(text)
    assert text == "" or text not in str(raised.value)


def test_a_quarter_as_people_know_it() -> None:
    period = Period.parse("2026Q3")
    assert (period.start, period.end, period.opens) == (date(2026, 7, 1), date(2026, 9, 30), date(2026, 10, 1))
    assert (period.key, period.title(), period.title("en")) == ("Q3", "2026年第三季度", "2026Q3")
    assert str(Period.parse("2026Q4").next()) == "2027Q1"
    assert Period.parse("2024-02").end == date(2024, 2, 29)
    assert [Period.parse(text).key for text in ("2026-02", "2026H2", "2026")] == ["M", "H2", "Y"]
