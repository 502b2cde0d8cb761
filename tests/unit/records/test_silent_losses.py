"""What a spreadsheet or a .dbf does not hand over is said, in every format: errors, formulas without a value, merged
cells, hidden rows, memos, numbers that ran over."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import xlwt
from support.tables import dbf, patched, xls, xlsx

from gateway.outcomes import Refused
from gateway.records import jobs, schema
from gateway.records.readers.cells import Look
from tests.unit.records.conftest import FIELDS, GOOD, SCHEMAS, Examined, Examiner

TITLES = [field.title for field in schema.load(SCHEMAS, "migrants-inflow").fields]
AT = {name: place for place, name in enumerate(FIELDS)}


def _rows(*records: dict[str, Any]) -> list[list[Any]]:
    return [TITLES, *([{**GOOD, **record}[name] for name in FIELDS] for record in records)]


def _values(examined: Examined, name: str) -> list[str]:
    return [row[AT[name]] for row in examined.part("44")]


# ---- errors and formulas --------------------------------------------------------------------------------------------


def test_an_error_in_an_old_workbook(examiner: Examiner) -> None:
    examined = examiner(xls(_rows({}, {"return_date": "#N/A"}, {"name": "#N/A"})))
    assert examined.violations == [("2", "return_date", "441"), ("3", "name", "441")]


@pytest.mark.parametrize("text", ["#N/A", "#DIV/0!", "#NAME?", " #ref! "])
@pytest.mark.parametrize("kind", ["xlsx", "xls", "dbf"])
def test_an_error_that_became_text(kind: str, text: str, examiner: Examiner) -> None:
    rows = _rows({}, {"household_code": text})
    made = {
        "xlsx": lambda: patched(
            xlsx(("流入", _rows({}, {"household_code": "507"}))),
            lambda table: table.replace(b">507<", f">{text}<".encode()),
            "xl/sharedStrings.xml",
        ),
        "xls": lambda: xls([[cell if cell != "#N/A" else " #N/A" for cell in row] for row in rows]),
        "dbf": lambda: dbf(DBF_FIELDS, [[cell.encode("gb18030") for cell in row] for row in rows[1:]]),
    }
    assert examiner(made[kind]()).violations == [("2", "household_code", "441")]


def test_a_list_of_returned_rows_with_an_error_that_nobody_mended_is_refused_again(
    examiner: Examiner, tmp_path: Path
) -> None:
    first = examiner(_xls_with_result(b"\0\0\0\0\0\0\xff\xff"))
    assert first.violations == [("2", "return_date", "481")]
    jobs.list_refused(first.job, tmp_path / "list.xlsx")
    assert examiner((tmp_path / "list.xlsx").read_bytes()).violations == [("1", "return_date", "441")]


def _xls_with_result(result: bytes) -> bytes:
    """A formula in an old workbook, with this as the result that is stored with it."""
    book = xls(_rows({}, {"return_date": xlwt.Formula('"2026"&"0901"')}))
    stored = b"\x03\0\0\0\0\0\xff\xff"
    assert book.count(stored) == 1
    return book.replace(stored, result)


@pytest.mark.parametrize(
    ("result", "code"),
    [(b"\x02\0\x2a\0\0\0\xff\xff", "441"), (b"\0\0\0\0\0\0\xff\xff", "481"), (b"\x03\0\0\0\0\0\xff\xff", None)],
    ids=["error", "text that is not there", "text of no length"],
)
def test_what_a_formula_in_an_old_workbook_stored(result: bytes, code: str | None, examiner: Examiner) -> None:
    assert examiner(_xls_with_result(result)).violations == ([("2", "return_date", code)] if code else [])


FORMULA = b'"2026"&amp;"0901"'


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        (b'<c r="O3"><f>' + FORMULA + b"</f></c>", "481"),
        (b'<c r="O3" t="n"><f>' + FORMULA + b"</f><v/></c>", "481"),
        (b'<c r="O3"><f>' + FORMULA + b"</f><v></v></c>", "481"),
        (b'<c r="O3" t="str"><f>' + FORMULA + b"</f></c>", "481"),
        (b"<c r='O3'>\n <f t='shared' si='0'/>\n</c>", "481"),
        (b'<c t="str" r="O3"><f>""</f><v></v></c>', None),
        (b'<c r="O3" t="str"><f>' + FORMULA + b"</f><v>20260901</v></c>", None),
    ],
)
def test_a_formula_without_a_value_in_a_workbook(cell: bytes, code: str | None, examiner: Examiner) -> None:
    book = xlsx(("流入", _rows({}, {"return_date": 20260901})))

    def change(sheet: bytes) -> bytes:
        number = b'<c r="O3"><v>20260901</v></c>'
        assert sheet.count(number) == 1
        return sheet.replace(number, cell)

    assert examiner(patched(book, change)).violations == ([("2", "return_date", code)] if code else [])


def test_formulas_are_seen_wherever_a_piece_of_the_sheet_ends() -> None:
    cells = [b'<c r="A%d"><f>%s</f></c><c r="B%d" t="str"><f>1</f><v></v></c>' % (n, b"x" * n, n) for n in range(1, 60)]
    sheet = b"<sheetData><row>" + b"".join(cells) + b"</row></sheetData>"
    for size in (1, 2, 7, 64, 1000):
        look = Look()
        for at in range(0, len(sheet), size):
            look.at(sheet[at : at + size])
        look.end()
        assert look.unworked == {(row, 0) for row in range(59)}, size


def test_a_row_of_formulas_that_were_never_worked_out_is_no_blank_one(examiner: Examiner) -> None:
    book = xlsx(("流入", _rows({})))
    cells = b"".join(b'<c r="%c4"><f>1</f></c>' % (65 + column) for column in range(len(TITLES)))

    def change(sheet: bytes) -> bytes:
        return sheet.replace(b"</sheetData>", b'<row r="4">' + cells + b"</row></sheetData>")

    found = examiner(patched(book, change)).found
    assert (found.records, found.accepted, found.codes) == (2, 1, {"481": 17})


# ---- merged cells ---------------------------------------------------------------------------------------------------


def _both(rows: Sequence[Sequence[Any]], top: int, bottom: int, left: int, right: int) -> list[bytes]:
    """The same merged cells (rows and columns from 0) in a workbook of either kind."""
    place = f"{chr(65 + left)}{top + 1}:{chr(65 + right)}{bottom + 1}"
    return [xlsx(("流入", rows), merges=[place]), xls(rows, merges=[(top, bottom, left, right)])]


@pytest.mark.parametrize("kind", [0, 1], ids=["xlsx", "xls"])
def test_one_column_merged_downwards_is_filled_down_and_said(kind: int, examiner: Examiner) -> None:
    rows = _rows({"household_code": "507"}, {}, {}, {"household_code": "9"})
    examined = examiner(_both(rows, 1, 3, 0, 0)[kind])
    assert _values(examined, "household_code") == ["507", "507", "507", "9"]
    assert examined.violations == [("2", "household_code", "485"), ("3", "household_code", "485")]
    assert (examined.found.reading.merged, examined.found.reading.ranges) == (1, ("A2:A4",))


@pytest.mark.parametrize("kind", [0, 1], ids=["xlsx", "xls"])
@pytest.mark.parametrize("name", ["name", "id_number"])
def test_what_is_one_persons_is_filled_down_for_nobody(name: str, kind: int, examiner: Examiner) -> None:
    rows = _rows({}, {name: ""}, {})
    examined = examiner(_both(rows, 1, 2, AT[name], AT[name])[kind])
    assert examined.violations == [("2", name, "482")]
    assert examined.found.reading.merged == 1


@pytest.mark.parametrize("kind", [0, 1], ids=["xlsx", "xls"])
def test_cells_merged_across_columns_say_nothing_of_those_they_cover(kind: int, examiner: Examiner) -> None:
    rows = _rows({}, {"family_migration": "0", "spouse_accompanying": ""})
    at = AT["family_migration"]
    examined = examiner(_both(rows, 2, 2, at, at + 1)[kind])
    assert examined.violations == [("2", "spouse_accompanying", "482")]
    assert examined.found.reading.ranges == ("P3:Q3",)


@pytest.mark.parametrize("kind", [0, 1], ids=["xlsx", "xls"])
def test_a_merged_footer_is_passed_over_and_no_range_of_records(kind: int, examiner: Examiner) -> None:
    examined = examiner(_both([*_rows({}), ["以下空白"]], 2, 4, 0, 16)[kind])
    assert (examined.found.records, examined.found.passed_over) == (1, {"以下空白": 1})
    assert examined.found.reading.merged == 0


@pytest.mark.parametrize("kind", [0, 1], ids=["xlsx", "xls"])
def test_merged_cells_that_are_empty_hide_nothing(kind: int, examiner: Examiner) -> None:
    at = AT["return_date"]
    examined = examiner(_both(_rows({}, {}, {}), 1, 3, at, at)[kind])
    assert (examined.found.accepted, examined.found.codes, examined.found.reading.merged) == (3, {}, 0)


def test_ranges_are_the_spreadsheets_own_where_the_table_begins_further_in(examiner: Examiner) -> None:
    rows = [[], *(["", "", *row] for row in _rows({"household_code": "507"}, {}))]
    examined = examiner(xlsx(("流入", rows), merges=["C3:C4"]))
    assert (_values(examined, "household_code"), examined.found.reading.ranges) == (["507", "507"], ("C3:C4",))


def test_a_typed_cell_is_filled_down_as_it_was_taken(examiner: Examiner) -> None:
    rows = _rows({"registered_code": 440103001001}, {"sex": "2"})
    examined = examiner(xlsx(("流入", rows), merges=["G2:G3"]))
    assert _values(examined, "registered_code") == ["440103001001"] * 2
    assert examined.found.codes == {"465": 1, "485": 1}
    assert examined.found.reading.merged == 1


def test_a_merged_title_above_the_header_fills_nothing(examiner: Examiner) -> None:
    examined = examiner(xlsx(("流入", [["跨省流入人口个案"], *_rows({})]), merges=["A1:Q1"]))
    assert (examined.found.accepted, examined.found.codes) == (1, {})


def test_rows_numbered_beforehand_under_a_merged_cell_stay_no_records(examiner: Examiner) -> None:
    rows = [
        ["序号", *TITLES],
        *([str(n), *row] for n, row in enumerate(_rows({"household_code": "507"})[1:], 1)),
        ["2"],
    ]
    examined = examiner(xlsx(("流入", rows), merges=["B2:B3"]))
    assert (examined.found.records, examined.found.passed_over) == (1, {"只有序号": 1})


# ---- hidden rows, columns left out ----------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [lambda rows, n: xlsx(("流入", rows), hidden=n), lambda rows, n: xls(rows, hidden=n)])
def test_hidden_records_are_counted(make: Any, examiner: Examiner) -> None:
    found = examiner(make([*_rows({}, {}, {}), ["填表人"]], [3, 4, 5])).found
    assert (found.accepted, found.reading.hidden) == (3, 2), "a hidden footer is no record"


def test_a_row_without_height_is_hidden(examiner: Examiner) -> None:
    book = patched(
        xlsx(("流入", _rows({}, {}))), lambda sheet: sheet.replace(b'<row r="3"', b'<row r="3" ht="0" customHeight="1"')
    )
    assert examiner(book).found.reading.hidden == 1


def test_columns_that_do_not_travel_are_named(examiner: Examiner) -> None:
    rows = [[*row, extra] for row, extra in zip(_rows({}), ("备 注", "示例"), strict=True)]
    assert examiner(xlsx(("流入", rows))).found.reading.dropped == ("备注",)


# ---- .dbf -----------------------------------------------------------------------------------------------------------

WIDTHS = {"name": 30, "residence_address": 80, "registered_address": 80, "id_number": 18, "household_code": 20}
DBF_FIELDS = [(title, "C", WIDTHS.get(name, 12)) for title, name in zip(TITLES, FIELDS, strict=True)]


def _dbf(name: str, kind: str, width: int, *cells: bytes, **more: Any) -> bytes:
    """A table where one field has a type of its own, its cells as bytes."""
    fields = [(title, kind, width) if at == AT[name] else old for at, old in enumerate(DBF_FIELDS) for title in old[:1]]
    rows = [[{**GOOD, name: ""}[each].encode("gb18030") for each in FIELDS] for _ in cells]
    for row, cell in zip(rows, cells, strict=True):
        row[AT[name]] = cell
    return dbf(fields, rows, **more)


@pytest.mark.parametrize("kind", ["M", "G", "P", "W"])
def test_a_memo_with_anything_in_it_is_said(kind: str, examiner: Examiner) -> None:
    examined = examiner(_dbf("household_code", kind, 10, b"1", b"", b"12"))
    assert examined.violations == [("1", "household_code", "483"), ("3", "household_code", "483")]


def test_a_number_that_ran_over_its_field_is_said(examiner: Examiner) -> None:
    examined = examiner(_dbf("household_code", "N", 5, b"*****", b"12345", b""))
    assert examined.violations == [("1", "household_code", "438")]
    assert _values(examined, "household_code") == ["12345", ""]


def test_doubles_and_currency_are_numbers(examiner: Examiner) -> None:
    doubles = _dbf("household_code", "B", 8, struct.pack("<d", 507.0), struct.pack("<d", float("inf")), version=0x30)
    examined = examiner(doubles)
    assert (_values(examined, "household_code"), examined.found.codes) == (["507"], {"438": 1})
    currency = examiner(_dbf("household_code", "Y", 8, struct.pack("<q", 5_070_000), version=0x30))
    assert _values(currency, "household_code") == ["507"]


def test_text_of_varying_length_and_null_in_visual_foxpro(examiner: Examiner) -> None:
    """The field of flags has no title of a person's; a short text keeps its length in its last byte."""
    fields = [(title, "V" if at == 0 else kind, size) for at, (title, kind, size) in enumerate(DBF_FIELDS)]
    fields.append(("_NullFlags", "0", 1))
    cells = [GOOD[name].encode("gb18030") for name in FIELDS]
    rows = [
        [b"507".ljust(19, b"\0") + b"\x03", *cells[1:], b"\x01"],
        [b"12345678901234567890", *cells[1:], b"\0"],
        [b"507".ljust(19, b"\0") + b"\x03", *cells[1:], b"\x03"],
    ]
    flags = [2, *([0] * (len(FIELDS) - 1)), 5]
    examined = examiner(dbf(fields, rows, version=0x32, flags=flags))
    assert _values(examined, "household_code") == ["507", "12345678901234567890", ""]


def test_deleted_records_are_named_by_their_rows(examiner: Examiner) -> None:
    row = [GOOD[name].encode("gb18030") for name in FIELDS]
    found = examiner(dbf(DBF_FIELDS, [row, None, None, row, None])).outcome
    assert isinstance(found, Refused) is False
    assert examiner(dbf(DBF_FIELDS, [row, None, None, row, None])).found.passed_rows == {"已删除": ((3, 4), (6, 6))}
