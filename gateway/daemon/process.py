"""`gateway run`: one process that watches, wakes, answers and stops cleanly.

It decides nothing about parcels. It scans the drop folders (an event only wakes the scan), sweeps what waits in the
ledger, and hands both to the flow. Nothing is lost when it is killed: claims stand in the spool, work in the ledger and
in the workflow engine's tables.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from typing import IO

from dbos import DBOS

from gateway import __version__, flow, inspection, wiring
from gateway.adapters import systemd
from gateway.adapters.channels.folders import Watch
from gateway.adapters.ledger import Hold, LedgerAway, LedgerCorrupt
from gateway.adapters.storage import nodelock
from gateway.control.monitor import MonitorServer
from gateway.control.server import ControlServer
from gateway.corridors.obligations import dating
from gateway.corridors.upkeep import keywatch, templates
from gateway.daemon import (
    damaged,
    descriptors,
    metrics,
    recovering,
    rounds,
    service,
    sharing,
    sweeping,
    vitals,
    workflows,
)
from gateway.daemon.collecting import Collecting
from gateway.daemon.publication import NotToBeSigned, Publication
from gateway.instants import rfc3339
from gateway.lifecycle import Event
from gateway.log import Entry
from gateway.node import Node
from gateway.parcels import Claim
from gateway.policy import loading
from gateway.policy.facts import Facts
from gateway.policy.faults import Findings


class AlreadyRunning(Exception):
    """Another daemon holds this node or its ledger: two would run steps twice. Its message says which one."""


class Daemon:
    """Owns the process: lock, worker, workflow engine, watcher, scheduler, control socket."""

    def __init__(self, facts: Facts, abandon: Callable[[], None] = lambda: os._exit(1)) -> None:
        """`abandon` ends the process at once, as a kill does."""
        self.facts, self._abandon = facts, abandon
        self.stopping = threading.Event()
        self.last_scan: datetime | None = None
        self.started_at: datetime | None = None
        self._locks: list[IO[str]] = []
        self._claimed: list[Claim] = []
        self._reload = threading.Event()
        self._turn = threading.Lock()  # a scan and a change of facts take turns
        self.node: Node
        self._watch: Watch
        self.collecting: Collecting
        self.publication: Publication
        self.vitals, self.guard, self.conditions = vitals.Vitals(), vitals.Guard(), vitals.Conditions()

    def run(self) -> None:
        """Start, serve until told to stop, stop; where the ledger is damaged, only say so until then. Raises
        `AlreadyRunning`, `NotToBeSigned`, `LedgerAway`, and what the system refuses."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stopping.set())
        signal.signal(signal.SIGHUP, lambda *_: self._reload.set())
        with ExitStack() as holding:
            if self._work(holding):
                damaged.Damaged(self.facts, self.stopping, service.routes(self)).wait()

    def _work(self, holding: ExitStack) -> bool:
        """Work until told to stop. True when the ledger turns out to be damaged: it is left as it was, and held."""
        try:
            self._take_locks()
            holding.callback(self._hold.close)
            if damaged.found(self.facts, self.stopping):
                return True
            with ExitStack() as ending:
                self._begin(ending)
                if not self.stopping.is_set():
                    self._serve(ending)
                    self._loop()
        except LedgerCorrupt:
            return True
        if self.publication.failure:
            raise NotToBeSigned(self.publication.failure)
        return self.node.ledger.corrupt

    def _begin(self, ending: ExitStack) -> None:
        """Everything that works by itself; a node that is recovering may be told to stop before. `ending` undoes it,
        what began last first."""
        node = self._open()
        ending.callback(self._close)
        if recovering.is_marked(node) and not recovering.Recovering(self, service.routes(self)).wait():
            return
        self.publication.start()
        ending.callback(self._last_words)
        node.worker.start()
        ending.callback(node.worker.stop)
        node.log.info("worker", **node.worker.confinement)
        flow.bind(node)
        sweeping.tidy(node)
        ending.callback(DBOS.destroy, workflow_completion_timeout_sec=20)
        workflows.launch(node)
        dating.resumed(node)
        self._log(Event.STARTED)
        self.started_at = node.clock.now()
        templates.write(node)
        sweeping.oblige(node)
        dating.recompute(node)

    def _serve(self, ending: ExitStack) -> None:
        """Everything that others see."""
        node, settings = self.node, self.facts.node
        control = ControlServer(wiring.control_socket(self.facts), service.routes(self))
        port = settings.monitoring.port
        monitor = MonitorServer(port, metrics.routes(self)) if port is not None else None
        scheduler = rounds.scheduler(self._guarded, self.facts, self.publication, (self._keep, self._look))
        self.collecting = Collecting(scheduler)
        self._watch = self._make_watch()
        with self._turn:  # a change of facts waits until everything is there
            if monitor is not None:
                ending.callback(monitor.close)
                monitor.start()
            ending.callback(control.close)
            control.start()
            ending.callback(scheduler.shutdown, wait=True)
            scheduler.start()
            ending.callback(self.collecting.stop)
            ending.callback(lambda: self._watch.stop())
            self._watch.start()
            ending.callback(systemd.notify, "STOPPING=1")
            self._collect()
        systemd.notify("READY=1")
        node.log.info("ready", node=settings.name, version=__version__, facts=self.facts.digest)

    def _last_words(self) -> None:
        """That it stops, where it ever began and the ledger can still be written."""
        if self.started_at is None or self.node.ledger.corrupt:
            return
        self._log(Event.STOPPED)
        sweeping.beat(self.node)
        self.publication.round(self.node)

    def _close(self) -> None:
        self.node.close()
        self.node.log.info("stopped")

    # -- the loop ----------------------------------------------------------------------------------------------------

    def _loop(self) -> None:
        seconds, told = self.facts.node.intake.scan_seconds, ""
        while not self.stopping.is_set() and not self.node.ledger.corrupt:
            if self._reload.is_set():
                self._reload.clear()
                self.reload()
            try:
                self.scan()
            except Exception as error:
                self.node.log.error("scan_failed", error=type(error).__name__)
            self.vitals.beat("scan")
            if not self.node.worker.is_up() and not vitals.mend(self.node.worker):
                self.node.log.warning("worker_down")
            self._feed()
            self._rest(seconds)
            told = self._tell_limit(told)
            # Whatever was heard, a file has to stand still first: scanning again at once would only burn.
            self.stopping.wait(min(seconds, 0.25))

    @property
    def unheard(self) -> str:
        """The limit of the system for which changes in some folder are not heard, only seen by a scan; empty: none."""
        return self._watch.limit

    def _tell_limit(self, told: str) -> str:
        limit = self._watch.limit
        if limit and limit != told:
            self.node.log.warning("folders_not_heard", limit=limit, scans_every=self.facts.node.intake.scan_seconds)
        return limit

    def _feed(self) -> None:
        """The service manager restarts what is silent for its `WatchdogSec`."""
        if not self.vitals.stuck():
            systemd.notify("WATCHDOG=1")

    def _rest(self, seconds: float) -> None:
        """Until something is heard or the next scan is due; a long rest is no silence."""
        while seconds > 0 and not self.stopping.is_set():
            if self._watch.wait(min(seconds, vitals.PULSE_SECONDS)):
                return
            seconds -= vitals.PULSE_SECONDS
            self._feed()

    def scan(self) -> None:
        """Look at every drop folder and hand on what stood still."""
        with self._turn:
            self._scan()

    def _scan(self) -> None:
        now = self.node.clock.now()
        taking = self.guard.judge(self.node.spool.free_bytes() >> 20, self.facts.node.intake)
        fresh = self.node.inbox.scan(now, sharing.shares(self.node) if taking else sharing.nothing)
        self._claimed += fresh
        self.node.inbox.copy_ahead([claim.parcel for claim in fresh])
        for claim in sweeping.take_up(self.node, list(self._claimed)):
            self._claimed.remove(claim)
        self.last_scan = now

    def reload(self) -> Findings:
        """Take the facts as they stand now, for new work only: parcels in work keep those they began with. With a fault
        in them everything stays as it is; the answer says what was found."""
        with self._turn:
            return self._take_facts()

    def _take_facts(self) -> Findings:
        found = inspection.findings(self.facts.home, self.node.clock.now().date())
        if found.stopping:
            self.node.log.error("reload_refused", faults=len(found.stopping))
            return found
        facts = loading.load(self.facts.home)
        if facts.digest != self.facts.digest:
            before, self.facts = self.facts, facts
            self.node = wiring.build(facts, self.node.worker, self.node.ledger)
            flow.bind(self.node)
            self._log(Event.FACTS)
            keywatch.changed(self.node, before)
            templates.write(self.node)
            sweeping.oblige(self.node)
            dating.recompute(self.node)
            self._watch.stop()
            self._watch = self._make_watch()
            self._watch.start()
            self._collect()
        self.node.log.info("reloaded", facts=facts.digest)
        return found

    # -- start and stop ----------------------------------------------------------------------------------------------

    def _open(self) -> Node:
        """The node, once this process may open as many files as it is allowed to."""
        allowed = descriptors.raised()
        node = self.node = wiring.build(self.facts)
        if allowed < descriptors.ENOUGH:
            wanted = {"wanted": descriptors.ENOUGH, "setting": "LimitNOFILE, ulimit -Hn"}
            node.log.warning("few_descriptors", allowed=allowed, **wanted)
        self.publication = Publication(node, self.stopping.set)
        return node

    def _take_locks(self) -> None:
        for folder in wiring.held_folders(self.facts):
            lock = nodelock.take(folder)
            if lock is None:
                raise AlreadyRunning(f"pid {nodelock.holder(folder)}")
            self._locks.append(lock)
        self._hold = Hold(wiring.database_url(self.facts))
        if other := self._hold.take():
            raise AlreadyRunning(other)

    def _keep(self, node: Node) -> None:
        """A server that was restarted or promoted has forgotten who holds the ledger. Where another daemon was faster
        nothing more may be written, not even that this one ends: it ends as if it were killed."""
        try:
            other = self._hold.take()
        except LedgerAway:
            return
        if other:
            node.log.critical("ledger_held_by_another", holder=other)
            self._abandon()

    def _guarded(self, job: Callable[[Node], object]) -> None:
        """A job that fails is told, and comes round again."""
        try:
            job(self.node)
        except Exception as error:
            self.node.log.error("job_failed", job=job.__name__, error=type(error).__name__)
        self.vitals.beat(job.__name__)

    def _look(self, node: Node) -> None:
        self.conditions.look(node, vitals.current(self))

    def _collect(self) -> None:
        self.collecting.take(wiring.collectors(self.facts, self.node), self.node.log)

    def _make_watch(self) -> Watch:
        root = wiring.exchange_root(self.facts)
        folders = [root.path / folder for _, _, folder in wiring.addresses(self.facts)]
        return Watch(folders, network=self.facts.node.intake.network, root=root)

    def _log(self, event: Event) -> None:
        now = self.node.clock.now()
        with self.node.ledger.transaction(now) as tx:
            tx.log(
                Entry(
                    id=f"node/{event}/{rfc3339(now)}",
                    event=event,
                    time=now,
                    actor="gateway",
                    facts=self.facts.digest,
                    parties=(self.facts.node.party,),  # whose node it is: nobody else has its own batches signed
                    counts={"rehearsal": 1} if self.facts.node.rehearsal else {},
                )
            )
