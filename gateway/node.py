"""What the corridors work with, built once by `gateway.wiring`."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import structlog

from gateway.adapters.ledger import Ledger
from gateway.deadlines import Calendar
from gateway.parcels import AgreementId
from gateway.policy.facts.facts import Facts, Party
from gateway.ports import AnyWorker, Clock, Courier, Inbox, Notices, Opener, Sealer, Storage, Verifier

ACTOR = "gateway"
ACKNOWLEDGE = AgreementId("acknowledge")  # not an agreement: the folder for what receivers sign


class FactsKeeper(Protocol):
    """The facts in force, and every earlier snapshot by its digest: a parcel is finished under the facts it began
    with."""

    def current(self) -> Facts: ...
    def at(self, digest: str) -> Facts: ...
    def calendar(self) -> Calendar: ...


@dataclass(frozen=True)
class Tools:
    facts: FactsKeeper
    clock: Clock
    ledger: Ledger
    spool: Storage
    inbox: Inbox
    worker: AnyWorker
    sealer: Sealer
    opener: Opener
    verifier: Verifier
    courier: Callable[[Party], Courier]
    log: structlog.stdlib.BoundLogger
    close: Callable[[], None]
    notices: Mapping[str, Notices] = field(default_factory=dict)

    def folder(self, party: Party, *below: str) -> Path:
        """A party's folder on the exchange root, as the configuration names it. Raises `OSError` while it is away:
        what is written into an empty mount point is lost."""
        if not self.inbox.root.is_up():
            raise OSError(errno.ENODEV, "the exchange root is away")
        facts = self.facts.current()
        return facts.path(facts.node.exchange_root) / party.folder_name / Path(*below)
