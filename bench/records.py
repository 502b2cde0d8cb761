"""Records: check and sort, all rules, outputs written and synced, beside bare parsing and other validators.

    python -m bench.records [--records 1000000] [--peers 200000] [--large 5000000] [--huge] [--rounds 3] [--keep DIR]

All ratios come from one run on one file of artificial people, 2 % of them with a fault. Every measurement is a process
of its own, whole, with start-up and output; rounds are interleaved and medians taken. The slow peers see the first rows
of the same file. On a machine that does other work too, seconds of CPU say more than seconds: both are printed.

The rules of the peers are those of the schema, written as each is meant to be used (`bench.peers`); how many ran is
printed for each.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from bench.measuring import DATASET, ROOT, SCHEMAS, SENDER, measure

BLOCK = 20_000
QUOTED = 10
"""One cell in so many is written in quotation marks, in one of the files."""
SHARE_BAD = 0.02


def people(count: int, seed: int) -> list[list[str]]:
    """Artificial records in the schema's order; sequence numbers 000, 997 and 999 are never issued."""
    from gateway.records import regions
    from gateway.records.idnumber import check_character

    dice = random.Random(seed)
    codes = sorted(c for c, last in regions.load(SCHEMAS).last_year.items() if last == regions.OPEN and c[4:] != "00")
    own = [code for code in codes if code.startswith(SENDER)]
    far = [code for code in codes if not code.startswith((SENDER, "71", "81", "82"))]
    start = date(1950, 1, 1)
    rows = []
    for number in range(count):
        sex, born = dice.choice("12"), (start + timedelta(dice.randrange(20_000))).strftime("%Y%m%d")
        there, here, married = dice.choice(far), dice.choice(own), dice.choice(["10", "20", "21", "22", "30"])
        stem = there + born + ("000" if sex == "2" else dice.choice(["997", "999"]))
        moved = (date(2020, 1, 1) + timedelta(dice.randrange(2400))).strftime("%Y%m%d")
        address = f"示例市示例区示例街道{dice.randrange(99)}号楼{dice.randrange(999)}室"
        grade = dice.choice(["70", "60", "21", "31", "81"])
        village = f"{dice.randrange(1, 30):03}{dice.randrange(1, 60):03}"
        row = [
            str(number), "测试" + dice.choice("甲乙丙丁戊己庚辛"), sex, address,
            here + village, f"示例省示例市示例县示例镇示例村{dice.randrange(999)}号", there + village,
            stem + check_character(stem), born, grade, dice.choice("129"), married,
            dice.choice("12459"), moved, "", dice.choice("01"), dice.choice("01") if married[0] == "2" else "",
        ]  # fmt: skip
        if dice.random() < SHARE_BAD:
            place, value = dice.choice(
                [(1, ""), (2, "5"), (3, "址" * 60), (6, "1234"), (7, "1.10101E+17"), (7, row[7][:17] + "Y"),
                 (13, "20260231"), (4, "31" + row[4][2:]), (1, "测?"), (7, row[7][:-1] + "01"[row[7][-1] == "0"])]
            )  # fmt: skip
            row[place] = value
        rows.append(row)
    return rows


def write(path: Path, count: int, encoding: str = "utf-8", quoted: bool = False) -> Path:
    """A file of `count` records; the same block again and again, with its own household codes. `quoted`: some cells
    are written in quotation marks."""
    from gateway.records import schema

    names = ",".join(field.name for field in schema.load(SCHEMAS, DATASET).fields)
    dice = random.Random(QUOTED)
    blocks = [
        [
            ",".join(f'"{cell}"' if quoted and not dice.randrange(QUOTED) else cell for cell in row)
            for row in people(BLOCK, seed)
        ]
        for seed in range(5)
    ]
    with path.open("w", encoding=encoding, newline="") as stream:
        stream.write(names + "\n")
        for block in range(-(-count // BLOCK)):
            rows = blocks[block % len(blocks)][: count - block * BLOCK]
            stream.write("".join([f'"{block}-{row[1:]}\n' if row[0] == '"' else f"{block}-{row}\n" for row in rows]))
    return path


def median(results: list[dict[str, Any]]) -> dict[str, Any]:
    return {**results[0], **{k: statistics.median(r[k] for r in results) for k in ("seconds", "cpu", "mib", "inner")}}


def show(label: str, found: Mapping[str, Any]) -> None:
    rate, per_cpu = found["records"] / found["seconds"], found["records"] / found["cpu"]
    print(
        f"{label:34} {found['records']:>11,} records {rate:>11,.0f}/s {per_cpu:>11,.0f}/CPU s "
        f"{found['mib']:>7.0f} MiB  {found['rules']:>3} rules",
        flush=True,
    )


def ratio(label: str, one: Mapping[str, Any], two: Mapping[str, Any], goal: str) -> None:
    """How much faster `one` is than `two`, per second and per second of CPU."""
    wall = (one["records"] / one["seconds"]) / (two["records"] / two["seconds"])
    cpu = (one["records"] / one["cpu"]) / (two["records"] / two["cpu"])
    print(f"{label:58} {wall:8.2f} ×   CPU {cpu:8.2f} ×   goal {goal}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--peers", type=int, default=200_000)
    parser.add_argument("--large", type=int, default=5_000_000)
    parser.add_argument("--huge", action="store_true", default=bool(os.environ.get("BENCH_HUGE")), help="20 M, too")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", type=Path, help="a folder for the files, kept")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-records-") as scratch:
        run(asked.keep or Path(scratch), asked)


def run(folder: Path, asked: argparse.Namespace) -> None:
    subprocess.run([sys.executable, "-m", "gateway.records.kernel"], check=True, cwd=ROOT)
    source = write(folder / "people.csv", asked.records)
    chinese = write(folder / "people.gb18030.csv", asked.records, "gb18030")
    quoted = write(folder / "people.quoted.csv", asked.records, quoted=True)
    short = write(folder / "short.csv", asked.peers)
    size = source.stat().st_size
    print(
        f"{asked.records:,} records, {size / asked.records:.0f} bytes each, {SHARE_BAD:.0%} bad; {asked.rounds} rounds"
    )
    rounds: dict[str, list[dict[str, Any]]] = {}
    main_ones = (("kernel 1", "ours", source, 1), ("kernel 2", "ours", source, 2), ("gb18030 1", "ours", chinese, 1),
                 ("quoted 1", "ours", quoted, 1),
                 ("polars 1", "polars_parse", source, 1), ("polars 2", "polars_parse", source, 2))  # fmt: skip
    for _, (label, name, path, threads) in itertools.product(range(asked.rounds), main_ones):
        rounds.setdefault(label, []).append(measure(name, path, threads))
    found = {label: median(results) for label, results in rounds.items()}
    found["plain"] = measure("ours", short, 0)
    for label, name in (("pandera", "pandera"), ("frictionless", "frictionless")):
        try:
            found[label] = measure(name, short, 1)
        except RuntimeError as error:
            print(f"{label}: not measured ({error})")
    for label, one in found.items():
        show(label, one)
    ratio("check + sort against a bare polars parse, one core", found["kernel 1"], found["polars 1"], "≥ 0.50")
    ratio("check + sort against a bare polars parse, two cores", found["kernel 2"], found["polars 2"], "≥ 0.50")
    ratio("against a plain loop with the same rules, one core", found["kernel 1"], found["plain"], "≥ 15")
    for label, goal in (("pandera", "≥ 4"), ("frictionless", "≥ 60")):
        if label in found:
            ratio(f"against {label} (validation only), one core", found["kernel 1"], found[label], goal)
    ratio("GB 18030 against UTF-8", found["gb18030 1"], found["kernel 1"], "≥ 1")
    ratio("one cell in ten quoted against none", found["quoted 1"], found["kernel 1"], "≥ 0.7")
    ratio("two cores against one", found["kernel 2"], found["kernel 1"], "≥ 1.5")
    memory(folder, found["kernel 2"], asked)
    sheet = book(folder / "people.xlsx")
    show("xlsx, 100,000 rows, check", one := measure("workbook", sheet, 1))
    print(f"{'an .xlsx of 100,000 rows read and checked':58} {one['seconds']:8.2f} s   goal < 15 s")


def large(source: Path) -> None:
    """The same against a bare parse, and two cores against one, where start-up hardly counts; rounds of each."""
    rounds: dict[str, list[dict[str, Any]]] = {}
    ways = (("ours", 1), ("ours", 2), ("polars_parse", 1), ("polars_parse", 2))
    for _, (name, threads) in itertools.product(range(2), ways):
        rounds.setdefault(f"{name} {threads}", []).append(measure(name, source, threads))
    found = {label: median(results) for label, results in rounds.items()}
    for label, one in found.items():
        show(f"{label}, large", one)
    ratio(
        "check + sort against a bare polars parse, one core, large", found["ours 1"], found["polars_parse 1"], "≥ 0.50"
    )
    ratio(
        "check + sort against a bare polars parse, two cores, large", found["ours 2"], found["polars_parse 2"], "≥ 0.50"
    )
    ratio("two cores against one, large", found["ours 2"], found["ours 1"], "≥ 1.5")


def memory(folder: Path, small: Mapping[str, Any], asked: argparse.Namespace) -> None:
    """Resident memory and time at several sizes, two cores."""
    sizes = [asked.large, *([20_000_000] if asked.huge else [])]
    results = [small]
    for count in sizes:
        path = write(folder / f"people-{count}.csv", count)
        if count == asked.large:
            large(path)
        results.append(measure("ours", path, 2))
        show(f"kernel 2, {count // 1_000_000} M", results[-1])
        if not asked.keep:
            path.unlink()
    told = "  ".join(f"{r['records'] / 1e6:.0f} M: {r['mib']:.0f} MiB" for r in results)
    spread = max(r["mib"] for r in results) / min(r["mib"] for r in results) - 1
    print(f"resident: {told}; apart by {spread:.1%}   goal ≤ 256 MiB, within 5 %")
    told = "  ".join(f"{r['records'] / 1e6:.0f} M: {1e6 * r['inner'] / r['records']:.2f} µs/record" for r in results)
    print(f"time (without start-up): {told}   goal linear")


def book(path: Path) -> Path:
    """A workbook of 100,000 records, all text."""
    import xlsxwriter

    from gateway.records import schema

    workbook_ = xlsxwriter.Workbook(str(path), {"constant_memory": True})
    sheet = workbook_.add_worksheet()
    sheet.write_row(0, 0, [field.title for field in schema.load(SCHEMAS, DATASET).fields])
    rows = [row for seed in range(5) for row in people(BLOCK, seed)]
    for at, row in enumerate(rows, 1):
        for column, cell in enumerate(row):
            if cell:
                sheet.write_string(at, column, cell)
    workbook_.close()
    return path


if __name__ == "__main__":
    main()
