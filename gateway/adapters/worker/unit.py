"""A worker that the service manager runs: another user, without keys and without network. Files go over the tray."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.adapters.worker.client import as_json, submit
from gateway.adapters.worker.tray import Planted, Tray
from gateway.outcomes import Fault, Ok, Outcome
from gateway.parcels import ParcelId
from gateway.policy.facts.facts import Limits
from gateway.ports import ExamineJob

PROBE = "probe"
PING_SECONDS, REMEMBERED_SECONDS = 5.0, 5.0


class WorkerUnit:
    """`ports.AnyWorker` over somebody else's process. It is asked whether it is up, at most every few seconds."""

    pid = None

    def __init__(self, socket_path: Path, tray: Path, limits: Limits, max_file_mb: int) -> None:
        self._path, self._tray = socket_path, Tray(tray)
        self._limits, self._file_mb = limits, max_file_mb * 2
        self._lock = threading.Lock()
        self._cleared = False
        self._asked: tuple[float, bool] | None = None
        self.confinement: Mapping[str, Any] = {}

    def start(self) -> None:
        """Try the way files take. A worker that is away, or a tray it may not use, is told by `confinement` and by
        `is_up`; parcels wait meanwhile. Raises `OSError` when the tray cannot be made."""
        if not self._cleared:  # later there are jobs on it
            self._tray.clear()
            self._cleared = True
        self.is_up()

    def is_up(self) -> bool:
        """The worker answers, reads what lies on the tray, and its answer can be read."""
        with self._lock:
            if self._asked is None or time.monotonic() - self._asked[0] > REMEMBERED_SECONDS:
                self._asked = (time.monotonic(), self._probe())
            return self._asked[1]

    def _probe(self) -> bool:
        try:
            source, out = self._tray.probe(PROBE)
            answer = self._submit({"job": "ping", "source": str(source), "out": str(out)}, PING_SECONDS)
            if isinstance(answer, Ok):
                self.confinement = {**answer.value, "hands_over": (out / "probe.csv").read_bytes() == b"probe\n"}
                return bool(self.confinement["hands_over"])
            self.confinement = {"hands_over": False, "code": answer.code}
        except OSError as error:
            self.confinement = {"hands_over": False, "errno": error.errno or 0}
        finally:
            self._tray.give_back(PROBE)
        return False

    def stop(self) -> None:
        """Not ours to stop."""

    def examine(self, parcel: ParcelId, job: ExamineJob) -> Outcome[Mapping[str, object]]:
        """As `ports.Examiner`. Fault 900 when something else lay on the tray than an examination writes."""
        try:
            answer = self._submit(as_json(self._tray.lend(parcel, job), parcel), self._limits.worker_seconds * 2)
            if isinstance(answer, Ok):
                self._tray.take(parcel, job.out)
        except Planted as error:
            return Fault("900", {"error": type(error).__name__})
        finally:
            self._tray.give_back(parcel)
        return answer

    def _submit(self, job: Mapping[str, Any], timeout: float) -> Outcome[Mapping[str, Any]]:
        return submit(self._path, job, self._limits, self._file_mb, timeout)
