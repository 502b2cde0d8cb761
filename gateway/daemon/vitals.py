"""How the daemon knows that it lives: which jobs came round, whether there is room to take files in, what has begun and
not ended. Alive means that its own parts move, and only then the watchdog is fed; ready means that it can do its work.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath

from gateway.corridors.telling import notices
from gateway.daemon.running import Running
from gateway.node import Node
from gateway.policy.facts import Intake, places
from gateway.ports import AnyWorker, Obstacle

PATIENCE: Mapping[str, float] = {"sweep": 90.0, "scan": 120.0}
"""Seconds within which a part has to come round. A scan looks at every drop folder, and shares can be slow."""


PULSE_SECONDS = 15.0
"""How long the loop that feeds the watchdog rests at most. `WatchdogSec` of the unit leaves room for a slow scan and a
rest."""


LEDGER_DAMAGED = "ledger_damaged"


class Vitals:
    """`beat` is called by each part whenever it has come round, whatever came of it."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._beats = dict.fromkeys(PATIENCE, monotonic())
        self._lock = threading.Lock()

    def beat(self, part: str) -> None:
        with self._lock:
            self._beats[part] = self._monotonic()

    def ages(self) -> dict[str, float]:
        """Seconds since each part came round."""
        now = self._monotonic()
        with self._lock:
            return {part: now - at for part, at in self._beats.items()}

    def stuck(self) -> list[str]:
        """The parts that did not come round in time."""
        return sorted(part for part, age in self.ages().items() if age > PATIENCE.get(part, float("inf")))


class Guard:
    """Whether files are taken in, by the room on the disk. It closes below `min_free_mb` and opens at `resume_at_mb`
    only, so that it does not flap with every file."""

    def __init__(self) -> None:
        self.open = True

    def judge(self, free_mb: int, intake: Intake) -> bool:
        self.open = free_mb >= (intake.min_free_mb if self.open else intake.resume_at_mb)
        return self.open


def mend(worker: AnyWorker) -> bool:
    """A child that died is started again, so that nobody waits for the next file to find out."""
    try:
        if worker.pid is None:
            worker.start()
        return worker.is_up()
    except (OSError, RuntimeError):
        return False


class Conditions:
    """What has begun and not ended, told to the operator once each; it has to be there twice before it counts."""

    def __init__(self) -> None:
        self._seen: Mapping[str, int] = {}
        self._told: set[str] = set()

    def look(self, node: Node, found: Mapping[str, int]) -> None:
        """`found`: what is there now, with a count where there is one."""
        for condition, count in found.items():
            if condition in self._seen and condition not in self._told:
                self._told.add(condition)
                node.log.warning("condition", condition=condition, count=count)
                notices.tell(node, condition, count)
        for condition in sorted(self._told - {*found} - {*self._seen}):
            self._told.discard(condition)
            node.log.info("condition_over", condition=condition)
            notices.tell(node, f"{condition}_over")
        self._seen = dict(found)


def folders_down(node: Node) -> dict[str, Obstacle]:
    """Every folder of a party that cannot be used, relative to the exchange root, and why: drop folders that are away,
    and whatever stands where a folder or a file of ours belongs."""
    facts, up = node.facts.current(), node.folders.is_up()
    found = dict(node.folders.obstacles(places.every_folder(facts)))
    for folder, state in node.inbox.health().items():
        if state != "ok":
            way = (folder, *map(str, PurePosixPath(folder).parents))
            found[folder] = next((found[one] for one in way if one in found), "missing") if up else "root"
    return found


def current(daemon: Running) -> dict[str, int]:
    """The conditions there are at this moment."""
    node = daemon.node
    down = folders_down(node)
    found = {"source_down": len(down)} if down else {}
    if not daemon.guard.open:
        found["disk_low"] = 0
    if not node.worker.is_up():
        found["worker_down"] = 0
    if node.ledger.corrupt:
        found[LEDGER_DAMAGED] = 0
    return found


def unready(daemon: Running) -> list[str]:
    """Why it cannot do all of its work; empty when it can."""
    reasons = [*daemon.vitals.stuck(), *current(daemon)]
    return sorted(reasons + (["log"] if daemon.publication.failure else []))
