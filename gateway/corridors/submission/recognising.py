"""Recognising: what is inside is known: a table, a declared nil, a withdrawal, or a document passed on as it is."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from pydantic import TypeAdapter

from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.rows import ParcelRow
from gateway.corridors.submission.intake import ARRIVAL
from gateway.corridors.submission.steps import At, ParcelStep
from gateway.node import Terms
from gateway.outcomes import Outcome
from gateway.parcels import Arrival, Opened
from gateway.stages import recognising

OPENED: TypeAdapter[Opened] = TypeAdapter(Opened)


class Recognising(ParcelStep[Arrival, Opened]):
    """The second step. It changes nothing that anybody outside sees, so the log does not tell of it."""

    name: ClassVar[str] = "opening"
    follows: ClassVar[str] = "intake"
    before = ARRIVAL
    returns = OPENED

    def effect(self, known: At[Arrival], now: datetime) -> Outcome[Opened]:  # noqa: ARG002 - no time is in it
        """By the file's first bytes and the agreement."""
        agreement = known.terms.facts.agreements[known.before.agreement]
        with self.node.spool.table(known.parcel).open("rb") as stream:
            return recognising.decide(known.before, stream.read(64), document=agreement.content == "document")

    def record(self, tx: Transaction, row: ParcelRow, value: Opened, terms: Terms) -> None:
        """The progress is all there is to write."""
