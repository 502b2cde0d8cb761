"""Schemas as facts: what the shipped ones say, that a changed file is read again, that nothing unknown is let pass."""

from __future__ import annotations

import csv
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from gateway.outcomes import catalogue
from gateway.records import regions, schema
from gateway.records.codelists import province_of, provinces
from gateway.records.schema import SchemaFault, load, normal_title
from gateway.records.violations import meanings
from tests.unit.records.conftest import FIELDS, SCHEMAS

# Issue 2: name, title, required.
TITLES = (
    "户编码 姓名* 性别* 现居住地* 现居住地代码* 户籍所在地* 户籍所在地代码* 公民身份号码* 出生日期* "
    "文化程度* 户口性质* 婚姻状况* 流动原因* {0}日期* {1}日期 是否家庭户流动* 配偶是否随同流动"
)


@pytest.mark.parametrize(("dataset", "words"), [("migrants-inflow", "流入 离开"), ("migrants-outflow", "流出 返回")])
def test_the_migrant_case(dataset: str, words: str) -> None:
    rules = load(SCHEMAS, dataset)
    assert tuple(field.name for field in rules.fields) == FIELDS
    assert [field.title + "*" * field.required for field in rules.fields] == TITLES.format(*words.split()).split()
    assert rules.route_by == ("registered_code" if dataset == "migrants-inflow" else "residence_code")
    assert {"migrants-inflow", "migrants-outflow", "inquiry", "reply"} < set(schema.datasets(SCHEMAS))


def test_code_lists_are_the_tables_of_the_seed() -> None:
    codes = {
        field.name: "".join(f" {code}" for code in field.codes) for field in load(SCHEMAS, "migrants-inflow").fields
    }
    assert codes["sex"] == " 0 1 2 9"
    assert codes["household_type"] == " 1 2 9"
    assert codes["marital_status"] == " 10 20 21 22 23 30 40 90"
    assert codes["education"] == (
        " 10 11 12 13 14 15 16 17 18 19 20 21 22 23 28 30 31 32 33 40 41 42 43 44 45 46 47 48 49"
        " 60 61 62 63 70 71 73 80 81 83 90"
    )


def test_every_fact_has_its_source() -> None:
    for path in (SCHEMAS / "codes").glob("*.csv"):
        with path.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        if path.stem != "gb18030_python_pua_fix":
            assert all(row["source"] for row in rows), path.name


def test_provinces() -> None:
    known = provinces(SCHEMAS)
    assert sum(province.partner for province in known.values()) == 32
    assert {code for code, province in known.items() if not province.partner} == {"71", "81", "82"}
    assert province_of(SCHEMAS, "兵团").code == "66"
    table = regions.load(SCHEMAS)
    assert table.known("110103")
    assert table.last_year["110103"] == 2010
    assert table.last_year["500112"] == 2025, "the supplement stands over the history"
    assert table.last_year["110101"] == regions.OPEN


@pytest.mark.parametrize(
    "title",
    [
        "姓名",
        " 姓 名 ",
        "姓名*",
        "＊姓名",
        "姓名（必填）",
        "姓名(必填)*",
        "\ufeff姓名",
        "姓\u200b名\u200e",
        "NAME",
        "Name",
        "姓　名",
        "WISField001",
    ],
)
def test_titles_as_people_write_them(title: str) -> None:
    assert load(SCHEMAS, "migrants-inflow").places[normal_title(title)] == 1


def _copy(tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path / "schemas"
    shutil.copytree(SCHEMAS, folder)
    return folder, json.loads((folder / "migrants-inflow.json").read_text("utf-8"))


def _write(folder: Path, document: dict[str, Any], name: str = "migrants-inflow.json") -> None:
    path = folder / name
    path.write_text(json.dumps(document, ensure_ascii=False), "utf-8")
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1_000_000))


def test_a_changed_code_list_needs_no_code(tmp_path: Path) -> None:
    folder, _ = _copy(tmp_path)
    place = FIELDS.index("migration_reason")
    assert "7" not in load(folder, "migrants-inflow").fields[place].codes
    path = folder / "codes" / "migration_reason.csv"
    path.write_text(path.read_text("utf-8") + "7,示例原因,,ours\n", "utf-8")
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1_000_000))
    assert "7" in load(folder, "migrants-inflow").fields[place].codes


def test_two_versions_stand_side_by_side(tmp_path: Path) -> None:
    folder, document = _copy(tmp_path)
    _write(folder, {**document, "version": "2", "title": "第二版"}, "migrants-inflow.v2.json")
    assert load(folder, "migrants-inflow").version == "1"
    assert load(folder, "migrants-inflow", "2").title == "第二版"
    with pytest.raises(FileNotFoundError):
        load(folder, "migrants-inflow", "3")


def _spoil(document: dict[str, Any], how: str) -> None:
    field = document["fields"][1]
    match how:
        case "unknown property":
            field["gateway:regexp"] = "x"
        case "unknown constraint":
            field["constraints"]["maxLength"] = 3
        case "unknown type":
            field["type"] = "number"
        case "unknown rule":
            document["gateway:rules"][0]["rule"] = "astrology"
        case "rule without field":
            document["gateway:rules"][0]["fields"] = ["residence_code", "nowhere"]
        case "route without region":
            document["gateway:routeBy"] = "name"
        case "title twice":
            field["gateway:aliases"] = ["性别"]


@pytest.mark.parametrize(
    "how",
    [
        "unknown property",
        "unknown constraint",
        "unknown type",
        "unknown rule",
        "rule without field",
        "route without region",
        "title twice",
    ],
)
def test_what_nobody_understands_is_a_fault(tmp_path: Path, how: str) -> None:
    folder, document = _copy(tmp_path)
    _spoil(document, how)
    _write(folder, document)
    with pytest.raises(SchemaFault):
        load(folder, "migrants-inflow")


def test_columns_of_an_agreement_have_to_be_fields() -> None:
    with pytest.raises(SchemaFault):
        load(SCHEMAS, "migrants-inflow").only(["name", "nowhere"])


def test_every_code_a_schema_names_has_a_meaning() -> None:
    for dataset in schema.datasets(SCHEMAS):
        rules = load(SCHEMAS, dataset)
        named = {code for rule in rules.rules for code in (rule.code, rule.otherwise) if code}
        named |= {code for field in rules.fields for code in field.warn.values()}
        assert named <= set(meanings())
    assert {code for code in catalogue() if code[0] == "4"} <= set(meanings())
