"""What the workbooks we write have in common: text stays text, fixed creation date, sensible widths."""

from __future__ import annotations

from datetime import datetime

from gateway.records.schema import Schema, normal_title

CELL_LIMIT = 32_000
"""Characters; a cell of a workbook holds 32,767."""

OPTIONS = {"strings_to_formulas": False, "strings_to_numbers": False, "strings_to_urls": False}
"""What comes in as text goes out as text: a cell that begins with `=`, `+`, `-` or `@` is no formula."""

CREATED = datetime(2000, 1, 1)  # noqa: DTZ001 - a fixed mark, no time: the same rows give the same bytes


OWN_SHEETS = frozenset(("填表说明", "代码表", "Instructions", "Code lists"))
"""The sheets of a template that hold no records."""


def column_width(schema: Schema, title: str) -> int:
    """Width in characters for a column of this title."""
    place = schema.places.get(normal_title(title))
    if place is None:
        return 12
    field = schema.fields[place]
    if field.id_number:
        return 21
    if field.region:
        return 15
    return max(10, 2 * len(field.title) + 2, min(36, (field.byte_limit or 0) // 2))
