"""What it costs to start: CPU of `gateway --help` and of `gateway status` where no daemon runs, beside an interpreter
that does nothing and `pip --version`, in one run.

    python -m bench.starting [--runs 15]

The commands take turns, so that a machine that is busy for a while is busy for all of them. Medians of user and system
time; the ratio is to the empty interpreter. Exit code 1 when a command did not end as it should.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ENDS = {"python -c pass": 0, "pip --version": 0, "gateway --help": 0, "gateway status": 4}
"""Every command and its exit code; 4: the daemon is not running."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=15)
    asked = parser.parse_args()
    seconds: dict[str, list[float]] = defaultdict(list)
    wrong = set()
    with tempfile.TemporaryDirectory(prefix="bench-starting-") as scratch:
        node = Path(scratch)
        (node / "config").mkdir()
        (node / "config" / "gateway.toml").write_bytes((ROOT / "config" / "gateway.toml").read_bytes())
        for _ in range(asked.runs + 1):  # the first fills the page cache and writes byte code
            for name, end in ENDS.items():
                code, cpu = measure(command(name, node))
                seconds[name].append(cpu)
                if code != end:
                    wrong.add(f"{name} ended with {code}, not {end}")
    medians = {name: statistics.median(several[1:]) for name, several in seconds.items()}
    empty = medians["python -c pass"]
    for name, median in medians.items():
        print(f"{name:16} {median:7.3f} s CPU  {median / empty:6.1f} × python -c pass")
    for line in sorted(wrong):
        print(line, file=sys.stderr)
    return 1 if wrong else 0


def command(name: str, node: Path) -> list[str]:
    """The command of that name, with the interpreter that runs this."""
    match name.split():
        case ["gateway", "status"]:
            return [sys.executable, "-m", "gateway", "status", "--config", str(node)]
        case ["python", *arguments]:
            return [sys.executable, *arguments]
        case [module, *arguments]:
            return [sys.executable, "-m", module, *arguments]
    raise ValueError(name)


def measure(words: list[str]) -> tuple[int, float]:
    """Exit code and CPU seconds of one process, its children included."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen(
        words, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )  # fmt: skip
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    sys.exit(main())
