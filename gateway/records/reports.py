"""The list that goes back to the sender: whole refused rows as a workbook, faults marked, with sentence and remedy.

Repaired there and dropped back it is accepted: its own columns (row number, reason, remedy) are ignorable by schema.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from gateway.outcomes import catalogue
from gateway.records.listing import REFUSED, VIOLATIONS
from gateway.records.readers.lines import split
from gateway.records.schema import normal_title
from gateway.records.sheets import CELL_LIMIT, CREATED, OPTIONS, column_width
from gateway.records.violations import Sentences, errors

LISTED = 10_000
WORDS: Mapping[str, Mapping[str, str]] = {
    "zh": {
        "sheet": "退回清单",
        "row": "行号",
        "reason": "退回原因",
        "remedy": "处理办法",
        "note": "说明：共退回 {refused} 行，本表列出前 {listed} 行；标色单元格有误。改正后上报，文件名注明“-补报”。",
        "whole": "说明：共有 {refused} 行有误，本表列出前 {listed} 行并标色。"
        "请改正原文件，重新上报全部记录；本表不能代替原文件。",
        "between": "；",
    },
    "en": {
        "sheet": "Returned rows",
        "row": "Row",
        "reason": "Reason",
        "remedy": "Remedy",
        "note": "说明: {refused} rows returned, {listed} listed; faults are marked. Mend and send as “-补报”.",
        "whole": "说明: {refused} rows with faults, {listed} listed and marked. "
        "Mend the original and send all of its records again; this list does not stand for it.",
        "between": "; ",
    },
}


def is_refused_list(dropped: Iterable[str]) -> bool:
    """Whether the columns that were dropped are those of our list: reason and remedy, in one of its languages."""
    titles = {*dropped}
    return any({words["reason"], words["remedy"]} <= titles for words in WORDS.values())


def write_refused_list(out: Path, lists: Path, sentences: Sentences, whole: bool = False) -> int:
    """Write the workbook `out` from the two lists of an examination, which lie in the folder `lists`; return how many
    rows it lists (at most `LISTED`).

    Row 1 says how many rows there are and how many are listed, row 2 is the header, frozen. First column: the row
    number as a spreadsheet shows it in the sender's file. `whole`: nothing of the file was accepted, so that these rows
    alone may not be sent. Not durable: the caller syncs it.
    """
    import xlsxwriter  # not needed where nothing was refused

    schema, words = sentences.schema, WORDS[sentences.language]
    faults = _faults(lists / VIOLATIONS)
    rows = _rows(lists / REFUSED)
    header = next(rows)
    # A list that was mended, sent and refused again has our own columns already: they are replaced.
    ours = {normal_title(title) for title in schema.own_list_columns}
    kept = [column for column in range(2, len(header)) if normal_title(header[column]) not in ours]
    titles = [header[column] for column in kept]
    workbook = xlsxwriter.Workbook(str(out), OPTIONS)
    workbook.set_properties({"created": CREATED})
    sheet = workbook.add_worksheet(words["sheet"])
    plain = workbook.add_format({"num_format": "@", "valign": "top"})
    faulty = workbook.add_format({"num_format": "@", "valign": "top", "bg_color": "#FFC7CE", "font_color": "#9C0006"})
    wrapped = workbook.add_format({"num_format": "@", "valign": "top", "text_wrap": True})
    bold = workbook.add_format({"bold": True, "bg_color": "#D9E1F2", "num_format": "@", "valign": "top"})
    for column, title in enumerate((words["row"], *titles, words["reason"], words["remedy"])):
        sheet.write_string(1, column, title, bold)
    sheet.set_column(0, 0, 8, plain)
    for column, title in enumerate(titles, 1):
        sheet.set_column(column, column, column_width(schema, title), plain)
    sheet.set_column(len(titles) + 1, len(titles) + 2, 50, wrapped)
    sheet.freeze_panes(2, 1)
    places = [schema.places.get(normal_title(title)) for title in titles]
    listed = refused = 0
    for cells in rows:
        refused += 1
        if listed == LISTED:
            continue
        listed += 1
        wrong = faults.get(cells[0], ())
        marked = {field for field, *_ in wrong}
        at = listed + 1
        sheet.write_string(at, 0, cells[1], plain)
        for column, (source, place) in enumerate(zip(kept, places, strict=True), 1):
            marks = faulty if place is not None and schema.fields[place].name in marked else plain
            sheet.write_string(at, column, cells[source][:CELL_LIMIT], marks)
        remedies = dict.fromkeys(_remedy(sentences, field, code) for field, code, _ in wrong)
        sheet.write_string(at, len(titles) + 1, words["between"].join(m.rstrip("。.") for *_, m in wrong), wrapped)
        sheet.write_string(at, len(titles) + 2, words["between"].join(r.rstrip("。.") for r in remedies), wrapped)
    sheet.write_string(0, 0, words["whole" if whole else "note"].format(refused=refused, listed=listed))
    workbook.close()
    return listed


def _remedy(sentences: Sentences, field: str, code: str) -> str:
    place = sentences.schema.index(field)
    return catalogue()[code].remedy(sentences.language) if place is None else sentences.of(place, code)[1]


def _rows(path: Path) -> Iterator[list[str]]:
    """The lines of a list of ours, split; a record is a line, and no cell is too long for this reader."""
    with path.open(encoding="utf-8", newline="\n") as stream:
        for line in stream:
            yield split(line[:-1], ",") or []


def _faults(path: Path) -> Mapping[str, list[tuple[str, str, str]]]:
    """Row → its errors (field, code, sentence); warnings travelled and are not among the reasons."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    rows = _rows(path)
    next(rows)
    for row, field, code, _, message in rows:
        if code in errors():
            found.setdefault(row, []).append((field, code, message))
    return found
