"""Titles as people and programs write them: with breaks and spaces, nearly right, or cut to ten bytes by a .dbf."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from support.tables import dbf, xls, xlsx

from gateway.outcomes import Refused
from gateway.records import schema
from tests.unit.records.conftest import FIELDS, GOOD, SCHEMAS, Examiner

RULES = schema.load(SCHEMAS, "migrants-inflow")
TITLES = [field.title for field in RULES.fields]
ENGLISH = list(FIELDS)
RECORD = list(GOOD.values())


def _with(**titles: str) -> list[str]:
    return [titles.get(name, title) for name, title in zip(FIELDS, TITLES, strict=True)]


def _csv(*lines: Sequence[str]) -> bytes:
    return "".join(f"{','.join(line)}\n" for line in lines).encode()


# ---- breaks and spaces ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "title", ["离开\n日期", "离开\r\n日期", " 离 开 日 期 ", "离开\u3000日期\n（可空）", "离开\t日期"]
)
@pytest.mark.parametrize("make", [lambda rows: xlsx(("流入", rows)), xls], ids=["xlsx", "xls"])
def test_breaks_and_spaces_in_a_title_say_nothing(title: str, make: object, examiner: Examiner) -> None:
    record = [*RECORD[:14], "20260901", *RECORD[15:]]
    examined = examiner(make([_with(return_date=title), record]))  # type: ignore[operator]
    assert examined.found.codes == {}
    assert examined.part("44")[0][14] == "20260901"


# ---- nearly right ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("titles", "pairs"),
    [
        ({"return_date": "离开现居住地日期"}, "O→离开日期"),
        ({"return_date": "离开日其"}, "O→离开日期"),
        ({"name": "性名"}, "B→姓名"),
        ({"name": "户主姓名", "id_number": "公民身份证号"}, "B→姓名，H→公民身份号码"),
        ({"sex": "姓别"}, "C→性别"),
    ],
)
def test_a_title_that_comes_close_says_which_is_meant(
    titles: Mapping[str, str], pairs: str, examiner: Examiner
) -> None:
    outcome = examiner(_csv(_with(**titles), RECORD)).outcome
    assert outcome == Refused("316", {"pairs": pairs})


def test_followed_literally_the_remedy_keeps_what_is_in_the_column(examiner: Examiner) -> None:
    record = [*RECORD[:14], "20260901", *RECORD[15:]]
    assert examiner(_csv(_with(return_date="离开时日期"), record)).outcome == Refused("316", {"pairs": "O→离开日期"})
    mended = examiner(_csv(_with(return_date="离开日期"), record))
    assert mended.part("44")[0][14] == "20260901"


def test_a_title_like_nothing_that_is_missing_is_a_column_too_many(examiner: Examiner) -> None:
    assert examiner(_csv([*TITLES, "联系电话"], [*RECORD, ""])).outcome == Refused("304", {"columns": "R"})
    assert examiner(_csv([*TITLES, "姓名全称"], [*RECORD, ""])).outcome == Refused("304", {"columns": "R"})


def test_a_title_of_any_length_takes_no_time(examiner: Examiner) -> None:
    titles = [*_with(name="离" * 300_000), *(f"离开日{n}" for n in range(3000))]
    assert isinstance(examiner(_csv(titles, RECORD)).outcome, Refused)


# ---- records above the header ---------------------------------------------------------------------------------------


def test_records_that_sorting_left_above_the_header_are_told(examiner: Examiner) -> None:
    assert examiner(_csv(RECORD, RECORD, TITLES, RECORD)).outcome == Refused("319", {"rows": "1、2"})
    assert examiner(_csv(TITLES, RECORD, RECORD, RECORD)).found.accepted == 3


def test_titles_above_the_header_are_named_by_their_rows(examiner: Examiner) -> None:
    lines = [["跨省流入人口个案"], ["填报单位：示例县", "", "", "2026年10月9日"], [], TITLES, RECORD]
    found = examiner(_csv(*lines)).found
    assert (found.accepted, found.passed_over, found.passed_rows) == (1, {"标题": 2}, {"标题": ((1, 2),)})


# ---- ten bytes ------------------------------------------------------------------------------------------------------


def _dbf(names: Sequence[str], places: Sequence[int] | None = None) -> bytes:
    cells = [RECORD[place].encode("gb18030") for place in places or range(len(names))]
    return dbf([(name, "C", 80) for name in names], [cells])


def test_our_own_titles_cut_to_ten_bytes_are_known_by_their_order(examiner: Examiner) -> None:
    examined = examiner(_dbf(TITLES))
    assert examined.part("44") == [RECORD]


def test_english_names_cut_to_ten_bytes_are_known_by_their_order(examiner: Examiner) -> None:
    assert examiner(_dbf(ENGLISH)).part("44") == [RECORD]


def test_the_codes_of_the_old_system_cut_to_ten_bytes(examiner: Examiner) -> None:
    old = [next((alias for alias in field.aliases if alias.startswith("WIS")), field.title) for field in RULES.fields]
    outcome = examiner(_dbf(old)).outcome
    assert not isinstance(outcome, Refused), outcome


@pytest.mark.parametrize("end", ["1", "_1", "~1"])
def test_a_name_whose_end_a_program_replaced_because_it_came_twice(end: str, examiner: Examiner) -> None:
    assert examiner(_dbf(_with(registered_code="户籍所在" + end))).part("44") == [RECORD]


def test_an_optional_column_that_is_missing_and_another_order_where_no_name_is_unclear(examiner: Examiner) -> None:
    assert examiner(_dbf(TITLES[1:], range(1, 17))).part("44") == [RECORD]
    clear = _with(registered_code="户籍地代码")
    assert examiner(_dbf([*clear[9:], *clear[:9]], [*range(9, 17), *range(9)])).part("44") == [RECORD]


def test_names_that_could_be_several_columns_in_another_order_are_refused(examiner: Examiner) -> None:
    order = [*range(9, 17), *range(9)]
    outcome = examiner(_dbf([TITLES[place] for place in order], order)).outcome
    assert isinstance(outcome, Refused)
    assert outcome.code == "317"
    assert outcome.detail["titles"] == "“户籍所在地”、“户籍所在地代码”"
    names = dict(pair.split("→") for pair in str(outcome.detail["names"]).split("，"))
    mended = [names.get(TITLES[place], TITLES[place]) for place in order]
    assert examiner(_dbf(mended, order)).part("44") == [RECORD], "the remedy followed literally"


def test_a_name_that_comes_twice_and_is_one_column_stays_twice(examiner: Examiner) -> None:
    assert examiner(_dbf([*TITLES[:2], *TITLES[1:]], [0, 1, *range(1, 17)])).outcome == Refused(
        "305", {"title": "姓名"}
    )
