"""Templates: an empty table a liaison fills in, text-formatted, with drop-down code lists and an example row."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.records.readers.no_records import EXAMPLE
from gateway.records.schema import Field, Schema
from gateway.records.sheets import CREATED, OPTIONS, column_width

if TYPE_CHECKING:
    from xlsxwriter.worksheet import Worksheet

LAST_ROW = 1_048_575
SHEET_NAME_LIMIT = 31
_NOT_IN_SHEET_NAMES = re.compile(r"[\[\]:*?/\\']")
_GUIDE: Mapping[str, Sequence[str]] = {
    "zh": (
        "一行一人；不要改动表头，不要合并单元格，单元格内不要换行。",
        "所有单元格已设为文本格式：身份号码和代码请直接录入，不要粘贴为数字。",
        "代码列可从下拉列表选取，含义见“代码表”。",
        "第2行是示例（以“示例行”开头），可以保留，读取时会跳过。",
        "填好后保存（.xlsx），放入上报文件夹；文件名注明报告期，例如“2026Q3”。",
    ),
    "en": (
        "One person, one row. Leave the header as it is; no merged cells, no line breaks inside cells.",
        "All cells are formatted as text: type ID numbers and codes, do not paste them as numbers.",
        "Code columns have a drop-down list; the codes are explained under “Code lists”.",
        "Row 2 is an example (it begins with “示例行”); it may stay and is passed over on reading.",
        "Save it as .xlsx and drop it into the folder; put the period into its name, for example “2026Q3”.",
    ),
}
_COLUMNS: Mapping[str, Sequence[str]] = {
    "zh": ("列名", "必填", "填写要求", "示例"),
    "en": ("Column", "Required", "What to enter", "Example"),
}
WORDS: Mapping[str, Mapping[str, str]] = {
    "zh": {"guide": "填表说明", "lists": "代码表", "yes": "是", "error": "请填写代码表中的代码。"},
    "en": {"guide": "Instructions", "lists": "Code lists", "yes": "yes", "error": "Enter a code of the list."},
}


def write_template(out: Path, schema: Schema, label: str, language: str = "zh") -> None:
    """Write the template of an agreement called `label` to `out`: the sheet to fill in, instructions, code lists.

    The header is Chinese in either language, as agreed with everybody; the example row is marked `示例行` and
    artificial (sequence 000 of an ID number is never issued). Not durable: the caller syncs it.
    """
    import xlsxwriter  # not needed to read anything

    words = WORDS[language]
    workbook = xlsxwriter.Workbook(str(out), OPTIONS)
    workbook.set_properties({"created": CREATED})
    text = workbook.add_format({"num_format": "@"})
    example = workbook.add_format({"num_format": "@", "italic": True, "font_color": "#7F7F7F", "bg_color": "#F2F2F2"})
    needed = workbook.add_format({"bold": True, "num_format": "@", "bg_color": "#BDD7EE", "bottom": 1})
    optional = workbook.add_format({"bold": True, "num_format": "@", "bg_color": "#E7E6E6", "bottom": 1})
    sheet = workbook.add_worksheet(_NOT_IN_SHEET_NAMES.sub("", label)[:SHEET_NAME_LIMIT] or schema.name)
    guide = workbook.add_worksheet(words["guide"])
    lists = workbook.add_worksheet(words["lists"])
    bold = workbook.add_format({"bold": True})
    ranges = _write_lists(lists, words["lists"], schema, text, bold)
    for column, field in enumerate(schema.fields):
        sheet.set_column(column, column, column_width(schema, field.title), text)
        sheet.write_string(0, column, field.title, needed if field.required else optional)
        sheet.write_string(1, column, EXAMPLE if column == 0 else field.example, example)
        if field.code_list:
            rule = {"validate": "list", "source": ranges[field.code_list], "error_message": words["error"]}
            sheet.data_validation(1, column, LAST_ROW, column, rule)
    sheet.freeze_panes(1, 0)
    _write_guide(guide, schema.fields, language, bold, text)
    workbook.close()


def _write_lists(sheet: Worksheet, name: str, schema: Schema, text: object, bold: object) -> dict[str, str]:
    """Each code list once, two columns each; return the range of its codes, for the drop-down lists."""
    ranges: dict[str, str] = {}
    for field in schema.fields:
        if field.code_list is None or field.code_list in ranges:
            continue
        column = 3 * len(ranges)
        letter = chr(65 + column)
        sheet.write_string(0, column, field.title, bold)
        sheet.set_column(column, column, 10, text)
        sheet.set_column(column + 1, column + 1, 24, text)
        for row, (code, meaning) in enumerate(field.codes.items(), 1):
            sheet.write_string(row, column, code, text)
            sheet.write_string(row, column + 1, meaning, text)
        ranges[field.code_list] = f"='{name}'!${letter}$2:${letter}${len(field.codes) + 1}"
    return ranges


def _write_guide(sheet: Worksheet, fields: tuple[Field, ...], language: str, bold: object, text: object) -> None:
    row = 0
    for line in _GUIDE[language]:
        sheet.write_string(row, 0, line)
        row += 1
    row += 1
    for column, title in enumerate(_COLUMNS[language]):
        sheet.write_string(row, column, title, bold)
    for field in fields:
        row += 1
        required = WORDS[language]["yes"] if field.required else ""
        for column, cell in enumerate((field.title, required, field.description[language], field.example)):
            sheet.write_string(row, column, cell, text)
    sheet.set_column(0, 0, 20)
    sheet.set_column(1, 1, 8)
    sheet.set_column(2, 2, 70)
    sheet.set_column(3, 3, 24)
