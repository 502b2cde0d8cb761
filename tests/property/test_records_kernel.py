"""The compiled engine against the plain one: the same result and the same bytes, on generated and on mangled input.

Chunks are small here, so that every kind of line falls on the edges between them; the files of both engines are
compared whole.
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.outcomes import Ok, Outcome
from gateway.ports import ExamineJob
from gateway.records import Examination, examine, kernel
from gateway.records.idnumber import check_character
from gateway.records.kernel.engine import Engine
from gateway.records.readers.no_records import MARKERS, PASSABLE
from gateway.records.readers.quoting import CELL_FEEDS, CELL_LIMIT, LINE_LIMIT

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"
GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "records"
GOOD = {
    "household_code": "", "name": "示例甲", "sex": "2", "residence_address": "示例省示例市1号",
    "residence_code": "110101001001", "registered_address": "示例省示例县2号", "registered_code": "440103001001",
    "id_number": "110101199001010007", "birth_date": "19900101", "education": "70", "household_type": "9",
    "marital_status": "10", "migration_reason": "1", "migration_date": "20260301", "return_date": "",
    "family_migration": "0", "spouse_accompanying": "",
}  # fmt: skip
FIELDS = list(GOOD)


@pytest.fixture(autouse=True, scope="module")
def _small_chunks() -> Any:
    assert kernel.prepare(), "the engine compiles here"
    from gateway.records.kernel import slots

    before, slots.CHUNK = slots.CHUNK, 700
    yield
    slots.CHUNK = before


def _run(data: bytes, threads: int, **changed: Any) -> tuple[Outcome[Examination], dict[str, bytes]]:
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch)
        (out / "in.csv").write_bytes(data)
        job = ExamineJob(
            out / "in.csv", out / "o", SCHEMAS, "migrants-inflow", "1", "registered_code", "11", "2026-09-30",
        )  # fmt: skip
        outcome = examine(dataclasses.replace(job, **changed), threads=threads)
        files = {str(path.relative_to(out)): path.read_bytes() for path in sorted((out / "o").rglob("*.csv"))}
    if isinstance(outcome, Ok):
        assert outcome.value.engine in (("kernel", "plain") if threads else ("plain",))
        outcome = Ok(dataclasses.replace(outcome.value, engine=""))
    return outcome, files


def _same(data: bytes, **changed: Any) -> Outcome[Examination]:
    plain = _run(data, 0, **changed)
    assert _run(data, 2, **changed) == plain
    return plain[0]


def _table(rows: list[dict[str, str]], encoding: str = "utf-8", separator: str = ",", end: str = "\n") -> bytes:
    lines = [separator.join(FIELDS), *(separator.join(row.values()) for row in rows)]
    return (end.join(lines) + end).encode(encoding, "replace")


def _id(area: str, birth: str, sequence: str) -> str:
    return area + birth + sequence + check_character(area + birth + sequence)


IDS = st.builds(
    _id,
    st.sampled_from(["110101", "440103", "810000", "820000", "900101", "660101", "999999", "110103", "120221"]),
    st.one_of(
        st.sampled_from(["19900101", "20260930", "20261001", "19060929", "19060101", "20000229", "19000229"]),
        st.text("0123456789", min_size=8, max_size=8),
    ),
    st.sampled_from(["000", "997", "999"]),
).flatmap(
    lambda good: st.sampled_from(
        [good, good, good[:-1] + "x", good[:-1] + "0", good[:15] + "000", good[:-1], good + "0", good[:6] + good[8:17],
         "".join(chr(ord(c) + 0xFEE0) for c in good), " " + good, good[:10] + "甲" + good[11:]]
    )
)  # fmt: skip
DATES = st.one_of(
    st.dates().map(lambda day: day.strftime("%Y%m%d").rjust(8, "0")),
    st.dates().map(lambda day: day.isoformat()),
    st.text("0123456789-", max_size=11),
    st.sampled_from(["20260830", "20260831", "20260901", "20260930", "20261001", "00000101", "99991231", "2026-02-30",
                     "20240229", "21000229", "4.6E+4", "２０２６０１０１", "2026/3/1"]),
)  # fmt: skip
REGIONS = st.one_of(
    st.sampled_from(["110101001001", "440103001001", "440103000000", "440000000000", "440100000000", "660101001001",
                     "660000000000", "710000000000", "990101001001", "110999001001", "120221001001", "4.40103E+11",
                     "11010100100１", "110101001001 ", "1101010010010"]),
    st.text("0123456789", min_size=12, max_size=12),
)  # fmt: skip
CODES = st.one_of(
    st.sampled_from(["", "0", "1", "2", "9", "10", "20", "21", "23", "90", "70", "3", "6", "男", "1.0E+1", "12345678"]),
    st.text(max_size=8),
)
TEXTS = st.one_of(
    st.text(max_size=40),
    st.text("甲乙䶮𬱖龴\ue81e\ue000\U000f0000·•・?□［ab =+-@;\t\u3000\xa0\ufeff", max_size=20),
    st.integers(0, 60).map(lambda n: "示" * n),
    st.sampled_from([*PASSABLE, *MARKERS]),
)
KINDS = {"id_number": IDS, "residence_code": REGIONS, "registered_code": REGIONS}
KINDS |= dict.fromkeys(("birth_date", "migration_date", "return_date"), DATES)
KINDS |= dict.fromkeys(("household_code", "name", "residence_address", "registered_address"), TEXTS)
KINDS |= {name: CODES for name in FIELDS if name not in KINDS}


def _on_a_line(row: dict[str, str]) -> dict[str, str]:
    return {
        name: "".join(c for c in cell if c not in "\r\n" and not 0xD800 <= ord(c) < 0xE000)
        for name, cell in row.items()
    }


ROWS = st.lists(
    st.fixed_dictionaries({}, optional=KINDS).map(lambda changed: _on_a_line({**GOOD, **changed})), max_size=25
)


@settings(max_examples=25, deadline=None)
@given(
    rows=ROWS,
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "gb18030"]),
    separator=st.sampled_from(",;\t"),
    end=st.sampled_from(["\n", "\r\n"]),
    own=st.sampled_from(["11", "44", "110101", "110102", "440103001", "110101001", None]),
    as_of=st.sampled_from(["2026-09-30", None]),
)
def test_generated_rows(
    rows: list[dict[str, str]], encoding: str, separator: str, end: str, own: str | None, as_of: str | None
) -> None:
    sender = own[:2] if own else None
    _same(_table([GOOD, *rows, GOOD], encoding, separator, end), sender=sender, area=own or "", as_of=as_of)


@pytest.mark.parametrize("name", FIELDS)
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_rule_by_rule(name: str, data: st.DataObject) -> None:
    """One field at a time, many values in one file: every rule of its kind meets its edges."""
    cells = data.draw(st.lists(KINDS[name], min_size=1, max_size=30))
    _same(
        _table([_on_a_line({**GOOD, name: cell}) for cell in cells], data.draw(st.sampled_from(["utf-8", "gb18030"])))
    )


@settings(max_examples=25, deadline=None)
@given(
    junk=st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.sampled_from([b'"', b",", b"\n", b"\r\n", b"\r", b"\0", b"\xef\xbb\xbf", b"\xfe\x59", b"\x7f", b'""',
                             b'"\n', b'\n"', b',"', b'",', b'="', b',,,,', "\u240a".encode(), b'"\r"']),
        ),
        max_size=14,
    ),
    encoding=st.sampled_from(["utf-8", "gb18030"]),
    data=st.data(),
)  # fmt: skip
def test_mangled_bytes(junk: list[bytes], encoding: str, data: st.DataObject) -> None:
    good = _table([GOOD] * 3, encoding)
    lines = good.split(b"\n")
    for piece in junk:
        at = data.draw(st.integers(1, len(lines) - 1))
        place = data.draw(st.integers(0, len(lines[at])))
        lines[at] = lines[at][:place] + piece + lines[at][place:]
    _same(b"\n".join(lines))


ODD = [
    "", "示", "一", "龟", "\u9f7f", "\u9f80", "\u9fff", "䶮", "㐀", "𬱖", "·", "（", "？", "?", "[", "]", "座",
    "镕", "喆", "丂", "\ue810", "\ue81e", "é", "\u3000", "\xa0", "\u20ac", "Ａ",
]  # fmt: skip
_CODES = (
    "d7fa d7f9 b0 b0a0 b0ff ffb0 f8a1 80 a1a1 b0a1b0 e4 e4b8 e4b7bf e4b880 e9bea5 e5808080 e5e58080 8080 eda080 c1bf "
    "f4908080 b05b 81308130 b0a18130 8431a437"
)
BROKEN = [bytes.fromhex(code) for code in _CODES.split()]


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
@pytest.mark.parametrize("between", ["", "a", "甲"])
def test_odd_characters_and_broken_bytes_at_every_place_of_a_block(encoding: str, between: str) -> None:
    """Compiled code looks at 64 bytes at a time: a character may begin in one block and end in the next."""
    odd = [*(char.encode(encoding, "replace") for char in ODD), *BROKEN]
    stuff = between.encode(encoding)
    names = [stuff * k + char + stuff * (k % 3) for char in odd for k in range(0, 67, 1 if between == "a" else 5)]
    line, mark = ",".join({**GOOD, "registered_address": "@"}.values()).encode(encoding), b"@"
    head = ",".join(FIELDS).encode()
    _same(b"\r\n".join([head, *(line.replace(mark, name) for name in names)]))
    _same(b"\n".join([head, *(line.replace("示例甲".encode(encoding), name) for name in names)]))


def test_white_space_and_marks_at_every_place_of_a_block() -> None:
    line = ",".join(GOOD.values())
    pieces = [" ", "\t", '"', " ,", ", ", "\x01", "\x7f", "\r", " \r"]
    lines = [line[:at] + piece + line[at:] for piece in pieces for at in range(len(line) + 1)]
    for separator in (",", "\t"):
        head = separator.join(FIELDS)
        _same("\n".join([head, *(line.replace(",", separator) for line in lines)]).encode())


@settings(max_examples=12, deadline=None)
@given(rows=ROWS, data=st.data())
def test_every_cell_in_quotation_marks(rows: list[dict[str, str]], data: st.DataObject) -> None:
    separator = data.draw(st.sampled_from(",;\t"))
    lines = [",".join(FIELDS).replace(",", separator)]
    for row in [GOOD, *rows]:
        cells = [cell if data.draw(st.integers(0, 9)) == 0 else cell.replace('"', '""') for cell in row.values()]
        lines.append(separator.join(f'"{cell}"' for cell in cells))
    _same(("\n".join(lines)).encode())


def _written(draw: Any, cell: str) -> str:
    """A cell as programs write it: in quotation marks or not, with line breaks and separators inside, or as `="…"`."""
    kind = draw(st.integers(0, 11))
    if kind == 0:
        return f'="{cell}"'
    if kind == 1:
        return '"=""' + cell + '"""'
    if kind in (2, 3):
        at = draw(st.integers(0, len(cell)))
        piece = draw(st.sampled_from(["\n", "\r\n", "\r", "\n\n", ",", ";", "\t", '"', "\n,\n", "\u240a", "\n" * 254]))
        cell = cell[:at] + piece + cell[at:]
    return '"' + cell.replace('"', '""') + '"' if kind < 6 else cell


@settings(max_examples=50, deadline=None)
@given(rows=ROWS, encoding=st.sampled_from(["utf-8", "utf-8-sig", "gb18030"]), data=st.data())
def test_cells_as_programs_write_them(rows: list[dict[str, str]], encoding: str, data: st.DataObject) -> None:
    """Line breaks inside, cells left out at the end or too many, the line that tells Excel the separator, any line end,
    and now and then a stray quotation mark."""
    separator, end = data.draw(st.sampled_from(",;\t")), data.draw(st.sampled_from(["\n", "\r\n", "\r"]))
    lines = [separator.join(_written(data.draw, name) if data.draw(st.booleans()) else name for name in FIELDS)]
    for row in [GOOD, *rows, GOOD]:
        cells = [_written(data.draw, cell) for cell in row.values()]
        spare = data.draw(st.integers(-3, 3))
        line = separator.join(cells[:spare] if spare < 0 else cells + [""] * spare)
        if data.draw(st.integers(0, 7)) == 0:
            at = data.draw(st.integers(0, len(line)))
            line = line[:at] + '"' + line[at:]
        lines.append(line)
    told = data.draw(st.sampled_from(["", "", f"sep={separator}{end}"]))
    _same((told + end.join(lines) + data.draw(st.sampled_from(["", end]))).encode(encoding, "replace"))


@pytest.mark.parametrize("separator", [",", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_cell_with_line_breaks_across_the_cut_between_two_chunks(separator: str, end: str) -> None:
    """Records of growing length with a cell of several lines: the cuts, 700 bytes apart, come to lie at every place."""
    rows = []
    for number in range(120):
        row = {
            **GOOD,
            "residence_address": f'"示例{end}省{"甲" * (number % 31)}{end}1号"',
            "household_code": "7" * (number % 9),
        }
        rows.append(row if number % 3 else {**GOOD, "name": ""})
    outcome = _same(_table(rows, "gb18030", separator, end))
    assert isinstance(outcome, Ok)
    assert (outcome.value.records, outcome.value.codes) == (120, {"401": 40, "437": 80})


def test_what_spreadsheets_leave_out_and_databases_protect_is_judged_by_compiled_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whole files are written so: left to the plain engine they would take twenty times as long."""
    left = []
    monkeypatch.setattr(Engine, "_leave", lambda _self, line, *_: left.append(line))
    rows = [{**GOOD, "id_number": f'="{GOOD["id_number"]}"', "name": '="示,例"'}, {**GOOD, "sex": '="5"'}]
    lines = [line.rstrip(",") for row in rows for line in [",".join(row.values())]]
    lines += [",".join(GOOD.values()).rstrip(","), ",".join([*GOOD.values()][:15])]
    outcome, _ = _run("\n".join([",".join(FIELDS), *lines]).encode(), 1)
    assert isinstance(outcome, Ok)
    assert (outcome.value.records, outcome.value.codes, left) == (4, {"401": 1, "408": 1}, [])


@pytest.mark.parametrize("threads", [1, 3])
def test_a_record_longer_than_several_chunks(threads: int) -> None:
    long = {**GOOD, "name": '"' + ("示" * 300 + "\n") * 20 + '"'}
    data = _table([GOOD, long, GOOD, long, {**GOOD, "name": '"示'}, GOOD, GOOD])
    plain = _run(data, 0)
    assert _run(data, threads) == plain
    assert isinstance(plain[0], Ok)
    assert plain[0].value.codes == {"403": 1, "437": 2}


@pytest.mark.parametrize("more", [-1, 0, 1])
@pytest.mark.parametrize("kind", ["bytes", "feeds", "separators", "record"])
def test_the_bounds_of_a_cell_are_the_same(kind: str, more: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.records.kernel.slots.CHUNK", 50_000)
    good, name = ",".join(GOOD.values()), "示例甲"
    cell = {
        "bytes": "a\n" + "y" * (CELL_LIMIT - 2 + more),
        "feeds": "a" + "\n" * (CELL_FEEDS + more) + "b",
        "separators": "a\n" + "," * (13 + more),
        "record": "y\n" * 253,
    }[kind]
    line = good.replace(name, f'"{cell}"')
    if kind == "record":
        # As many cells beyond the header's as make the record as long as it may be.
        spare = LINE_LIMIT + more - len(line.encode())
        whole, rest = divmod(spare, 100_003)
        line += f',"{chr(10) * 200}{"y" * 99_800}"' * whole + "," * rest
    data = "\n".join([",".join(FIELDS), good, line, good, good]).encode()
    outcome = _same(data)
    assert isinstance(outcome, Ok)
    fine = more <= 0 if kind != "separators" else more < 0
    assert ("403" not in outcome.value.codes) == fine
    assert outcome.value.accepted == 3


@settings(max_examples=8, deadline=None)
@given(order=st.permutations(FIELDS), drop=st.booleans(), rows=ROWS)
def test_columns_in_any_order(order: list[str], drop: bool, rows: list[dict[str, str]]) -> None:
    names = [name for name in order if not drop or name not in ("household_code", "return_date", "spouse_accompanying")]
    titles = ["序号", *names, "", "备注"]
    lines = [",".join(titles)]
    for number, row in enumerate([GOOD, *rows]):
        lines.append(
            ",".join(
                [str(number), *(row[name] for name in names), "x" if number % 7 == 6 else " ", "注\x01"[: number % 3]]
            )
        )
    _same("\n".join(lines).encode())


@pytest.mark.parametrize("limit", [0, 1, 3])
def test_only_so_many_are_listed(limit: int) -> None:
    rows = [{**GOOD, "sex": "5", "name": ""}, {**GOOD, "registered_code": "440000000000"}] * 20
    _same(_table(rows), max_errors_listed=limit)


@pytest.mark.parametrize("size", [(1 << 20) - 200, 1 << 20, (1 << 20) + 1, 3 << 20])
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_lines_about_as_long_as_may_be(size: int, end: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.records.kernel.slots.CHUNK", 400_000)
    good = ",".join(GOOD.values()).encode()
    long = good.replace("示例甲".encode(), b"y" * size)
    head = ",".join(FIELDS).encode()
    for lines in ([head, good, long, good, good], [head, good, good, long]):
        _same(b"\n".join(lines) + end)


def test_a_record_that_is_routed_nowhere_is_our_fault_in_both() -> None:
    """Sorted by a field that may be empty, which no shipped agreement does, the plain engine decides."""
    _same(_table([GOOD] * 3), route_by=None)
    _same(_table([GOOD] * 3), columns=tuple(FIELDS[1:8]))


@pytest.mark.parametrize("case", sorted(path.name for path in GOLDEN.iterdir()))
def test_golden_cases(case: str) -> None:
    job = json.loads((GOLDEN / case / "expected.json").read_text("utf-8"))["job"]
    if not job["nil"]:
        route = {"household": "registered_code", "residence": "residence_code"}[job["by"]]
        data = (GOLDEN / case / "input.csv").read_bytes()
        _same(data, dataset=job["schema"], sender=job["sender"][:2], route_by=route)
