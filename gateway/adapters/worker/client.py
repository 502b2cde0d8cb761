"""The daemon's side of the worker: one job per connection. `Worker` starts the process as a child, and again when it is
gone; `unit` is for one that the service manager starts."""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.adapters import sockets
from gateway.outcomes import Deferred, Fault, Ok, Outcome, Refused
from gateway.parcels import ParcelId
from gateway.policy.facts import Limits
from gateway.ports import ExamineJob


def submit(path: Path, job: Mapping[str, Any], limits: Limits, file_mb: int, timeout: float) -> Outcome[Any]:
    """One job on a connection of its own. Deferred 704 when the worker or its child died."""
    job = {**job, "limits": [limits.worker_memory_mb, limits.worker_seconds, file_mb]}
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout)
            sockets.connect(connection, path)
            with connection.makefile("rwb") as stream:
                stream.write(json.dumps(job, ensure_ascii=False).encode() + b"\n")
                stream.flush()
                line = stream.readline()
    except OSError as error:
        return Deferred("704", {"errno": error.errno or 0}, retry_after=5)
    if not line.endswith(b"\n"):  # killed before, or in the middle of, its line
        return Deferred("704", retry_after=5)
    found = json.loads(line)
    match found["outcome"]:
        case "ok":
            return Ok(found["value"])
        case "refused":
            return Refused(found["code"], found.get("detail", {}))
        case "deferred":
            return Deferred(found["code"], found.get("detail", {}))
        case _:
            return Fault(found["code"], found.get("detail", {}))


def as_json(job: ExamineJob, parcel: ParcelId) -> dict[str, Any]:
    """The job as the worker reads it (`records.jobs`)."""
    fields = {k: str(v) if isinstance(v, Path) else v for k, v in dataclasses.asdict(job).items()}
    return {"job": "examine", "parcel": parcel, **fields}


class NotStarted(RuntimeError):
    """The worker ended before it listened: killed as it started, or the installation is broken."""


class Worker:
    """A child of the daemon. It gets an environment without credentials and closes all descriptors."""

    def __init__(self, socket_path: Path, limits: Limits, max_file_mb: int) -> None:
        self._path = socket_path
        self._limits = limits
        self._file_mb = max_file_mb * 2
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self.confinement: Mapping[str, Any] = {}

    def start(self) -> None:
        """Start the child and wait until it listens. Raises `NotStarted` when it does not."""
        with self._lock:
            if self._child is not None and self._child.poll() is None:
                return
            environment = {k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "LC_ALL", "TMPDIR", "HOME")}
            self._child = subprocess.Popen(
                [sys.executable, "-m", "gateway.adapters.worker.server", str(self._path)],
                stdin=subprocess.PIPE,  # when it ends, the worker knows that the daemon is gone
                stdout=subprocess.PIPE,
                env=environment,
            )
            assert self._child.stdout is not None
            line = self._child.stdout.readline()
            if not line:
                self._end()
                raise NotStarted("the worker did not start")
            self.confinement = json.loads(line)

    @property
    def pid(self) -> int | None:
        child = self._child  # another thread may be ending it
        return child.pid if child is not None and child.poll() is None else None

    def is_up(self) -> bool:
        return self.pid is not None

    def stop(self) -> None:
        with self._lock:
            self._end()

    def _end(self) -> None:
        if self._child is None:
            return
        self._child.terminate()
        try:
            self._child.wait(10)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()
        self._child = None

    def examine(self, parcel: ParcelId, job: ExamineJob) -> Outcome[Mapping[str, object]]:
        """As `ports.Examiner`."""
        return self.ask(as_json(job, parcel))

    def ask(self, job: Mapping[str, Any]) -> Outcome[Mapping[str, object]]:
        """One job. Deferred 704 when the worker or its child died."""
        if self.pid is None:
            try:
                self.start()
            except OSError as error:
                return Deferred("704", {"errno": error.errno or 0}, retry_after=5)
            except NotStarted:
                return Deferred("704", retry_after=5)
        return submit(self._path, job, self._limits, self._file_mb, self._limits.worker_seconds * 2)
