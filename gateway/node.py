"""What the corridors work with, built once by `gateway.wiring`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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

    def terms(self, digest: str = "") -> Terms:
        """The facts of that digest, else those in force now, with the calendar."""
        return Terms(self.facts.at(digest) if digest else self.facts.current(), self.facts.calendar())
