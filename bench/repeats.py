"""The second pass by itself: fingerprints of sorted records, and comparing them with those of another file.

python -m bench.repeats [--records 1000000]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from bench.measuring import AS_OF, DATASET, SCHEMAS, SENDER
from bench.records import write
from gateway.ports import ExamineJob
from gateway.records import examine, repeats, schema


def main() -> None:
    """Print seconds and records a second of each part; the examination before it is printed for comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        source = write(folder / "in.csv", asked.records)
        job = ExamineJob(source, folder / "out", SCHEMAS, DATASET, "1", "registered_code", SENDER, AS_OF)
        began = time.perf_counter()
        examine(job)
        _say("examine", asked.records, time.perf_counter() - began)
        rules = schema.load(SCHEMAS, DATASET)
        for name in ("one", "other"):
            began = time.perf_counter()
            made = repeats.Fingerprints(rules, bytes(32), folder / name)
            repeats.read(sorted((job.out / "parts").glob("*.csv")), made)
            made.close()
            _say(f"fingerprints {name}", asked.records, time.perf_counter() - began)
        began = time.perf_counter()
        found = repeats.compare(folder / "one", [folder / "other"])
        _say("compare", asked.records, time.perf_counter() - began)
        print(f"{found.inside:,} in the file, {found.elsewhere:,} elsewhere")


def _say(what: str, records: int, seconds: float) -> None:
    print(f"{what:20} {seconds:8.2f} s  {records / seconds:12,.0f} records/s")


if __name__ == "__main__":
    main()
