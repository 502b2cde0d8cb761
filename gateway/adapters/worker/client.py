"""The daemon's side of the worker: one job per connection. `Worker` starts the process as a child, and again when it is
gone; `unit` is for one that the service manager starts."""

from __future__ import annotations

import dataclasses
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.adapters import sockets
from gateway.adapters.worker.asking import Asking
from gateway.adapters.worker.exchanging import BREAKS, WALL, environment, exchange, seconds_for, terms
from gateway.outcomes import Deferred, Outcome, Refused
from gateway.parcels import ParcelId
from gateway.ports import ExamineJob

if TYPE_CHECKING:
    from gateway.policy.facts import Limits


def submit(
    path: Path,
    job: Mapping[str, Any],
    limits: Limits,
    file_mb: int,
    timeout: float | None = None,
    files: Sequence[int] = (),
) -> Outcome[Any]:
    """One job on a connection of its own, with open `files` handed over; `job["bytes"]` is the size of what is read.
    Refused 314 where it takes longer than a file of this size may, 315 where it breaks what reads it, twice. Deferred
    704 when the worker or its child died."""
    work = seconds_for(limits, int(job.get("bytes", limits.worker_seconds << 20)))
    job = {**job, "limits": terms(limits, work, file_mb)}
    wait = timeout or WALL * work + 30
    outcome = _once(path, job, wait, files)
    if isinstance(outcome, Refused) and outcome.code == BREAKS and not files:
        outcome = _once(path, job, wait, files)
    return outcome


def _once(path: Path, job: Mapping[str, Any], timeout: float, files: Sequence[int]) -> Outcome[Any]:
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout)
            sockets.connect(connection, path)
            return exchange(connection, job, timeout, files) or Deferred("704", retry_after=5)
    except OSError as error:
        return Deferred("704", {"errno": error.errno or 0}, retry_after=5)


def as_json(job: ExamineJob, parcel: ParcelId) -> dict[str, Any]:
    """The job as the worker reads it (`records.jobs`)."""
    fields = {k: str(v) if isinstance(v, Path) else v for k, v in dataclasses.asdict(job).items()}
    size = job.source.stat().st_size if job.source.exists() else 0
    return {"job": "examine", "parcel": parcel, "bytes": size, **fields}


class NotStarted(RuntimeError):
    """The worker ended before it listened: killed as it started, or the installation is broken."""


class Worker(Asking):
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
            self._child = subprocess.Popen(
                [sys.executable, "-m", "gateway.adapters.worker.server", str(self._path)],
                stdin=subprocess.PIPE,  # when it ends, the worker knows that the daemon is gone
                stdout=subprocess.PIPE,
                env=environment(),
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

    def ask(self, job: Mapping[str, Any], files: Sequence[int] = ()) -> Outcome[Mapping[str, Any]]:
        """One job. Deferred 704 when the worker or its child died."""
        if self.pid is None:
            try:
                self.start()
            except OSError as error:
                return Deferred("704", {"errno": error.errno or 0}, retry_after=5)
            except NotStarted:
                return Deferred("704", retry_after=5)
        return submit(self._path, job, self._limits, self._file_mb, files=files)
