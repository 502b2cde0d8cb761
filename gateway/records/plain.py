"""A part as a workbook, for a receiver of profile `plain-folder`: every cell text, and the part's key."""

from __future__ import annotations

from pathlib import Path

import xlsxwriter

from gateway.records.readers.lines import split
from gateway.records.schema import Schema, normal_title
from gateway.records.sheets import CELL_LIMIT, CREATED, OPTIONS, column_width
from gateway.records.templates import LAST_ROW


def write_workbook(out: Path, table: Path, schema: Schema, digest_key: str) -> int:
    """Write the records of `table` (a part: UTF-8, a header, one line a record) to `out`; how many they are.

    The header is Chinese, by the schema's titles. What one sheet cannot hold goes on in the next, under the same
    header. `digest_key`, that of the part in the log, is a property of the workbook: without it the digest that lists
    and the log name a workbook of few records by could be found by trying. The same records under the same key give the
    same bytes. Not durable: the caller syncs it.
    """
    workbook = xlsxwriter.Workbook(str(out), {**OPTIONS, "constant_memory": True})
    workbook.set_properties({"created": CREATED})
    workbook.set_custom_property("digest_key", digest_key, "text")
    text = workbook.add_format({"num_format": "@"})
    bold = workbook.add_format({"num_format": "@", "bold": True, "bottom": 1})
    records = 0
    with table.open(encoding="utf-8", newline="\n") as stream:
        header = split(next(stream)[:-1], ",") or []
        places = [schema.places.get(normal_title(name)) for name in header]
        titles = [
            name if place is None else schema.fields[place].title for name, place in zip(header, places, strict=True)
        ]
        at, sheet = LAST_ROW, None
        for line in stream:
            if at == LAST_ROW:
                at, sheet = 0, workbook.add_worksheet()
                sheet.freeze_panes(1, 0)
                for column, title in enumerate(titles):
                    sheet.set_column(column, column, column_width(schema, title), text)
                    sheet.write_string(0, column, title, bold)
            at, records = at + 1, records + 1
            assert sheet is not None
            for column, cell in enumerate(split(line[:-1], ",") or []):
                sheet.write_string(at, column, cell[:CELL_LIMIT], text)
    workbook.close()
    return records
