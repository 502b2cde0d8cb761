"""What the corridors work with, built once by `gateway.wiring`."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from gateway.adapters.ledger import Ledger
from gateway.deadlines import Calendar
from gateway.parcels import AgreementId
from gateway.policy.facts import Facts, Party
from gateway.ports import AnyWorker, Clock, Courier, Inbox, Notices, Opener, PartyFolders, Sealer, Storage, Verifier

ACTOR = "gateway"
ACKNOWLEDGE = AgreementId("acknowledge")  # not an agreement: the folder for what receivers sign


@dataclass(frozen=True, slots=True)
class Terms:
    """What a thing is done under: the facts in force for it, and the calendar."""

    facts: Facts
    calendar: Calendar


class FactsKeeper(Protocol):
    """The facts in force, and every earlier snapshot by its digest: a parcel is finished under the facts it began
    with."""

    def current(self) -> Facts: ...
    def at(self, digest: str) -> Facts: ...
    def calendar(self) -> Calendar: ...


class Shares:
    """The slots in which files are read, of which no party may hold the last one alone: whatever its files cost, those
    of others go ahead. With one slot there is nothing to share."""

    def __init__(self, slots: int = 4, patience: float = 2.0) -> None:
        """`patience`: how many seconds a file waits in its slot for another one of the same party to end."""
        self._most, self._patience = max(1, slots - 1), patience
        self._held: Counter[str] = Counter()
        self._changed = threading.Condition()

    @contextmanager
    def held(self, party: str) -> Iterator[bool]:
        """Whether one more file of this party may be read now; while it is, it counts."""
        with self._changed:
            free = self._changed.wait_for(lambda: self._held[party] < self._most, self._patience)
            self._held[party] += free
        try:
            yield free
        finally:
            with self._changed:
                self._held[party] -= free
                self._changed.notify_all()


@dataclass(frozen=True)
class Node:
    """A running node: the facts in force, the ports to the outside, the ledger. Built by `gateway.wiring`."""

    facts: FactsKeeper
    clock: Clock
    ledger: Ledger
    spool: Storage
    inbox: Inbox
    folders: PartyFolders
    worker: AnyWorker
    sealer: Sealer
    opener: Opener
    verifier: Verifier
    courier: Callable[[Party], Courier]
    log: structlog.stdlib.BoundLogger
    close: Callable[[], None]
    notices: Mapping[str, Notices] = field(default_factory=dict)
    shares: Shares = field(default_factory=Shares)

    def terms(self, digest: str = "") -> Terms:
        """The facts of that digest, else those in force now, with the calendar."""
        return Terms(self.facts.at(digest) if digest else self.facts.current(), self.facts.calendar())
