"""Sealing: every part becomes a package for its one receiver; the parcel is accepted, and plain records go."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from pydantic import TypeAdapter

from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.rows import ParcelRow
from gateway.corridors.inquiries import answering, entering
from gateway.corridors.submission import ending, packing
from gateway.corridors.submission.sorting import SORTED
from gateway.corridors.submission.steps import At, ParcelStep
from gateway.node import Terms
from gateway.outcomes import Outcome
from gateway.parcels import Sealed, Sorted


class Sealing(ParcelStep[Sorted, Sealed]):
    """The fifth step."""

    name: ClassVar[str] = "sealing"
    follows: ClassVar[str] = "sorting"
    before = SORTED
    returns = TypeAdapter(Sealed)

    def effect(self, known: At[Sorted], now: datetime) -> Outcome[Sealed]:
        """Packages that an earlier run made are adopted."""
        return packing.pack(self.node, known.before, now)

    def record(self, tx: Transaction, row: ParcelRow, value: Sealed, terms: Terms) -> None:
        """Records with a date of their own are entered first, then the acceptance, then what a reply settles."""
        entering.enter(tx, self.node.spool, row, value, terms)
        ending.accepted(tx, row, value, terms)
        answering.accepted(tx, row, terms)
