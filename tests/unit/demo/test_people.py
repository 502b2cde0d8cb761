"""Generated people: nobody real, nobody refused, the same every time."""

from __future__ import annotations

from datetime import date

import pytest
from support.judge import AREAS, PARTNERS, checksum_holds, day, judge

from gateway.demo.flows import ARRIVED, LEFT, weights
from gateway.demo.people import FIELDS, INFLOW, OUTFLOW, Row, Sample, people, receivers
from gateway.demo.regions import check_character, provinces

AS_OF = date(2026, 9, 30)
NUMBER, BORN = FIELDS.index("id_number"), FIELDS.index("birth_date")


def sample(agreement: str, own: str, rows: int = 400, seed: str = "s") -> list[Row]:
    return list(people(Sample(agreement, own, AS_OF, rows, weights(agreement, own), seed)))


def test_the_textbook_number_has_its_check_character() -> None:
    # GB 11643-1999, appendix: 11010519491231002X
    assert check_character("11010519491231002") == "X"
    assert checksum_holds("11010519491231002X")
    assert not checksum_holds("110105194912310021")


def test_the_same_seed_gives_the_same_people_and_another_seed_others() -> None:
    assert sample(INFLOW, "44") == sample(INFLOW, "44")
    assert sample(INFLOW, "44") != sample(INFLOW, "44", seed="t")


@pytest.mark.parametrize("agreement", [INFLOW, OUTFLOW])
@pytest.mark.parametrize("own", sorted(PARTNERS))
def test_an_independent_judge_finds_nothing(agreement: str, own: str) -> None:
    rows = sample(agreement, own, 150)
    assert len(rows) == 150
    for row in rows:
        assert judge(row, agreement, own, AS_OF) == set()


def test_nobody_can_be_anybody() -> None:
    for row in sample(INFLOW, "33", 2000) + sample(OUTFLOW, "46", 500):
        value = dict(zip(FIELDS, row, strict=True))
        assert value["id_number"][14:17] in ("000", "997", "999")
        assert value["name"][:2] in ("测试", "示例", "样例", "演示")
        assert value["residence_address"].startswith("示例省")
        assert value["registered_address"].startswith("示例省")
        assert value["sex"] == ("1" if int(value["id_number"][16]) % 2 else "2")
        assert not value["id_number"].endswith("000"), "would look like damage by a spreadsheet"
        assert len(value["residence_address"].encode("gb18030")) <= 80
        assert len(value["name"].encode("gb18030")) <= 30
        assert len(value["household_code"]) <= 20


def test_numbers_are_of_a_county_in_force_when_the_person_was_born() -> None:
    spans: dict[str, list[tuple[int, int]]] = {}
    for area in AREAS:
        if area["level"] == "county":
            years = int(area["valid_from_year"]), int(area["valid_to_year"] or 9999)
            spans.setdefault(area["code"], []).append(years)
    for own in ("11", "46", "50", "65", "66"):
        for row in sample(OUTFLOW, own, 400):
            born = max(int(row[BORN][:4]), 1981)
            assert row[NUMBER][:2] != "66"
            assert any(first <= born <= last for first, last in spans[row[NUMBER][:6]])


def test_numbers_do_not_repeat_within_a_file() -> None:
    rows = sample(INFLOW, "44", 8000)
    assert len({row[NUMBER] for row in rows}) == len(rows)


def test_the_edges_of_the_rules_and_hard_characters_occur() -> None:
    rows = sample(INFLOW, "31", 4000)
    text = "".join(row[1] for row in rows)
    assert all(character in text for character in "䶮𬱖·龴")
    away = {(AS_OF - day(row[FIELDS.index("migration_date")])).days for row in rows}
    assert min(away) == 30
    assert {row[6][6:] == "000000" for row in rows} == {True, False}
    assert any(row[6].endswith("0000000000") for row in rows)
    assert any(row[6].startswith("66") for row in rows)
    assert any("," in row[3] for row in rows)
    assert any('"' in row[3] for row in rows)
    assert any(row[14] for row in rows)


def test_records_spread_as_people_move() -> None:
    to_guangdong = receivers(INFLOW, sample(INFLOW, "44", 5000))
    assert set(to_guangdong) <= PARTNERS - {"44"}
    assert len(to_guangdong["43"]) > 10 * len(to_guangdong["21"])
    assert sum(map(len, to_guangdong.values())) == 5000


def test_every_partner_has_its_sizes() -> None:
    assert set(ARRIVED) == set(LEFT) == PARTNERS == {province.code for province in provinces()}
