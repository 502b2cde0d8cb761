"""One job in a process of its own: what it may cost, and what is said where it cannot be done."""

from __future__ import annotations

import errno
import json
import os
import signal
import socket
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from gateway.adapters.worker import confine
from gateway.outcomes import Deferred

READ_LIMIT = 1 << 20
MOST_FILES = 4

Run = Callable[[Mapping[str, Any], Sequence[int]], dict[str, Any]]


_READ, _CHANGED, _MADE = ("source", "schemas", "marks"), ("out",), ("refused_list",)


def _paths(job: Mapping[str, Any]) -> tuple[list[Path], list[Path]]:
    """What a job names: files and folders that it reads, folders in which it writes. Whatever a library writes on the
    way, it writes there too, not where others look."""
    reading = [Path(job[name]) for name in _READ if job.get(name)]
    changing = [Path(job[name]) for name in _CHANGED if job.get(name)]
    changing += [Path(job[name]).parent for name in _MADE if job.get(name)]
    if job["job"] == "template":
        changing = [path.parent for path in changing]
    tempfile.tempdir = str(changing[0]) if changing else None
    return reading, changing


def one_job(connection: socket.socket, run: Run) -> NoReturn:
    """In a process of its own: read the job, do it within its limits, write its line, end."""
    status = 1
    _say_nothing()
    try:
        with connection:
            line, files = _asked(connection)
            found = _done(line, files, run)
            signal.setitimer(signal.ITIMER_REAL, 0)
            connection.sendall(json.dumps(found, ensure_ascii=False).encode() + b"\n")
            status = 0
    finally:
        os._exit(status)


def _say_nothing() -> None:
    """What a library says as it breaks is no line of a journal, and may hold what it was reading."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)


def _asked(connection: socket.socket) -> tuple[bytes, list[int]]:
    """The job's line, and the open files that came with its first bytes."""
    line, files, _, _ = socket.recv_fds(connection, READ_LIMIT, MOST_FILES)
    while line and not line.endswith(b"\n") and len(line) < READ_LIMIT:
        more = connection.recv(READ_LIMIT)
        if not more:
            break
        line += more
    return line, files


def _done(line: bytes, files: list[int], run: Run) -> dict[str, Any]:
    memory_mb = 0
    try:
        job = json.loads(line)
        memory_mb, work, clock, file_mb = (int(limit) for limit in job["limits"])
        confine.limit(memory_mb, work, clock, file_mb)
        confine.enclose(*_paths(job))
        return run(job, files)
    except MemoryError:
        return _over(memory_mb)
    except OSError as error:
        if error.errno == errno.ENOMEM:  # a mapping that does not fit ends with this, not with a MemoryError
            return _over(memory_mb)
        waits = Deferred.by(error)  # no space, no storage: the world's
        return {"outcome": "deferred", "code": waits.code, "detail": dict(waits.detail)}
    except Exception as error:
        # A fault of ours. Only the class travels: a message could hold a value out of a record.
        return {"outcome": "fault", "code": "900", "detail": {"error": type(error).__name__}}


def _over(memory_mb: int) -> dict[str, Any]:
    return {"outcome": "refused", "code": "216", "detail": {"limit_mb": memory_mb}}
