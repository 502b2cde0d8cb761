"""Workbooks and .dbf: what their cells' types show is said, hostile ones are refused with a code, no row is lost."""

from __future__ import annotations

import datetime as dt
import struct
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlwt
from support.tables import dbf, xls, xlsx

from gateway.outcomes import Ok, Refused
from gateway.records import jobs, schema
from gateway.records.readers import containers
from gateway.records.templates import write_template
from tests.unit.records.conftest import FIELDS, GOOD, SCHEMAS, Examined, Examiner, good

RULES = schema.load(SCHEMAS, "migrants-inflow")
TITLES = [field.title for field in RULES.fields]


def _book(path: Path, *sheets: tuple[str, Sequence[Sequence[Any]]], date_1904: bool = False) -> bytes:
    path.write_bytes(xlsx(*sheets, date_1904=date_1904))
    return path.read_bytes()


def _rows(*records: dict[str, Any]) -> list[list[Any]]:
    return [TITLES, *([{**GOOD, **record}[name] for name in FIELDS] for record in records)]


def _examine(examiner: Examiner, tmp_path: Path, *records: dict[str, Any], **job: object) -> Examined:
    return examiner(_book(tmp_path / "b.xlsx", ("流入", _rows(*records))), **job)


def test_a_workbook_is_sorted_like_the_same_table_as_text(examiner: Examiner, tmp_path: Path) -> None:
    records = [good(household_code=str(n), name="示例,乙" if n == 3 else "示例甲") for n in range(50)]
    text = examiner(records)
    expected = {part.province: text.part(part.province) for part in text.found.parts}
    digest = text.found.digest
    sheet = _examine(examiner, tmp_path, *records)
    assert sheet.found.encoding == "xlsx"
    assert {part.province: sheet.part(part.province) for part in sheet.found.parts} == expected
    assert sheet.found.digest == digest


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"id_number": 110101199001010007}, ("id_number", "438")),
        ({"id_number": 1.1}, ("id_number", "438")),
        ({"id_number": dt.date(2026, 3, 1)}, ("id_number", "442")),
        ({"id_number": "1.10101E+17"}, ("id_number", "427")),
        ({"registered_code": 440103001001}, ("registered_code", "465")),
        ({"registered_code": 44010300100}, ("registered_code", "413")),
        ({"registered_code": "4.40103E+11"}, ("registered_code", "409")),
        ({"migration_date": dt.date(2026, 3, 1)}, ("migration_date", "466")),
        ({"migration_date": dt.datetime(2026, 3, 1, 8, 30)}, ("migration_date", "466")),
        ({"migration_date": 46082}, ("migration_date", "467")),
        ({"migration_date": 20260301}, ("migration_date", "465")),
        ({"migration_date": 2026.5}, ("migration_date", "410")),
        ({"migration_date": 70000}, ("migration_date", "410")),
        ({"migration_date": "2026/3/1"}, ("migration_date", "410")),
        ({"sex": 5}, ("sex", "408")),
        ({"household_code": 12345678901234567890}, ("household_code", "438")),
        ({"household_code": dt.date(2026, 3, 1)}, ("household_code", "442")),
        ({"household_code": dt.time(8, 30)}, ("household_code", "442")),
        ({"household_code": "#N/A"}, ("household_code", "441")),
        ({"return_date": "#N/A"}, ("return_date", "441")),
        ({"residence_address": "示例省\n示例县"}, ("residence_address", "437")),
        ({"name": "=1+1"}, ("name", "436")),
    ],
)
def test_what_a_cells_type_shows(
    changed: dict[str, Any], code: tuple[str, str], examiner: Examiner, tmp_path: Path
) -> None:
    examined = _examine(examiner, tmp_path, good(), {**GOOD, **changed})
    assert examined.violations == [("2", *code)]


def test_numbers_that_are_exact_and_line_ends_around_text_say_nothing(examiner: Examiner, tmp_path: Path) -> None:
    examined = _examine(examiner, tmp_path, {"sex": 2, "household_code": 7, "name": "示例甲\n", "education": 70})
    assert examined.violations == []
    [row] = examined.part("44")
    assert row == list(good(household_code="7").values())


def test_a_lost_leading_zero_is_named(examiner: Examiner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_zero = {"01": "一", "02": "二", "3": "三"}
    fields = [field if field.name != "education" else _with_codes(field, with_zero) for field in RULES.fields]
    monkeypatch.setattr("gateway.records.schema.load", lambda *_: replace(RULES, fields=tuple(fields)))
    examined = _examine(examiner, tmp_path, {"education": 1}, {"education": 3}, {"education": "02"}, {"education": 9})
    assert examined.violations == [("1", "education", "440"), ("4", "education", "408")]


def _with_codes(field: schema.Field, codes: dict[str, str]) -> schema.Field:
    return replace(field, codes=codes)


def test_what_was_converted_is_what_travels(examiner: Examiner, tmp_path: Path) -> None:
    examined = _examine(
        examiner, tmp_path, {"migration_date": dt.date(2026, 3, 1)}, {"migration_date": 46082}, {"birth_date": 32874}
    )
    place = FIELDS.index("migration_date")
    assert [row[place] for row in examined.part("44")] == ["20260301"] * 3
    assert examined.found.codes == {"466": 1, "467": 2}


def test_days_counted_from_1904(examiner: Examiner, tmp_path: Path) -> None:
    rows = _rows({"migration_date": 46082 - 1462})
    examined = examiner(_book(tmp_path / "b.xlsx", ("流入", rows), date_1904=True))
    assert examined.part("44")[0][FIELDS.index("migration_date")] == "20260301"


def test_row_numbers_are_the_spreadsheets_own(examiner: Examiner, tmp_path: Path) -> None:
    rows: list[list[Any]] = [[], ["", "", "跨省流入人口个案"], [], *(["", *row] for row in _rows({}, {"sex": "5"}))]
    rows[5:5] = [[], []]
    examined = examiner(_book(tmp_path / "b.xlsx", ("流入", rows)))
    assert examined.found.header_line == 4
    assert (examined.found.accepted, examined.found.blank) == (1, 2)
    [_, refused] = (examined.job.out / "refused.csv").read_text("utf-8").splitlines()
    assert refused.startswith("2,8,")


def test_the_repaired_list_dropped_back_as_it_is(examiner: Examiner, tmp_path: Path) -> None:
    examined = examiner([good(), good(name=""), good(sex="3")])
    jobs.list_refused(examined.job, tmp_path / "list.xlsx")
    book = openpyxl.load_workbook(tmp_path / "list.xlsx")
    sheet = book.worksheets[0]
    sheet.cell(3, 3).value = "示例乙"
    sheet.cell(4, 4).value = "2"
    book.save(tmp_path / "mended.xlsx")
    mended = examiner((tmp_path / "mended.xlsx").read_bytes())
    assert (mended.found.records, mended.found.accepted) == (2, 2)
    assert set(mended.found.dropped) == {"行号", "退回原因", "处理办法"}
    assert mended.found.passed_over == {"标题": 1}


def test_a_filled_template_is_read(examiner: Examiner, tmp_path: Path) -> None:
    write_template(tmp_path / "t.xlsx", RULES, "跨省流入人口个案")
    assert examiner((tmp_path / "t.xlsx").read_bytes(), nil=True).found.nil
    book = openpyxl.load_workbook(tmp_path / "t.xlsx")
    for column, name in enumerate(FIELDS, 1):
        book.worksheets[0].cell(3, column).value = GOOD[name] or None
    book.save(tmp_path / "t.xlsx")
    examined = examiner((tmp_path / "t.xlsx").read_bytes())
    assert (examined.found.accepted, examined.found.passed_over) == (1, {"示例行": 1})


@pytest.mark.parametrize(
    ("sheets", "code"),
    [
        ([("一", _rows({})), ("二", _rows({}))], "309"),
        ([("一", _rows({})), ("二", [row[1:] for row in _rows({})])], None),
        ([("一", _rows({})), ("二", [row[:-6] for row in _rows({})])], "309"),
        ([("一", _rows()), ("二", _rows({}))], None),
        ([("一", [["备忘"]]), ("二", _rows({}))], None),
        ([("一", [["备忘"]])], "303"),
        ([("一", [row[:-6] for row in _rows({})])], "306"),
        ([("一", _rows())], "226"),
        ([("一", [])], "226"),
    ],
)
def test_which_sheet(
    sheets: list[tuple[str, list[list[Any]]]], code: str | None, examiner: Examiner, tmp_path: Path
) -> None:
    if code is None and len(sheets[1][1][0]) < len(TITLES):
        code = "309"  # without the optional household code a second sheet is a whole table, too
    outcome = examiner(_book(tmp_path / "b.xlsx", *sheets)).outcome
    assert (outcome.code if isinstance(outcome, Refused) else None) == code


def _zip(path: Path, members: dict[str, bytes]) -> bytes:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path.read_bytes()


def _spoiled(tmp_path: Path, name: str, data: bytes) -> bytes:
    """A good workbook with one member replaced."""
    _book(tmp_path / "b.xlsx", ("流入", _rows({})))
    with zipfile.ZipFile(tmp_path / "b.xlsx") as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    return _zip(tmp_path / "s.xlsx", {**members, name: data})


def test_a_bomb_is_refused_before_it_is_opened(
    examiner: Examiner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(containers, "EXPANDED", 4 << 20)
    data = _spoiled(tmp_path, "xl/sharedStrings.xml", b" " * (5 << 20))
    assert len(data) < 20_000
    assert examiner(data).outcome == Refused("310", {"limit_mb": 4})
    # The size that the archive states is not believed.
    size = struct.pack("<I", 5 << 20)
    assert data.count(size) >= 2
    assert examiner(data.replace(size, struct.pack("<I", 1000))).outcome == Refused("310", {"limit_mb": 4})


@pytest.mark.parametrize("cell", [b'<c r="XFD1048576"><v>1</v></c>', b"<c s='1'  r='XFD1048576' t='n' ><v>1</v></c>"])
def test_one_cell_in_the_last_corner(cell: bytes, examiner: Examiner, tmp_path: Path) -> None:
    sheet = (
        b'<worksheet><sheetData><row r="1"><c r="A1"><v>1</v></c></row><row>' + cell + b"</row></sheetData></worksheet>"
    )
    outcome = examiner(_spoiled(tmp_path, "xl/worksheets/sheet1.xml", sheet)).outcome
    assert isinstance(outcome, Refused)
    assert outcome.code == "310"


def test_formats_down_to_the_last_row_are_no_cells(examiner: Examiner, tmp_path: Path) -> None:
    _book(tmp_path / "b.xlsx", ("流入", _rows({})))
    with zipfile.ZipFile(tmp_path / "b.xlsx") as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml")
    far = b'<row r="1048576"><c r="A1048576" s="1"/><c r="XFD1048576" s="1" /></row></sheetData>'
    examined = examiner(_spoiled(tmp_path, "xl/worksheets/sheet1.xml", sheet.replace(b"</sheetData>", far)))
    assert examined.found.accepted == 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"PK\x03\x04" + b"\0" * 100, "311"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 2000, "311"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le"), "312"),
        (b"\x03\x7a\x0b\x15" + b"\xff" * 60, "311"),
        (b"\x03\x7a\x0b\x15" + struct.pack("<IHH", 10, 65, 9) + b"\0" * 60, "311"),
    ],
)
def test_what_cannot_be_opened_is_refused(data: bytes, code: str, examiner: Examiner) -> None:
    assert examiner(data).outcome == Refused(code)


def test_another_archive_is_no_table(examiner: Examiner, tmp_path: Path) -> None:
    assert examiner(_zip(tmp_path / "a.zip", {"word/document.xml": b"<w/>"})).outcome == Refused("301")


def test_a_workbook_cut_short_anywhere(examiner: Examiner, tmp_path: Path) -> None:
    data = _book(tmp_path / "b.xlsx", ("流入", _rows({})))
    for size in range(4, len(data), len(data) // 40):
        outcome = examiner(data[:size]).outcome
        assert isinstance(outcome, Refused)
        assert outcome.code == "311"


def test_xls_of_the_old_kind(examiner: Examiner, tmp_path: Path) -> None:
    """BIFF, as another writer than ours makes it."""
    records: list[dict[str, Any]] = [{}, {"id_number": 110101199001010007}, {"migration_date": dt.date(2026, 3, 1)}]
    book = xlwt.Workbook()
    sheet = book.add_sheet("流入")
    day = xlwt.easyxf(num_format_str="YYYY-MM-DD")
    for row, cells in enumerate(_rows(*records)):
        for column, cell in enumerate(cells):
            sheet.write(row, column, cell, *((day,) if isinstance(cell, dt.date) else ()))
    book.save(str(tmp_path / "in.xls"))
    examined = examiner((tmp_path / "in.xls").read_bytes())
    assert examined.found.encoding == "xls"
    assert examined.violations == [("2", "id_number", "438"), ("3", "migration_date", "466")]


WIDTHS = {"name": 30, "residence_address": 80, "registered_address": 80, "id_number": 18, "household_code": 20}
NAMES = {"registered_code": "户籍地代码"}
"""A field name of a .dbf holds ten bytes; cut there this title would be another column's."""
DBF_FIELDS = [(NAMES.get(name, title), "C", WIDTHS.get(name, 12)) for title, name in zip(TITLES, FIELDS, strict=True)]


def _cells(**changed: str | bytes) -> list[bytes]:
    row: dict[str, str | bytes] = {**GOOD, **changed}
    return [cell if isinstance(cell, bytes) else cell.encode("gb18030") for cell in row.values()]


def _records(book: bytes, kind: int) -> list[int]:
    """Where the bodies of the records of a kind begin in an old workbook whose stream lies in one piece."""
    at, found = book.index(b"\x09\x08\x10\x00\x00\x06\x05\x00"), []
    while book[at : at + 2] != b"\0\0":
        stated, length = struct.unpack_from("<HH", book, at)
        found += [at + 4] if stated == kind else []
        at += 4 + length
    return found


@pytest.mark.parametrize(
    ("kind", "body", "code"),
    [
        (0x200, struct.pack("<IIHH", 9, 3, 0, 17), "311"),
        (0x200, struct.pack("<IIHH", 0, 1 << 20, 0, 256), "310"),
        (0xFC, struct.pack("<II", 1, (1 << 32) - 1), "311"),
        (0x85, struct.pack("<I", 1 << 30), "311"),
    ],
    ids=["less than nothing", "all there could be", "strings", "a sheet behind the end"],
)
def test_an_old_workbook_that_lies_about_its_size_ends_no_worker(
    kind: int, body: bytes, code: str, examiner: Examiner
) -> None:
    """The reader would make room for all of it, or give up with a `PanicException` that ends the process."""
    book = xls(_rows({}))
    at = _records(book, kind)[0]
    outcome = examiner(book[:at] + body + book[at + len(body) :]).outcome
    assert isinstance(outcome, Refused)
    assert outcome.code == code


def test_one_cell_in_the_last_corner_of_an_old_workbook(examiner: Examiner) -> None:
    rows: list[list[Any]] = [*_rows({}), *([] for _ in range(65_533)), [*[""] * 255, "x"]]
    assert examiner(xls(rows)).outcome == Refused("310", {"limit_mb": 16})


def test_dbf(examiner: Examiner) -> None:
    rows = [_cells(), None, _cells(name="王䶮"), _cells(residence_address=("示例" * 20 + "省").encode("gb18030")[:79])]
    cut = _cells(residence_address=b"\xca\xbe" * 39 + b"\xca")
    garbled = _cells(residence_address=b"\xca\xbe\xff\xff\xca\xbe")
    examined = examiner(dbf(DBF_FIELDS, [*rows, cut, garbled]))
    assert examined.found.encoding == "dbf"
    assert examined.found.passed_over == {"已删除": 1}
    assert [row[1] for row in examined.part("44")] == ["示例甲", "王䶮"]
    found = examined.violations
    assert found == [(row, "residence_address", code) for row, code in (("3", "443"), ("4", "443"), ("5", "405"))]
    lines = (examined.job.out / "refused.csv").read_text("utf-8").splitlines()[1:]
    assert [line.split(",")[:2] for line in lines] == [["3", "5"], ["4", "6"], ["5", "7"]]


def test_dbf_numbers(examiner: Examiner) -> None:
    kinds = {"id_number": "N", "registered_code": "N", "migration_date": "D", "sex": "N"}
    fields = [(t, kinds.get(name, kind), size) for (t, kind, size), name in zip(DBF_FIELDS, FIELDS, strict=True)]
    examined = examiner(dbf(fields, [_cells(), _cells(id_number="")]))
    assert examined.violations == [
        ("1", "registered_code", "465"), ("1", "id_number", "438"),
        ("2", "registered_code", "465"), ("2", "id_number", "401"),
    ]  # fmt: skip


def test_dbf_with_fewer_records_than_it_says(examiner: Examiner) -> None:
    data = dbf(DBF_FIELDS, [_cells()] * 5)
    assert isinstance(examiner(data).outcome, Ok)
    assert examiner(data[:-800]).outcome == Refused("311")
