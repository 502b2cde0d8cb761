"""A worker that the service manager runs: another user, without keys and without network. Files go over the tray."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.adapters.worker.asking import Asking
from gateway.adapters.worker.client import as_json, submit
from gateway.adapters.worker.tray import Planted, Tray
from gateway.outcomes import Fault, Ok, Outcome
from gateway.parcels import ParcelId
from gateway.ports import ExamineJob

if TYPE_CHECKING:
    from gateway.policy.facts import Limits

PROBE = "probe"
PING_SECONDS, REMEMBERED_SECONDS = 5.0, 5.0


class WorkerUnit(Asking):
    """A `ports.AnyWorker` over a process that the service manager runs. Whether it is up is looked at no more often
    than every few seconds."""

    pid = None

    def __init__(self, socket_path: Path, tray: Path, limits: Limits, max_file_mb: int) -> None:
        self._path, self._tray = socket_path, Tray(tray)
        self._limits, self._file_mb = limits, max_file_mb * 2
        self._lock = threading.Lock()
        self._cleared = False
        self._asked: tuple[float, bool] | None = None
        self.confinement: Mapping[str, Any] = {}

    def start(self) -> None:
        """Try the way files take. A worker that is away, or a tray it may not use, shows in `confinement` and `is_up`;
        parcels wait meanwhile. Raises `OSError` when the tray cannot be made."""
        if not self._cleared:  # later there are jobs on it
            self._tray.clear()
            self._cleared = True
        self.is_up()

    def is_up(self) -> bool:
        """Whether the worker responds, reads what lies on the tray, and what it writes can be read."""
        with self._lock:
            if self._asked is None or time.monotonic() - self._asked[0] > REMEMBERED_SECONDS:
                self._asked = (time.monotonic(), self._probe())
            return self._asked[1]

    def _probe(self) -> bool:
        try:
            source, out = self._tray.probe(PROBE)
            found = self._submit({"job": "ping", "source": str(source), "out": str(out)}, PING_SECONDS)
            if isinstance(found, Ok):
                self.confinement = {**found.value, "hands_over": (out / "probe.csv").read_bytes() == b"probe\n"}
                return bool(self.confinement["hands_over"])
            self.confinement = {"hands_over": False, "code": found.code}
        except OSError as error:
            self.confinement = {"hands_over": False, "errno": error.errno or 0}
        finally:
            self._tray.give_back(PROBE)
        return False

    def stop(self) -> None:
        """Does nothing: the service manager stops it."""

    def examine(self, parcel: ParcelId, job: ExamineJob) -> Outcome[Mapping[str, object]]:
        """As `ports.Examiner`. Fault 900 when something else lay on the tray than an examination writes."""
        try:
            found = self._submit(as_json(self._tray.lend(parcel, job), parcel))
            if isinstance(found, Ok):
                self._tray.take(parcel, job.out)
        except Planted as error:
            return Fault("900", {"error": type(error).__name__})
        finally:
            self._tray.give_back(parcel)
        return found

    def ask(self, job: Mapping[str, Any], files: Sequence[int] = ()) -> Outcome[Mapping[str, Any]]:
        """As `Asking`: open files go over the socket, no tray is needed."""
        return submit(self._path, job, self._limits, self._file_mb, files=files)

    def _submit(self, job: Mapping[str, Any], timeout: float | None = None) -> Outcome[Mapping[str, Any]]:
        return submit(self._path, job, self._limits, self._file_mb, timeout)
