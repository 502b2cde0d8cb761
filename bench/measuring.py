"""One measurement of `bench.records`, in a process of its own.

    python -m bench.measuring NAME FILE THREADS FOLDER

Nothing is imported here but what the work itself needs: what this process costs is the work's, start-up included.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SCHEMAS = ROOT / "schemas"
DATASET, AS_OF, SENDER = "migrants-inflow", "2026-09-30", "11"


def ours(source: Path, threads: int, out: Path) -> dict[str, Any]:
    """Check and sort with everything written; `threads` 0: the plain engine, a csv loop with the same rules."""
    from gateway.outcomes import Ok
    from gateway.ports import ExamineJob
    from gateway.records import examine

    job = ExamineJob(source, out, SCHEMAS, DATASET, "1", "registered_code", SENDER, AS_OF)
    outcome = examine(job, threads=threads)
    assert isinstance(outcome, Ok), outcome
    assert outcome.value.engine == ("kernel" if threads else "plain")
    return {"records": outcome.value.records, "refused": outcome.value.refused}


def polars_parse(source: Path, _threads: int, _out: Path) -> dict[str, Any]:
    import polars

    return {"records": polars.read_csv(source, infer_schema=False).height, "rules": 0}


def pandera(source: Path, _threads: int, _out: Path) -> dict[str, Any]:
    from bench import peers

    return peers.pandera(source)


def frictionless(source: Path, _threads: int, _out: Path) -> dict[str, Any]:
    from bench import peers

    return peers.frictionless(source)


def workbook(source: Path, _threads: int, _out: Path) -> dict[str, Any]:
    from gateway import records

    found = records.check(source, DATASET, options=records.Options("110000", "2026Q3", SCHEMAS))
    return {"records": found.records, "refused": found.refused}


WORK = {f.__name__: f for f in (ours, polars_parse, pandera, frictionless, workbook)}


def main() -> None:
    """Do it, and say what it cost. Resident memory is the highest there was."""
    name, source, threads, out = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    before = time.perf_counter()
    found = WORK[name](source, threads, out)
    seconds = time.perf_counter() - before
    usage = resource.getrusage(resource.RUSAGE_SELF)
    status = Path("/proc/self/status").read_text("utf-8").split("VmHWM:")[1]
    found |= {"inner": seconds, "cpu": usage.ru_utime + usage.ru_stime, "mib": int(status.split()[0]) / 1024}
    print(json.dumps(found))


def measure(name: str, source: Path, threads: int = 0) -> dict[str, Any]:
    """Run one measurement; `seconds` is the whole process. What it wrote is removed afterwards, at nobody's expense."""
    import subprocess
    import tempfile

    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"POLARS_MAX_THREADS": str(max(1, threads)), "PYTHONPATH": str(ROOT)}
    cores = sorted(os.sched_getaffinity(0))[: max(1, threads)]
    bound = ["taskset", "-c", ",".join(map(str, cores)), sys.executable, "-m", "bench.measuring"]
    with tempfile.TemporaryDirectory(prefix="bench-", dir=source.parent) as out:
        start = time.perf_counter()
        done = subprocess.run(
            [*bound, name, str(source), str(threads), out],
            env=environment, capture_output=True, text=True, check=False, cwd=ROOT,
        )  # fmt: skip
        seconds = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stderr.strip().splitlines()[-1:]}")
    return {"rules": _rules(), **json.loads(done.stdout.splitlines()[-1]), "seconds": seconds}


@cache
def _rules() -> int:
    """How many rules the engines apply to this data set."""
    from datetime import date

    from gateway.records import regions, schema, text
    from gateway.records.cells import Circumstances
    from gateway.records.kernel.tables import build

    circumstances = Circumstances(regions.load(SCHEMAS), text.repertoire(SCHEMAS), SENDER, date.fromisoformat(AS_OF))
    tables = build(schema.load(SCHEMAS, DATASET), circumstances)
    assert tables is not None
    return tables.rules_running


if __name__ == "__main__":
    main()
