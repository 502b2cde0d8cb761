"""Hostile files: what each of them costs the worker, beside an honest one of its size.

    python -m bench.hostile [--worst 25] [--work 60]

Every file of the table in `tests/support/hostile` is read in a process of its own, under the worker's own limits.
Printed: seconds of work, bytes written and memory above an honest file's, the worst first, and how they grow where a
file of its kind is made twice as large: linear is 2.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from support.hostile import honest, packages, workbooks  # noqa: E402
from support.measuring import Cost, Measured  # noqa: E402

from gateway.adapters.container import Caps  # noqa: E402
from gateway.outcomes import Refused  # noqa: E402
from gateway.records.readers import containers  # noqa: E402

GROWING = {
    "openings without end": lambda size: b"<a>" + b"<c " * (size // 3),
    "attributes without end": lambda size: b"<a><c" + b' r="A1"' * (size // 7),
    "different attributes": lambda size: b"<a><c " + b" ".join(b'a%d="1"' % n for n in range(size // 12)) + b"/></a>",
    "usual cells": lambda size: b"<a>" + b'<c r="A1" s="1" t="s"><v>1</v></c>' * (size // 34) + b"</a>",
    "cells in an unusual order": lambda size: b"<a>" + b"<c t='n' r='A1'><v>1</v></c>" * (size // 28) + b"</a>",
    "cells without a place": lambda size: b"<a><row>" + b"<c><v>1</v></c>" * (size // 15) + b"</row></a>",
    "formats alone": lambda size: b"<a>" + b'<c r="A1" s="1"/>' * (size // 17) + b"</a>",
    "text without end": lambda size: b"<a>" + b"a" * size + b"</a>",
    "rows without end": lambda size: b"<a>" + b"<row/>" * (size // 6) + b"</a>",
    "nesting": lambda size: b"<a>" * (size // 7) + b"</a>" * (size // 7),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worst", type=int, default=25, help="how many are printed")
    parser.add_argument("--work", type=int, default=60, help="seconds that the kernel lets each work")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-hostile-") as scratch:
        run(Path(scratch), asked.worst, asked.work)
    growth()


def run(folder: Path, worst: int, work: int) -> None:
    jobs = Measured(work)
    found: list[tuple[str, int, str, Cost]] = []

    def place(number: int) -> Path:
        made = folder / str(number)
        made.mkdir()
        return made

    usual = honest.job(place(0), workbooks.honest(honest.rows(400)), ".xlsx")
    assert jobs.ask(usual).outcome == "ok"
    measure = jobs.cost
    print(f"honest, {usual['bytes']:,} bytes: {measure.work:.2f} s, {measure.written:,} written, {mib(measure.memory)}")
    tables = [*workbooks.cases(honest.rows(20)), *workbooks.datapackages(honest.table(20))]
    for number, (name, data) in enumerate(tables, 1):
        outcome = jobs.ask(honest.job(place(number), data, ".xlsx"))
        found.append((name, len(data), getattr(outcome, "code", "ok"), jobs.cost))
    for number, (name, data) in enumerate(packages.cases(), 10_000):
        there = place(number)
        (there / "plain").write_bytes(data)
        (there / "tree").mkdir()
        plain = os.open(there / "plain", os.O_RDONLY)
        outcome = jobs.unpack(plain, there / "tree", Caps().of_message(len(data)), lambda _: None)
        os.close(plain)
        assert isinstance(outcome, Refused), name
        found.append((name, len(data), outcome.code, jobs.cost))
    found.sort(key=lambda row: -row[3].work)
    print(f"{'':58} {'bytes':>9} code {'work':>7} {'written':>12} {'memory':>9}")
    for name, size, code, cost in found[:worst]:
        print(f"{name[:58]:58} {size:>9,} {code:>4} {cost.work:6.2f}s {cost.written:>12,} {mib(cost.memory):>9}")
    total = sum(row[3].work for row in found)
    print(f"{len(found)} files, {total:.1f} s of work; the most memory {mib(max(r[3].memory for r in found))}")


def growth() -> None:
    """Seconds of work over a sheet of 8 MiB and one of 16 MiB, expanded: the median of three."""
    print(f"{'a sheet of':30} {'8 MiB':>8} {'16 MiB':>8}  growth   goal ≤ 2.5")
    for name, make in GROWING.items():
        short, long = (min(look(make(size)) for _ in range(3)) for size in (8 << 20, 16 << 20))
        print(f"{name:30} {short:7.3f}s {long:7.3f}s  {long / max(short, 1e-6):5.2f}")


def look(sheet: bytes) -> float:
    """Seconds of work to look at one sheet, whatever comes of it."""
    import time

    from gateway.records.readers import cells

    started = time.process_time()
    seen = cells.Look()
    try:
        for at in range(0, len(sheet), containers.PIECE):
            seen.at(sheet[at : at + containers.PIECE])
        seen.end()
    except cells.Malformed:
        pass
    return time.process_time() - started


def mib(size: int) -> str:
    return f"{size / (1 << 20):.0f} MiB"


if __name__ == "__main__":
    main()
