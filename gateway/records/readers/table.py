"""A table opened for reading: its encoding and header are known, its data lines come in batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from gateway.outcomes import Refused
from gateway.records.readers import encoding, header
from gateway.records.readers.dbf import looks_like_dbf
from gateway.records.readers.lines import CONTROL, Batch, Damaged, batches
from gateway.records.schema import Schema, normal_title
from gateway.records.text import Repertoire

if TYPE_CHECKING:
    from gateway.records.readers.workbook import SheetTable

BLANK = ',;\t \xa0\u3000\ufeff"'
EXAMPLE = "示例行"
"""A row whose first filled cell says this is the template's example, not a record."""

MARKERS = (
    "合计", "总计", "小计", "本页合计", "本页小计", "填报人", "填表人", "制表人", "制表", "审核人", "审核", "复核人",
    "复核", "负责人", "单位负责人", "统计负责人", "分管领导", "经办人", "经手人", "填报单位", "填表单位", "报送单位",
    "上报单位", "单位盖章", "单位（盖章", "单位(盖章", "盖章", "公章", "填报日期", "填表日期", "报送日期", "上报日期",
    "报出日期", "日期：", "日期:", "联系电话", "说明", "注：", "注:", "备注：", "备注:", "以下空白", "以下无正文",
    "此行以下空白",
)  # fmt: skip
"""What the lines that people put under (or between) the records begin with: totals, signatures, seals, the end."""

_ORNAMENTS = "（(—-–=＝*＊·…\u3000 \t"
"""What such lines may have before that."""

PASSABLE = (EXAMPLE,)
"""What a line begins with that is looked at before it is judged. All others are looked at when they are refused."""

NUMBER_ALONE, REPEATED_HEADER, END_MARK = "只有序号", "重复的表头", "文件结束符"
_END_PICTURE = "\u241a"


@dataclass(frozen=True, slots=True)
class TextTable:
    """What is known before the first record of a text file."""

    path: Path
    found: encoding.Found
    header: header.Header
    repertoire: Repertoire

    @property
    def encoding(self) -> str:
        """Its name in the result."""
        return self.found.name

    def data(self) -> Iterator[Batch]:
        """The lines below the header."""
        for batch in batches(self.path, self.found, self.repertoire):
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
    lines = chain.from_iterable(batch.lines for batch in batches(path, found, repertoire))
    first = [line for line, _ in zip(lines, range(header.ROWS), strict=False)]
    where = header.find(first, schema, ignorable)
    return where if isinstance(where, Refused) else TextTable(path, found, where, repertoire)


def _is_blank(path: Path) -> bool:
    """Whether a file is empty, or holds blanks and line ends only; looks no further than 64 KiB."""
    with path.open("rb") as stream:
        head = stream.read(1 << 16)
    return len(head) < 1 << 16 and not head.removeprefix(encoding.BOM).strip()


def passed_over(line: str, cells: Sequence[str] | None, where: header.Header, required: int) -> str | None:
    """Why a line is no record, by the kind that is counted; None: it is one, whatever its faults.

    The template's example row says so itself. DOS's end-of-file mark is no line of a person's. A header repeated on the
    next page says the titles again. A row with nothing under the agreement's titles was numbered beforehand. Totals,
    signatures and seals begin with one of `MARKERS`, and have less than half as many cells filled as `required`.
    """
    if isinstance(line, Damaged):
        return END_MARK if line.code == CONTROL and not line.strip(BLANK + _END_PICTURE) else None
    if cells is None:
        return None
    bare = [cell.strip(BLANK) for cell in cells]
    first = next((cell for cell in bare if cell), "")
    if first == EXAMPLE:
        return EXAMPLE
    ours = [bare[column] for column in where.order if column < len(bare)]
    filled = sum(map(bool, ours))
    if filled * 2 >= required:
        return REPEATED_HEADER if _says_the_titles(bare, where.titles) else None
    beyond = any(bare[column] for column in where.unnamed if column < len(bare)) or any(bare[where.width :])
    if not filled and not beyond:
        return NUMBER_ALONE if any(bare) else None
    text = next((cell for cell in bare if cell and not cell.isdigit()), "").lstrip(_ORNAMENTS)
    return max((marker for marker in MARKERS if text.startswith(marker)), key=len, default=None)


def _says_the_titles(cells: Sequence[str], titles: Sequence[str]) -> bool:
    pairs = [(cell, title) for cell, title in zip(cells, titles, strict=False) if cell]
    return len(pairs) >= header.ENOUGH and all(normal_title(cell) == normal_title(title) for cell, title in pairs)
