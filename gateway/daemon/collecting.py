"""Collecting from partners: the scheduler wakes, each partner has at most one thread, a slow one delays no other."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import structlog
from apscheduler.schedulers.background import BackgroundScheduler

from gateway.adapters.channels.sftp import Collector
from gateway.outcomes import Deferred, Fault, Ok
from gateway.parcels import PartyId

PATIENCE = 30.0
"""Seconds a round that was told to stop may take to end; it hears it at its next block, or as its line is cut."""


class Collecting:
    """The collectors of the facts in force. `take` replaces them all, `stop` ends them; both wait for rounds to end."""

    def __init__(self, scheduler: BackgroundScheduler) -> None:
        self._scheduler = scheduler
        self._log: structlog.stdlib.BoundLogger = structlog.get_logger("gateway")
        self._collectors: dict[PartyId, Collector] = {}
        self._threads: dict[PartyId, threading.Thread] = {}
        self._lock = threading.Lock()

    def take(self, collectors: Sequence[Collector], log: structlog.stdlib.BoundLogger) -> None:
        """Begin with these instead of those there were; each polls at once and then on its own schedule."""
        self.stop()
        self._log = log
        with self._lock:
            self._collectors = {collector.party: collector for collector in collectors}
        for collector in collectors:
            self._scheduler.add_job(
                self.wake, "interval", (collector.party,), seconds=collector.seconds, id=f"collect-{collector.party}"
            )
            self.wake(collector.party)

    def stop(self) -> None:
        """End every round; none begins afterwards. Idempotent."""
        with self._lock:
            collectors, self._collectors = self._collectors, {}
            threads, self._threads = self._threads, {}
        for party, collector in collectors.items():
            if self._scheduler.get_job(f"collect-{party}") is not None:
                self._scheduler.remove_job(f"collect-{party}")
            collector.stop()
        for thread in threads.values():
            thread.join(PATIENCE)
        if not any(thread.is_alive() for thread in threads.values()):
            for collector in collectors.values():
                collector.close()

    def wake(self, party: PartyId) -> None:
        """Poll this partner now, unless its last poll still runs."""
        with self._lock:
            collector, thread = self._collectors.get(party), self._threads.get(party)
            if collector is None or (thread is not None and thread.is_alive()):
                return
            thread = threading.Thread(target=self._run, args=(collector,), name=f"collect-{party}", daemon=True)
            self._threads[party] = thread
            thread.start()

    def health(self) -> dict[str, Any]:
        with self._lock:
            collectors = dict(self._collectors)
        return {party: collector.health() for party, collector in collectors.items()}

    def _run(self, collector: Collector) -> None:
        """Rounds until nothing is left over: a round's limits are there so that a stop and a full disk are noticed."""
        try:
            again = True
            while again:
                outcome = collector.round()
                again = isinstance(outcome, Ok) and bool(outcome.value.left) and bool(outcome.value.files)
                match outcome:
                    case Ok(counts):
                        if counts.files:
                            self._log.info("collected", party=collector.party, files=counts.files, bytes=counts.bytes)
                    case Deferred(code, detail):
                        if detail.get("reason") not in ("breaker", "busy", "stopped"):
                            self._log.warning("collecting_deferred", party=collector.party, code=code, **detail)
                    case Fault(code, detail):
                        self._log.error("collecting_stopped", party=collector.party, code=code, **detail)
        except Exception as error:
            self._log.error("collecting_failed", party=collector.party, error=type(error).__name__)
