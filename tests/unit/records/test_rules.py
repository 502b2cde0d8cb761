"""Every rule of the migrant case records (`schemas/migrants-*.json`), one spoiled cell at a time."""

from __future__ import annotations

import pytest

from tests.unit.records.conftest import Examiner, good
from tests.unit.records.test_idnumber import number

ERRORS = [
    # required, lengths, code lists
    ({"name": ""}, "name", "401"),
    ({"sex": ""}, "sex", "401"),
    ({"migration_date": ""}, "migration_date", "401"),
    ({"name": "示" * 26}, "name", "407"),
    ({"residence_address": "示" * 41}, "residence_address", "407"),
    ({"household_code": "1" * 21}, "household_code", "407"),
    ({"sex": "3"}, "sex", "408"),
    ({"sex": "男"}, "sex", "408"),
    ({"sex": "１"}, "sex", "408"),
    ({"education": "50"}, "education", "408"),
    ({"education": "7"}, "education", "408"),
    ({"household_type": "3"}, "household_type", "408"),
    ({"marital_status": "2"}, "marital_status", "408"),
    ({"migration_reason": "7"}, "migration_reason", "408"),
    ({"family_migration": "2"}, "family_migration", "408"),
    ({"family_migration": "是"}, "family_migration", "408"),
    # names
    ({"name": "王?"}, "name", "412"),
    ({"name": "王？"}, "name", "412"),
    ({"name": "王□"}, "name", "412"),
    ({"name": "王\ue000"}, "name", "412"),
    ({"name": "王\U000f0001"}, "name", "412"),
    ({"name": "王[马+页]"}, "name", "412"),
    ({"name": "王\ufffd"}, "name", "412"),
    ({"name": "⿰马页"}, "name", "412"),
    # dates
    ({"migration_date": "2026/3/1"}, "migration_date", "410"),
    ({"migration_date": "1980111"}, "migration_date", "410"),
    ({"migration_date": "+1980010"}, "migration_date", "410"),
    ({"migration_date": "２０２６０３０１"}, "migration_date", "410"),
    ({"migration_date": "46082"}, "migration_date", "410"),
    ({"migration_date": "2026-3-01"}, "migration_date", "410"),
    ({"migration_date": "20260230"}, "migration_date", "411"),
    ({"migration_date": "00000101"}, "migration_date", "411"),
    ({"migration_date": "2.02603E+7"}, "migration_date", "409"),
    ({"migration_date": "20260901"}, "migration_date", "431"),
    ({"migration_date": "20261001"}, "migration_date", "432"),
    ({"return_date": "20261001"}, "return_date", "432"),
    ({"return_date": "20260228"}, "return_date", "433"),
    ({"birth_date": "19900102"}, "birth_date", "430"),
    # regions
    ({"residence_code": "110101"}, "residence_code", "413"),
    ({"residence_code": "１１０１０１００１００１"}, "residence_code", "413"),
    ({"residence_code": "11010100100X"}, "residence_code", "413"),
    ({"residence_code": "1.10101E+11"}, "residence_code", "409"),
    ({"residence_code": "110101000000"}, "residence_code", "414"),
    ({"residence_code": "110000000000"}, "residence_code", "414"),
    ({"residence_code": "310101001001"}, "residence_code", "501"),
    ({"residence_code": "119999001001"}, "residence_code", "417"),
    ({"registered_code": "990101001001"}, "registered_code", "415"),
    ({"registered_code": "710000000000"}, "registered_code", "416"),
    ({"registered_code": "810000000000"}, "registered_code", "416"),
    ({"registered_code": "820101001001"}, "registered_code", "416"),
    ({"registered_code": "449999000000"}, "registered_code", "417"),
    ({"registered_code": "110102001001"}, "residence_code", "418"),
    # spouse
    ({"marital_status": "20"}, "spouse_accompanying", "434"),
    ({"marital_status": "23"}, "spouse_accompanying", "434"),
    ({"marital_status": "10", "spouse_accompanying": "0"}, "spouse_accompanying", "435"),
    ({"marital_status": "30", "spouse_accompanying": "1"}, "spouse_accompanying", "435"),
    ({"marital_status": "21", "spouse_accompanying": "9"}, "spouse_accompanying", "408"),
    # text that a spreadsheet would compute
    ({"residence_address": "-示例"}, "residence_address", "436"),
]

WARNINGS = [
    ({"name": "示" * 16}, "name", "451"),
    ({"registered_code": "440103000000"}, "registered_code", "452"),
    ({"registered_code": "441900000000"}, "registered_code", "452"),
    ({"registered_code": "440000000000"}, "registered_code", "453"),
    ({"registered_code": "660000000000"}, "registered_code", "453"),
    ({"registered_code": "500112001001"}, "registered_code", "454"),
    ({"migration_reason": "3"}, "migration_reason", "455"),
    ({"migration_reason": "6"}, "migration_reason", "456"),
    ({"sex": "1"}, "sex", "457"),
    ({"id_number": "11010119900107000x", "birth_date": "19900107"}, "id_number", "458"),
    ({"registered_address": "示例\ue000村"}, "registered_address", "461"),
    ({"name": "示例\u30fb甲"}, "name", "464"),
]

FINE = [
    {},
    {"name": "示" * 15},
    {"name": "示例·甲"},
    {"name": "䶮𬱖龴"},
    {"sex": "0"},
    {"sex": "9"},
    {"education": "60"},
    {"migration_date": "20260831"},  # thirty days before 30 September
    {"return_date": "20260930"},
    {"return_date": "20260301"},
    {"marital_status": "20", "spouse_accompanying": "1"},
    {"marital_status": "22", "spouse_accompanying": "0"},
    {"marital_status": "90"},
    {"registered_code": "659004001001"},
    {"registered_code": "660199001001"},  # below 66 only the shape can be checked
    {"registered_code": "659013001001"},
    {"id_number": number("81000019900101000")},
]


@pytest.mark.parametrize(("changed", "field", "code"), ERRORS)
def test_refused_for_exactly_that(examiner: Examiner, changed: dict[str, str], field: str, code: str) -> None:
    examined = examiner([good(), good(**changed), *[good()] * 8])
    assert examined.violations == [("2", field, code)]
    assert (examined.found.accepted, examined.found.refused) == (9, 1)


@pytest.mark.parametrize(("changed", "field", "code"), WARNINGS)
def test_travels_with_a_warning(examiner: Examiner, changed: dict[str, str], field: str, code: str) -> None:
    examined = examiner([good(**changed)], as_of="2026-09-30")
    assert examined.violations == [("1", field, code)]
    assert (examined.found.accepted, examined.found.warned, examined.found.refused) == (1, 1, 0)


@pytest.mark.parametrize("changed", FINE)
def test_nothing_to_say(examiner: Examiner, changed: dict[str, str]) -> None:
    examined = examiner([good(**changed)])
    assert examined.violations == []
    assert (examined.found.accepted, examined.found.warned) == (1, 0)


def test_one_fault_one_sentence(examiner: Examiner) -> None:
    """A rule between cells is silent where one of them is wrong already."""
    examined = examiner([good(), good(id_number="110101199001010006", birth_date="19800101", sex="1")])
    assert examined.violations == [("2", "id_number", "421")]


def test_without_sender_and_period_their_rules_are_left_out(examiner: Examiner) -> None:
    rows = [
        good(residence_code="310101001001"),
        good(migration_date="20991231"),
        good(registered_code="500112001001"),
    ]
    assert examiner(rows, sender=None, as_of=None).violations == []


def test_the_corps_goes_by_66_only(examiner: Examiner) -> None:
    examined = examiner([good(registered_code="659001001001"), good(registered_code="660101001001")])
    assert {part.province: part.records for part in examined.found.parts} == {"65": 1, "66": 1}


def test_columns_of_the_agreement(examiner: Examiner) -> None:
    """A field of the schema that the agreement leaves out is a column too many; what it lists travels alone."""
    listed = ("name", "residence_code", "registered_code")
    assert examiner([good()], columns=listed).outcome.code == "304"  # type: ignore[union-attr]
    data = "姓名,现居住地代码,户籍所在地代码\n示例甲,110101001001,440103001001\n".encode()
    assert examiner(data, columns=listed).part("44") == [["示例甲", "110101001001", "440103001001"]]


def test_messages_name_columns_and_limits_never_values(examiner: Examiner) -> None:
    examined = examiner([good(name="示" * 26, migration_date="20260915")])
    text = (examined.job.out / "violations.csv").read_text("utf-8")
    assert "“姓名”过长：最多 50 字节" in text
    assert "至统计时点 2026-09-30 不满 30 日" in text
    assert "示示" not in text
    assert "20260915" not in text


def test_quality_figures(examiner: Examiner) -> None:
    rows = [good(), good(name=""), good(birth_date="19900102"), good(sex="1")]
    # 14 required cells a record, one of 56 missing; one record of four in each other dimension
    assert examiner(rows).found.quality == {
        "completeness": round(55 / 56, 4),
        "conformity": 1.0,
        "consistency": 0.75,
        "plausibility": 0.75,
    }
