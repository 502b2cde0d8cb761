"""A table opened for reading: its encoding and header are known, its data lines come in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from gateway.outcomes import Refused
from gateway.records.readers import encoding, header
from gateway.records.readers.dbf import looks_like_dbf
from gateway.records.readers.lines import Batch, batches
from gateway.records.readers.quoting import Form
from gateway.records.schema import Schema
from gateway.records.text import Repertoire

if TYPE_CHECKING:
    from gateway.records.readers.workbook import SheetTable

_HEAD = 1 << 16
"""Bytes read at a time where a header is sought."""
_LEAST_REACH = 3
"""No cell with a line break is taken for rows for fewer separators than these: an address may hold some."""


@dataclass(frozen=True, slots=True)
class TextTable:
    """What is known before the first record of a text file; `above`: line feeds up to the end of the header."""

    path: Path
    found: encoding.Found
    header: header.Header
    repertoire: Repertoire
    form: Form
    above: int

    @property
    def encoding(self) -> str:
        """Its name in the result."""
        return self.found.name

    @property
    def merges(self) -> tuple[()]:
        """Text has no merged cells."""
        return ()

    def hides(self, row: int) -> bool:  # noqa: ARG002
        """Nor does it hide a row."""
        return False

    def data(self) -> Iterator[Batch]:
        """The lines below the header."""
        for batch in batches(self.path, self.found, self.repertoire, self.form):
            below = self.header.line - batch.number + 1
            if below < len(batch.lines):
                yield replace(batch, number=batch.number + max(below, 0), lines=batch.lines[max(below, 0) :])


Table: TypeAlias = "TextTable | SheetTable"


def open_table(path: Path, schema: Schema, ignorable: Sequence[str], repertoire: Repertoire) -> Table | Refused | None:
    """Find out what a file is, and its header. None: nothing but white space in the file. Refused 301–313."""
    with path.open("rb") as stream:
        head = stream.read(encoding.HEAD)
    if head.startswith((encoding.ZIP, encoding.OLE2)) or looks_like_dbf(head):
        # Text, the rule for what is large, does not wait for the readers of workbooks.
        from gateway.records.readers import workbook

        if looks_like_dbf(head):
            return workbook.open_dbf_table(path, schema, ignorable, repertoire)
        return workbook.open_workbook(path, head, schema, ignorable, repertoire)
    if _is_blank(path):
        return None
    found = encoding.find(path)
    if isinstance(found, Refused):
        return found
    reach = max(_LEAST_REACH, sum(field.required for field in schema.fields) - 1, len(schema.fields) // 2)
    forms = {separator: Form(separator, reach) for separator in header.SEPARATORS}
    begins = {separator: _first(batches(path, found, repertoire, form, _HEAD)) for separator, form in forms.items()}
    separator = header.separator({one: lines for one, (lines, _) in begins.items()}, schema)
    lines, feeds = begins[separator]
    where = header.find(lines, schema, ignorable, (separator,))
    if isinstance(where, Refused):
        return where
    return TextTable(path, found, where, repertoire, forms[separator], where.line + sum(feeds[: where.line]))


def _first(found: Iterator[Batch]) -> tuple[list[str], list[int]]:
    """The lines among which the header is sought, and how many line feeds are inside of each."""
    lines: list[str] = []
    feeds: list[int] = []
    for batch in found:
        lines += batch.lines[: header.ROWS - len(lines)]
        feeds += (batch.feeds.get(place, 0) for place in range(len(lines) - len(feeds)))
        if len(lines) == header.ROWS:
            break
    return lines, feeds


def _is_blank(path: Path) -> bool:
    """Whether a file is empty, or holds blanks and line ends only; looks no further than 64 KiB."""
    with path.open("rb") as stream:
        head = stream.read(1 << 16)
    return len(head) < 1 << 16 and not head.removeprefix(encoding.BOM).strip()
