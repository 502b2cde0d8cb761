"""Worker jobs with what they cost: each in a process of its own, forked here, under the worker's own limits."""

from __future__ import annotations

import codecs
import faulthandler
import importlib
import os
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.adapters.worker import confine, parsing, server, working
from gateway.adapters.worker.asking import Asking
from gateway.adapters.worker.exchanging import died, exchange
from gateway.outcomes import Outcome
from gateway.records import jobs
from gateway.records.readers.encoding import is_workbook, is_zip


@dataclass(frozen=True)
class Cost:
    """What a job took: seconds of work, bytes handed to the kernel to be written, the most memory, in bytes."""

    work: float
    written: int
    memory: int


class Measured(Asking):
    """A worker for one job at a time that remembers what the last one cost. `work`: the seconds that the kernel lets a
    job work before it ends it."""

    def __init__(self, work: int = 10, memory_mb: int = 1024) -> None:
        mapped = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGESIZE")
        self._limits = [memory_mb + (mapped >> 20), work, 60, 4096]
        for encoding in server.ENCODINGS:
            codecs.lookup(encoding)
        for module in server.MODULES:
            importlib.import_module(module)
        self.cost = Cost(0, 0, 0)
        self._one = threading.Lock()

    def ask(self, job: Mapping[str, Any], files: Sequence[int] = ()) -> Outcome[Mapping[str, Any]]:
        """As `Worker.ask`."""
        with self._one:
            ours, theirs = socket.socketpair()
            held = os.memfd_create("io")
            child = os.fork()
            if child == 0:
                faulthandler.disable()  # a library that aborts is an outcome here, no news for the tests' own output
                ours.close()
                working.one_job(theirs, _told(held))
            theirs.close()
            with ours:
                found = exchange(ours, {**job, "limits": self._limits}, 120, files)
            _, status, usage = os.wait4(child, 0)
            written = int(os.pread(held, 20, 0) or b"0")
            os.close(held)
            self.cost = Cost(usage.ru_utime + usage.ru_stime, written, usage.ru_maxrss << 10)
            return found or died(os.WTERMSIG(status))


def _told(held: int) -> Callable[[Mapping[str, Any], Sequence[int]], dict[str, Any]]:
    """What a worker does with a job; then the bytes that it wrote are left in the file `held`."""

    def run(job: Mapping[str, Any], files: Sequence[int]) -> dict[str, Any]:
        try:
            if files:
                return parsing.run(job, files)
            if is_workbook(Path(job["source"])):
                confine.memory_for(job["bytes"], zipped=is_zip(Path(job["source"])))
            return jobs.run(job)
        finally:
            lines = Path("/proc/self/io").read_text().splitlines()
            written = next(line.split()[1] for line in lines if line.startswith("wchar"))
            os.pwrite(held, written.encode(), 0)

    return run
