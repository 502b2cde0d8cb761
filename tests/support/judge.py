"""A small judge of its own: no line of it comes from the generator or from `gateway.records`."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
CODES = REPOSITORY / "schemas" / "codes"
ORDER = [
    "household_code",
    "name",
    "sex",
    "residence_address",
    "residence_code",
    "registered_address",
    "registered_code",
    "id_number",
    "birth_date",
    "education",
    "household_type",
    "marital_status",
    "migration_reason",
    "migration_date",
    "return_date",
    "family_migration",
    "spouse_accompanying",
]
WORDS = {
    "户编码": "household_code",
    "姓名": "name",
    "性别": "sex",
    "现居住地": "residence_address",
    "现居住地地址": "residence_address",
    "现居住地代码": "residence_code",
    "户籍所在地": "registered_address",
    "户籍所在地代码": "registered_code",
    "公民身份号码": "id_number",
    "身份证号": "id_number",
    "出生日期": "birth_date",
    "文化程度": "education",
    "户口性质": "household_type",
    "婚姻状况": "marital_status",
    "流动原因": "migration_reason",
    "流入日期": "migration_date",
    "流出日期": "migration_date",
    "离开日期": "return_date",
    "返回日期": "return_date",
    "是否家庭户流动": "family_migration",
    "配偶是否随同流动": "spouse_accompanying",
}


def table(name: str) -> list[dict[str, str]]:
    with (CODES / name).open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


PARTNERS = {row["code"] for row in table("province.csv") if row["participates"] == "yes"}
AREAS = [*table("area_gb2260_history.csv"), *table("area_gb2260_supplement.csv")]
EVER = {row["code"] for row in AREAS if row["level"] == "county"}
LISTS = {
    "sex": {"0", "1", "2", "9"},
    "education": {row["code"] for row in table("education.csv")},
    "household_type": {"1", "2", "9"},
    "marital_status": {"10", "20", "21", "22", "23", "30", "40", "90"},
    "migration_reason": set("1234569"),
    "family_migration": {"0", "1"},
}


def day(text: str) -> date:
    return datetime.strptime(text.replace("-", ""), "%Y%m%d").date()


def checksum_holds(number: str) -> bool:
    """GB 11643 as ISO 7064 MOD 11-2 tells it: double and add from the left; what remains is 1."""
    if len(number) != 18 or not all(c in "0123456789" for c in number[:17]):
        return False
    remainder = 0
    for character in number[:17]:
        remainder = (remainder + int(character)) * 2 % 11
    last = 10 if number[17] == "X" else int(number[17])
    return (remainder + last) % 11 == 1


def judge(row: Sequence[str], agreement: str, sender: str, as_of: date) -> set[str]:
    """What is wrong with one record, in words of this file."""
    value = dict(zip(ORDER, row, strict=True))
    own, far = value["residence_code"], value["registered_code"]
    if agreement == "migrants-outflow":
        own, far = far, own
    wrong = {name for name, codes in LISTS.items() if value[name] not in codes}
    number = value["id_number"]
    if not number.isdecimal() and not number[:17].isdecimal():
        wrong.add("damaged")
    elif not checksum_holds(number):
        wrong.add("tail" if number.endswith("000") else "checksum")
    if "damaged" not in wrong and number[6:14] != value["birth_date"].replace("-", ""):
        wrong.add("birth")
    if own[:2] != sender:
        wrong.add("own")
    if far[:2] == sender:
        wrong.add("same")
    if far[:2] not in PARTNERS:
        wrong.add("partner")
    elif far[:2] != "66" and far[2:] != "0000000000" and far[:6] not in EVER:
        wrong.add("region")
    if len(own) != 12 or len(far) != 12:
        wrong.add("length")
    away = (as_of - day(value["migration_date"])).days
    if away < 30:
        wrong.add("later" if away < 0 else "away")
    if value["return_date"] and not day(value["migration_date"]) < day(value["return_date"]) <= as_of:
        wrong.add("return")
    if not value["name"] or "?" in value["name"]:
        wrong.add("name" if value["name"] else "nameless")
    married = value["marital_status"] in ("20", "21", "22", "23")
    if (value["spouse_accompanying"] in ("0", "1")) != married:
        wrong.add("spouse")
    return wrong


def lines_of(text: str, agreement: str, sender: str, as_of: date) -> Iterator[tuple[int, tuple[str, ...], set[str]]]:
    """Every data line by its number from 1: its canonical record and what is wrong with it. One line, one record."""
    lines = text.replace("\r\n", "\n").removesuffix("\n").split("\n")
    heads = [next(csv.reader([line])) for line in lines]
    top = next(at for at, cells in enumerate(heads) if {"name", "姓名"} & set(cells))
    names = [WORDS.get(title, title) for title in heads[top]]
    for number, line in enumerate(lines[top + 1 :], 1):
        try:
            (cells,) = csv.reader([line], strict=True)
        except csv.Error:
            yield number, (), {"structure"}
            continue
        if len(cells) != len(names):
            yield number, (), {"structure"}
            continue
        value = dict(zip(names, cells, strict=True))
        for name in ("birth_date", "migration_date", "return_date"):
            value[name] = value[name].replace("-", "")
        row = tuple(value[name] for name in ORDER)
        yield number, row, judge(row, agreement, sender, as_of)
