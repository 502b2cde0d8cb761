"""Conservation and sorting on generated and on mangled input: a result or a coded refusal, and no record is lost.

The reference here is written anew and small: it knows no rules, only what came in and where it has to be afterwards.
"""

from __future__ import annotations

import csv
import tempfile
from collections import Counter
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.outcomes import Fault, Ok, Outcome, Refused, catalogue
from gateway.ports import ExamineJob
from gateway.records import Examination, examine
from gateway.records.parts import measure
from gateway.records.readers.lines import join, split

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"
GOOD = {
    "household_code": "",
    "name": "示例甲",
    "sex": "2",
    "residence_address": "示例省示例市1号",
    "residence_code": "110101001001",
    "registered_address": "示例省示例县2号",
    "registered_code": "440103001001",
    "id_number": "110101199001010007",
    "birth_date": "19900101",
    "education": "70",
    "household_type": "9",
    "marital_status": "10",
    "migration_reason": "1",
    "migration_date": "20260301",
    "return_date": "",
    "family_migration": "0",
    "spouse_accompanying": "",
}
FIELDS = list(GOOD)
FAR = st.sampled_from(["440103001001", "510104001001", "660101001001", "659001001001", "120101001001", "440000000000"])
ADDRESSES = st.sampled_from(["示例省1号", '示例"小区"', "示例,逗号", "", "x" * 90, "𬱖䶮龴村", "示例\t村", "示 例"])
CELLS = st.one_of(
    st.sampled_from(["", "示例", "1", "110101199001010007", "20260301", "?", "1.1E+17"]), st.text(max_size=12)
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "registered_code": FAR,
            "registered_address": ADDRESSES,
            "residence_address": ADDRESSES,
            "sex": st.sampled_from(["1", "2", "0", "5", ""]),
            "name": CELLS,
            "id_number": CELLS,
            "migration_date": st.sampled_from(["2026-03-01", "20260301", "20261001", "2026"]),
        },
    ).map(lambda changed: {**GOOD, **changed}),
    max_size=40,
)


def _run(data: bytes, out: Path) -> Outcome[Examination]:
    source = out / "in.csv"
    source.write_bytes(data)
    return examine(
        ExamineJob(source, out / "o", SCHEMAS, "migrants-inflow", "1", "registered_code", "11", "2026-09-30")
    )


def _table(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream, strict=True))[1:]


def _refused_rows(folder: Path) -> list[list[str]]:
    lines = (folder / "refused.csv").read_text("utf-8").split("\n")[1:-1]
    return [split(line, ",") or [] for line in lines]


@settings(max_examples=60, deadline=None)
@given(rows=ROWS, encoding=st.sampled_from(["utf-8", "utf-8-sig", "gb18030"]), separator=st.sampled_from(",;\t"))
def test_in_is_out_and_refused(rows: list[dict[str, str]], encoding: str, separator: str) -> None:
    lines = [separator.join(FIELDS)]
    for row in rows:
        # One record is one line: line ends inside a cell are another test's.
        cells = ["".join(c for c in row[name] if c not in "\r\n" and not 0xD800 <= ord(c) < 0xE000) for name in FIELDS]
        lines.append(separator.join('"' + cell.replace('"', '""') + '"' for cell in cells))
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch)
        outcome = _run("\n".join(lines).encode(encoding), out)
        if not rows:
            assert outcome == Refused("226")
            return
        assert isinstance(outcome, Ok), outcome
        found = outcome.value
        assert found.records == len(rows) - found.blank - sum(found.passed_over.values())
        refused = [int(row) for row, *_ in _refused_rows(out / "o")]
        assert len(refused) == found.refused == found.records - found.accepted
        assert refused == sorted(set(refused))
        # Sorting, told again: who was not refused, in order, by the first two digits of the registered place.
        expected: dict[str, list[str]] = {}
        for number, row in enumerate(rows, 1):
            if number not in refused:
                expected.setdefault(row["registered_code"][:2], []).append(row["registered_code"])
        place = FIELDS.index("registered_code")
        written = {part.province: _table(out / "o" / "parts" / f"{part.province}.csv") for part in found.parts}
        assert {province: [row[place] for row in table] for province, table in written.items()} == expected
        assert sum(int(part.digest, 16) for part in found.parts) % (1 << 256) == int(found.digest, 16)
        assert measure(out / "o" / "refused.csv").digest == found.refused_digest


@settings(max_examples=40, deadline=None)
@given(order=st.permutations(range(12)))
def test_digest_ignores_order_and_parts_keep_it(order: list[int]) -> None:
    rows = [{**GOOD, "household_code": str(number), "sex": "5" if number == 7 else "2"} for number in range(12)]
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        results = []
        for folder, chosen in ((Path(one), list(range(12))), (Path(two), order)):
            lines = [",".join(FIELDS), *(",".join(rows[number].values()) for number in chosen)]
            outcome = _run("\n".join(lines).encode(), folder)
            assert isinstance(outcome, Ok)
            kept = [row[0] for row in _table(folder / "o" / "parts" / "44.csv")]
            assert kept == [str(number) for number in chosen if number != 7]
            results.append(outcome.value.digest)
        assert results[0] == results[1]


@settings(max_examples=150, deadline=None)
@given(
    junk=st.lists(
        st.one_of(
            st.binary(max_size=60), st.sampled_from([b'"', b",", b"\n", b"\r\n", b"\0", b"\xef\xbb\xbf", b"\xfe\x59"])
        ),
        max_size=12,
    ),
    with_header=st.booleans(),
)
def test_mangled_bytes_give_a_result_or_a_code(junk: list[bytes], with_header: bool) -> None:
    header = (",".join(FIELDS) + "\n").encode() if with_header else b""
    good = (",".join(GOOD.values()) + "\n").encode()
    with tempfile.TemporaryDirectory() as scratch:
        outcome = _run(header + good + b"\n".join(junk) + b"\n" + good, Path(scratch))
        if isinstance(outcome, Ok):
            found = outcome.value
            assert found.records == found.accepted + found.refused
            assert found.accepted == sum(part.records for part in found.parts)
            assert with_header
            # Where most lines are no UTF-8, the file is taken for GB 18030, and the good ones are the strange ones.
            assert found.accepted >= 1 or found.encoding == "gb18030"
        else:
            assert not isinstance(outcome, Fault)
            assert outcome.code in catalogue()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(st.characters(exclude_characters="\r\n", exclude_categories=("Cs",))), min_size=1))
def test_join_and_split_are_inverse(cells: list[str]) -> None:
    line = join(cells)
    assert split(line, ",") == cells
    if cells != [""]:
        assert next(csv.reader([line], strict=True)) == cells


@settings(max_examples=30, deadline=None)
@given(at=st.integers(0, 29), place=st.integers(1, 60))
def test_a_stray_quote_costs_exactly_one_record(at: int, place: int) -> None:
    lines = [",".join(GOOD.values())] * 30
    line = lines[at]
    lines[at] = line[:place] + '"' + line[place:]
    with tempfile.TemporaryDirectory() as scratch:
        outcome = _run("\n".join([",".join(FIELDS), *lines]).encode(), Path(scratch))
        assert isinstance(outcome, Ok)
        assert outcome.value.records == 30
        assert outcome.value.codes == Counter({"403": 1})
        assert [row[0] for row in _refused_rows(Path(scratch) / "o")] == [str(at + 1)]
