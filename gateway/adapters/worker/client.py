"""The daemon's side of the worker: starts it as a child, mends it when it is gone, asks it one job at a time per
connection."""

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
from gateway.policy.model import Limits
from gateway.ports import ExamineJob


class Worker:
    """Implements `ports.Examiner`. The child gets an environment without credentials and closes all descriptors."""

    def __init__(self, socket_path: Path, limits: Limits, max_file_mb: int) -> None:
        self._path = socket_path
        self._limits = limits
        self._file_mb = max_file_mb * 2
        self._child: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self.confinement: Mapping[str, Any] = {}

    def start(self) -> None:
        """Start the child and wait until it listens. Raises `RuntimeError` when it does not."""
        with self._lock:
            if self._child is not None and self._child.poll() is None:
                return
            limits = self._limits
            arguments = [str(self._path), str(limits.worker_memory_mb), str(limits.worker_seconds), str(self._file_mb)]
            environment = {k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "LC_ALL", "TMPDIR", "HOME")}
            self._child = subprocess.Popen(
                [sys.executable, "-m", "gateway.adapters.worker.server", *arguments],
                stdin=subprocess.PIPE,  # its end tells the worker that we are gone
                stdout=subprocess.PIPE,
                env=environment,
            )
            assert self._child.stdout is not None
            line = self._child.stdout.readline()
            if not line:
                raise RuntimeError("the worker did not start")
            self.confinement = json.loads(line)

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child is not None and self._child.poll() is None else None

    def stop(self) -> None:
        with self._lock:
            if self._child is not None:
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
        fields = {k: str(v) if isinstance(v, Path) else v for k, v in dataclasses.asdict(job).items()}
        return self.ask({"job": "examine", "parcel": parcel, **fields})

    def ask(self, job: Mapping[str, Any]) -> Outcome[Mapping[str, object]]:
        """One job. Deferred 704 when the worker or its child died."""
        try:
            if self.pid is None:
                self.start()
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(self._limits.worker_seconds * 2)
                sockets.connect(connection, self._path)
                with connection.makefile("rwb") as stream:
                    stream.write(json.dumps(job, ensure_ascii=False).encode() + b"\n")
                    stream.flush()
                    line = stream.readline()
        except OSError as error:
            return Deferred("704", {"errno": error.errno or 0}, retry_after=5)
        if not line:
            return Deferred("704", retry_after=5)
        answer = json.loads(line)
        match answer["outcome"]:
            case "ok":
                return Ok(answer["value"])
            case "refused":
                return Refused(answer["code"], answer.get("detail", {}))
            case "deferred":
                return Deferred(answer["code"], answer.get("detail", {}))
            case _:
                return Fault(answer["code"], answer.get("detail", {}))
