"""What is no record: lines that people and programs put above, between and under the records, by one rule for all
files.

Nothing is passed over that may be a person: a line with half of the required cells filled is a record, whatever its
faults. What is passed over is counted by what it is and named by its rows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from gateway.records.readers.header import ENOUGH, Header
from gateway.records.readers.lines import CONTROL, DELETED, Damaged
from gateway.records.readers.quoting import BREAK
from gateway.records.schema import Field, Schema, normal_title

BLANK = ',;\t \xa0\u3000\ufeff"' + BREAK
EXAMPLE = "示例行"
"""A row that says so where the template does is the template's example, not a record, unless it was typed over."""

MARKERS = (
    "合计", "总计", "小计", "共计", "本页合计", "本页小计", "填报人", "填表人", "制表人", "制表", "审核人", "审核",
    "复核人", "复核", "负责人", "单位负责人", "统计负责人", "分管领导", "经办人", "经手人", "签字", "签名", "签章",
    "填报单位", "填表单位", "报送单位", "上报单位", "制表单位", "单位盖章", "单位（盖章", "单位(盖章", "盖章", "公章",
    "填报日期", "填表日期", "报送日期", "上报日期", "报出日期", "打印日期", "打印时间", "制表日期", "制表时间",
    "日期：", "日期:", "联系人", "联系电话", "联系方式", "电话：", "电话:", "说明", "填表说明", "填报说明",
    "数据来源", "注：", "注:", "备注：", "备注:", "以上", "以下空白", "以下无正文", "此行以下空白", "续下页",
    "转下页", "接上页", "第1页", "第 1 页",
)  # fmt: skip
"""What the lines that people put under (or between) the records begin with: totals, signatures, seals, the end."""

PASSABLE = (EXAMPLE,)
"""What a line begins with that is looked at before it is judged. All others are looked at when they are refused."""

TITLE, NUMBER_ALONE, NOTHING_OURS, REPEATED_HEADER, END_MARK, PAGE_BREAK, RULE, COUNTED = (
    "标题", "只有序号", "约定各列为空", "重复的表头", "文件结束符", "换页符", "分隔线", "条数",
)  # fmt: skip
KINDS = frozenset(
    (
        EXAMPLE,
        *MARKERS,
        TITLE,
        NUMBER_ALONE,
        NOTHING_OURS,
        REPEATED_HEADER,
        END_MARK,
        PAGE_BREAK,
        RULE,
        COUNTED,
        DELETED,
    )
)
"""Every kind there is: words of ours, never of a file."""
_ORNAMENTS = "（(—-–=＝*＊·…\u3000 \t"
"""What such lines may have before their first word."""
_PICTURES = {END_MARK: "\u241a\u2400", PAGE_BREAK: "\u240c"}
"""What a line shows that holds nothing but DOS's end mark, NULs behind a file's end, or a printer's page break."""
_COUNT = re.compile(r"[共计合总 ]{1,3}[:：]?\s*\d+\s*[条人行户例笔]")
_LONGEST_NUMBER = 6
_PLACEHOLDER = "示例"
_FLOAT = re.compile(r"\d(\.\d+)?[Ee]\+?\d+")
_DAY = re.compile(r"(\d{4})[-/.年](\d\d?)[-/.月](\d\d?)日?")


class NoRecords:
    """The rule, for one table: its `header` and its schema."""

    def __init__(self, header: Header, schema: Schema) -> None:
        self._header, self._schema = header, schema
        self._places = {column: place for place, column in enumerate(header.order) if column < header.width}
        self._required = sum(field.required for field in schema.fields)

    def kind(self, line: str, cells: Sequence[str] | None) -> str | None:
        """Why a line is no record, by the kind that is counted; None: it is one, whatever its faults.

        A line of nothing but DOS's end-of-file mark or a page break is no line of a person's. The template's example
        says so itself. A header repeated on the next page says the titles again, in any language. A row with nothing
        but its number was numbered beforehand, and one with nothing in any column of ours says nothing of anybody.
        Totals, signatures and seals begin with one of `MARKERS`, and have less than half as many cells filled as are
        required; so has a line of dashes.
        """
        if isinstance(line, Damaged):
            bare_of = ((kind, line.strip(BLANK + shown)) for kind, shown in _PICTURES.items())
            return next((kind for kind, rest in bare_of if line.code == CONTROL and not rest), None)
        if cells is None:
            return None
        bare = [cell.strip(BLANK) for cell in cells]
        ours = {place: bare[column] for column, place in self._places.items() if column < len(bare) and bare[column]}
        if ours.get(0) == EXAMPLE:
            return EXAMPLE if self._is_the_example(ours) else None
        if 2 * len(ours) >= self._required:
            return REPEATED_HEADER if self._says_the_titles(ours) else None
        return self._beside(bare, ours)

    def _beside(self, bare: Sequence[str], ours: dict[int, str]) -> str | None:
        """What a row is of which less than half is filled."""
        header = self._header
        filled = [cell for cell in bare if cell]
        beyond = any(bare[column] for column in header.unnamed if column < len(bare)) or any(bare[header.width :])
        text = next((cell for cell in filled if not cell.isdigit()), "").lstrip(_ORNAMENTS)
        marker = max((marker for marker in MARKERS if text.startswith(marker)), key=len, default=None)
        if marker is None and _COUNT.match(text):
            marker = COUNTED
        if marker is not None:
            return marker
        if filled and not any(cell.strip(_ORNAMENTS) for cell in filled):
            return RULE
        if filled and not ours and not beyond:
            return NUMBER_ALONE if all(map(_is_number, filled)) else NOTHING_OURS
        alone = len(filled) == len(ours) == 1 and min(self._places) == self._first(ours)
        return NUMBER_ALONE if alone and _is_number(filled[0]) else None

    def _first(self, ours: dict[int, str]) -> int:
        return min(self._header.order[place] for place in ours)

    def _is_the_example(self, ours: dict[int, str]) -> bool:
        """Whether nobody typed over it: whom and where it names is nobody and nowhere. Codes and days say that alone
        only where a table has nothing else; a spreadsheet may have changed how it shows them."""
        fields = self._schema.fields
        texts = [place for place in range(1, len(fields)) if _says_who_or_where(fields[place])]
        looked_at = texts or range(1, len(fields))
        return all(_alike(ours[place], fields[place]) for place in looked_at if place in ours)

    def _says_the_titles(self, ours: dict[int, str]) -> bool:
        places = self._schema.places
        return len(ours) >= ENOUGH and all(places.get(normal_title(cell)) == place for place, cell in ours.items())


def _is_number(cell: str) -> bool:
    return cell.isascii() and cell.isdigit() and len(cell) <= _LONGEST_NUMBER


def _says_who_or_where(field: Field) -> bool:
    return field.id_number or (field.type == "string" and not field.codes and not field.region)


def _alike(value: str, field: Field) -> bool:
    example = field.example
    if value == example or _PLACEHOLDER in value or _FLOAT.fullmatch(value):
        return True
    if day := _DAY.fullmatch(value):
        return f"{int(day[1]):04}{int(day[2]):02}{int(day[3]):02}" == example
    return value.isdigit() and value.lstrip("0") == example.lstrip("0")
