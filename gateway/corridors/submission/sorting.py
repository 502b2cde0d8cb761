"""Sorting: every accepted record has its one receiver, by count and by digest."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from pydantic import TypeAdapter

from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.rows import ParcelRow
from gateway.corridors.recording import Said, of_parcel
from gateway.corridors.submission.checking import CHECKED
from gateway.corridors.submission.steps import At, ParcelStep
from gateway.lifecycle import Event
from gateway.node import Terms
from gateway.outcomes import Outcome
from gateway.parcels import Checked, Sorted
from gateway.stages import sorting

SORTED: TypeAdapter[Sorted] = TypeAdapter(Sorted)


class Sorting(ParcelStep[Checked, Sorted]):
    """The fourth step."""

    name: ClassVar[str] = "sorting"
    follows: ClassVar[str] = "checking"
    before = CHECKED
    returns = SORTED

    def effect(self, known: At[Checked], now: datetime) -> Outcome[Sorted]:  # noqa: ARG002 - no time is in it
        """Conservation is proved here: records = sum over parts + refused."""
        return sorting.sort(known.before, known.terms.facts)

    def record(self, tx: Transaction, row: ParcelRow, value: Sorted, terms: Terms) -> None:  # noqa: ARG002
        """How many records each receiver gets, and their digest."""
        counts = {str(party): part.records for party, part in value.parts.items()}
        digests = {str(party): part.digest for party, part in value.parts.items()}
        of_parcel(tx, row, Event.SORTED, Said(counts, digests))
