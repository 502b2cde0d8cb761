"""The header: sought in the first ten rows, in Chinese titles, English names or aliases, in any order.

Title rows above it are passed over; a record above it refuses the file, since sorting a table with its header leaves
records there. A column that is not in the agreement refuses the file, unless it is ignorable;
then it is dropped and named. Titles that are not ours are never repeated, since they may hold anything: they are named
by their column, and where one comes close to one of ours, ours is said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from gateway.outcomes import Refused
from gateway.records.readers.lines import Damaged, split
from gateway.records.readers.quoting import BREAK, misquoted
from gateway.records.schema import Field, Schema, normal_title

ROWS = 10
SEPARATORS = (",", "\t", ";")
ENOUGH = 3
NONE, MISQUOTED = "303", "320"
COLUMN_TOO_MANY, TWICE, MISSING, OTHER_TABLE, NEAR, RECORDS_ABOVE = "304", "305", "306", "308", "316", "319"
CLOSE = 0.5
"""From this likeness on (of `difflib`, 1 is the same) a title that is not ours may be meant for one that is missing."""
_LOOKED_AT, _LONGEST_TITLE = 50, 40
_LONG_NUMBER = 8


@dataclass(frozen=True, slots=True)
class Header:
    """Where everything is. `line`: the header's line number. `width`: cells per row. `order`: for every field of the
    schema the column it stands in, or `width` where an optional column is missing. `unnamed`: columns without a
    title, which must stay empty. `dropped`: ignorable columns, by the titles the agreement calls them. `titles`: of
    all columns, as they are to be shown again; `title_rows`: lines above it that say something."""

    line: int
    separator: str
    width: int
    order: tuple[int, ...]
    unnamed: tuple[int, ...]
    dropped: tuple[str, ...]
    titles: tuple[str, ...]
    title_rows: tuple[int, ...]


def separator(lines: Mapping[str, Sequence[str]], schema: Schema) -> str:
    """By which separator the first lines hold most of our titles. What a line is depends on the separator, where line
    breaks stand in quoted cells: `lines` says for each which they are."""
    return max(lines, key=lambda one: max((_score(_titles(line, one), schema) for line in lines[one]), default=0))


def _titles(line: str, separator: str) -> list[str]:
    """The cells of a line, also where quotation marks are wrong in it."""
    return _cells(line, separator) or line.replace('"', "").split(separator)


def _cells(line: str, separator: str) -> list[str]:
    return ([] if isinstance(line, Damaged) else split(line, separator)) or []


def _score(cells: Sequence[str], schema: Schema) -> int:
    return sum(normal_title(cell) in schema.places for cell in cells)


def find(
    lines: Sequence[str], schema: Schema, ignorable: Sequence[str], separators: Sequence[str] = SEPARATORS
) -> Header | Refused:
    """Judge the first lines of a table. Refused 303 (no header), 320 (quotation marks are wrong in it), 308 (another
    table's), 305 (twice), 316 (a title that comes close to one of ours that is missing), 306 (a required column
    missing), 304 (a column too many), 319 (records above the header). Exactly the first `ROWS` lines are looked at."""
    best: tuple[int, int, str, list[str]] | None = None
    for number, line in enumerate(lines[:ROWS], 1):
        for separator in separators:
            cells = _cells(line, separator)
            score = _score(cells, schema)
            if cells and score >= min(ENOUGH, len(schema.fields)) and (best is None or score > best[0]):
                best = (score, number, separator, cells)
    if best is None:
        return _no_header(lines, schema, separators)
    _, number, separator, cells = best
    titles = tuple(at for at, line in enumerate(lines[: number - 1], 1) if line.strip(",;\t \u3000"))
    where = _place(cells, schema, ignorable, number, separator, titles)
    if isinstance(where, Header):
        above = [at for at in titles if _is_record(lines[at - 1], where, schema)]
        if above:
            return Refused(RECORDS_ABOVE, {"rows": "、".join(map(str, above))})
    return where


def _is_record(line: str, where: Header, schema: Schema) -> bool:
    """Whether a line above the header is more than a title: as many cells filled as a record has, and long numbers."""
    cells = None if isinstance(line, Damaged) else split(line, where.separator)
    if not cells:
        return False
    bare = [cells[column].strip() for column in where.order if column < len(cells)]
    required = sum(field.required for field in schema.fields)
    numbers = sum(len(cell) >= _LONG_NUMBER and cell[:_LONG_NUMBER].isdigit() for cell in bare)
    return 2 * sum(map(bool, bare)) >= required and numbers > 0


def _no_header(lines: Sequence[str], schema: Schema, separators: Sequence[str]) -> Refused:
    """Why none was found: the line that would be one has a stray quotation mark, or there is none."""
    for number, line in enumerate(lines[:ROWS], 1):
        for separator in separators:
            if '"' in line and _score(_titles(line, separator), schema) >= min(ENOUGH, len(schema.fields)):
                return Refused(MISQUOTED, {"row": number, "column": letters(misquoted(line, separator))})
    return Refused(NONE)


def _place(
    cells: list[str], schema: Schema, ignorable: Sequence[str], line: int, separator: str, title_rows: tuple[int, ...]
) -> Header | Refused:
    passed = {normal_title(title): title for title in (*ignorable, *schema.own_list_columns)}
    titles = [normal_title(cell) for cell in cells]
    if schema.other_table & set(titles):
        return Refused(OTHER_TABLE)
    found: dict[int, int] = {}
    dropped, extra, unnamed = [], [], []
    for column, title in enumerate(titles):
        place = schema.places.get(title)
        if place is not None:
            if place in found:
                return Refused(TWICE, {"title": schema.fields[place].title})
            found[place] = column
        elif title in passed:
            dropped.append(passed[title])
        elif title:
            extra.append(column)
        else:
            unnamed.append(column)
    near = _near(titles, extra, [field for place, field in enumerate(schema.fields) if place not in found])
    if near:
        return Refused(NEAR, {"pairs": "，".join(f"{letters(at)}→{title}" for at, title in near.items())})
    missing = [field.title for place, field in enumerate(schema.fields) if field.required and place not in found]
    if missing:
        return Refused(MISSING, {"titles": "、".join(missing)})
    if extra:
        return Refused(COLUMN_TOO_MANY, {"columns": "、".join(letters(column) for column in extra)})
    order = tuple(found.get(place, len(cells)) for place in range(len(schema.fields)))
    shown = tuple(" ".join(cell.replace(BREAK, "").split()).strip("\ufeff") for cell in cells)
    return Header(line, separator, len(cells), order, tuple(unnamed), tuple(dropped), shown, title_rows)


def _near(titles: Sequence[str], extra: Sequence[int], missing: Sequence[Field]) -> Mapping[int, str]:
    """For columns that are not in the agreement the title that may be meant, each said once, the closest first."""
    found = [
        (
            max(_likeness(titles[column], normal_title(name)) for name in (field.title, field.name, *field.aliases)),
            -at,
            column,
        )
        for column in extra[:_LOOKED_AT]
        if len(titles[column]) <= _LONGEST_TITLE
        for at, field in enumerate(missing)
    ]
    near: dict[int, str] = {}
    for likeness, at, column in sorted(found, reverse=True):
        title = missing[-at].title
        if likeness >= CLOSE and column not in near and title not in near.values():
            near[column] = title
    return dict(sorted(near.items()))


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def letters(column: int) -> str:
    """A column's letters as a spreadsheet shows them: 0 is A, 26 is AA."""
    text = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        text = chr(65 + rest) + text
    return text
