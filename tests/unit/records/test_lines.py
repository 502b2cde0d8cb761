"""Lines and cells: nothing lost at the edges of chunks, whatever the bytes."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from gateway.records import text
from gateway.records.readers import encoding, lines
from gateway.records.readers.lines import Damaged, join, split
from gateway.records.readers.quoting import Form
from tests.unit.records.conftest import FIELDS, GOOD, SCHEMAS, Examiner, good


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        ("a,b,c", ["a", "b", "c"]),
        ("", [""]),
        (",", ["", ""]),
        ('"a,b",c', ["a,b", "c"]),
        ('"a""b"', ['a"b']),
        ('"",""', ["", ""]),
        ('a,""', ["a", ""]),
        ('"a",', ["a", ""]),
        ('""""', ['"']),
    ],
)
def test_split(line: str, cells: list[str]) -> None:
    assert split(line, ",") == cells
    assert next(csv.reader([line], strict=True), []) == (cells if line else [])


@pytest.mark.parametrize("line", ['"', 'a"b', '"a', '"a"b', '"a" ,b', 'a,"', '"""', 'a,b"', ' "a"', '"a""'])
def test_stray_quotes_are_no_cells(line: str) -> None:
    assert split(line, ",") is None


def test_join_is_what_the_csv_module_writes() -> None:
    for cells in (["a", "b"], ["a,b", 'c"d'], ["", "示例"], [";", "\t x"]):
        stream = io.StringIO()
        csv.writer(stream, lineterminator="").writerow(cells)
        assert join(cells) == stream.getvalue()


def _read(path: Path) -> list[str]:
    found = encoding.find(path)
    assert isinstance(found, encoding.Found)
    batches = list(lines.batches(path, found, text.repertoire(SCHEMAS), Form(",", 13)))
    numbers = [batch.number for batch in batches]
    counts = [len(batch.lines) for batch in batches]
    assert numbers == [1 + sum(counts[:i]) for i in range(len(counts))], "line numbers have no gaps"
    assert batches[-1].bytes_read == path.stat().st_size
    return [line for batch in batches for line in batch.lines]


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
@pytest.mark.parametrize("name", ["utf-8", "gb18030"])
def test_lines_across_chunks(tmp_path: Path, name: str, end: str) -> None:
    expected = [f"{number},示例䶮𬱖{'甲' * (number % 700)}" for number in range(4000)]
    path = tmp_path / "in.csv"
    path.write_bytes((("\r\n" if end == "\r\n" else "\n").join(expected) + end).encode(name))
    assert path.stat().st_size > 2 * lines.CHUNK
    assert _read(path) == expected


@pytest.mark.parametrize("size", [lines.LINE_LIMIT + 1, 2 * lines.CHUNK, 2 * lines.CHUNK + 5, 5 * lines.CHUNK])
@pytest.mark.parametrize("before", [0, 7, lines.CHUNK - 3])
@pytest.mark.parametrize("end", ["", "\n"])
def test_a_line_longer_than_a_chunk(tmp_path: Path, size: int, before: int, end: str) -> None:
    path = tmp_path / "in.csv"
    first = ["x" * before] if before else []
    after = ["after,1", "last,2"]
    path.write_text("\n".join([*first, "y" * size, *after]) + end)
    found = _read(path)
    assert [line for line in found if not isinstance(line, Damaged)] == [*first, *after]
    [damaged] = [line for line in found if isinstance(line, Damaged)]
    assert damaged.code == "404"
    assert found.index(damaged) == len(first)
    assert len(damaged) <= lines.SHOWN


def test_a_long_line_last(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("a,b\n" + "y" * (3 * lines.CHUNK))
    found = _read(path)
    assert [isinstance(line, Damaged) for line in found] == [False, True]


def test_a_line_of_exactly_the_limit_is_a_line(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("y" * lines.LINE_LIMIT + "\nz\n")
    assert not any(isinstance(line, Damaged) for line in _read(path))


def test_an_overlong_record_is_refused_alone(examiner: Examiner) -> None:
    rows = [",".join(GOOD.values())] * 3
    rows[1] = rows[1].replace("示例甲", "示" * lines.LINE_LIMIT)
    examined = examiner(("\n".join([",".join(FIELDS), *rows]) + "\n").encode())
    assert examined.violations == [("2", "", "404")]
    assert examined.found.accepted == 2


@pytest.mark.parametrize("name", ["utf-8", "gb18030"])
def test_one_stray_quote_in_a_hundred_thousand_rows_costs_one_record(examiner: Examiner, name: str) -> None:
    # What csv readers do with it: abort, or take the rows after it for the inside of one cell.
    count, place = 100_000, 61_803
    rows = [",".join(good(household_code=str(number)).values()) for number in range(count)]
    rows[place] = rows[place].replace("示例甲", '示例"甲')
    examined = examiner(("\n".join([",".join(FIELDS), *rows]) + "\n").encode(name))
    assert [row for row, *_ in examined.violations] == [str(place + 1)]
    assert examined.found.accepted == count - 1
    assert [record[0] for record in examined.part("44")] == [str(n) for n in range(count) if n != place]


def test_length_is_measured_in_gb18030_as_the_standard_has_it() -> None:
    repertoire = text.repertoire(SCHEMAS)
    assert len(repertoire.standard) == 25
    assert repertoire.length("示例") == 4
    assert repertoire.length("龴") == 2, "Python's codec alone says 4"
    assert repertoire.length("䶮𬱖") == 6, "FE9F, and four bytes beyond the BMP"
    assert repertoire.mend("\ue81e\ue7c7\ue5e5") == "龴ḿ\ue5e5", "A3A0 has no mapping: it is left to the rules"


def test_row_numbers_and_lines(examiner: Examiner) -> None:
    """`row` counts data rows from 1; `line` is the file's line, as a spreadsheet shows it."""
    bad = ",".join(good(name="").values())
    data = f"标题\n\n{','.join(FIELDS)}\n{','.join(GOOD.values())}\n\n{bad}\n".encode()
    examined = examiner(data)
    [_, refused] = (examined.job.out / "refused.csv").read_text("utf-8").splitlines()
    assert refused == f"2,6,{bad}"
