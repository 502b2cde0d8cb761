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
from gateway.outcomes import Ok, Outcome, Refused
from gateway.parcels import Arrival, Opened
from gateway.records.truncation import TRUNCATED, is_truncated
from gateway.stages import recognising

OPENED: TypeAdapter[Opened] = TypeAdapter(Opened)


class Recognising(ParcelStep[Arrival, Opened]):
    """The second step. It changes nothing that anybody outside sees, so the log does not tell of it."""

    name: ClassVar[str] = "opening"
    follows: ClassVar[str] = "intake"
    before = ARRIVAL
    returns = OPENED

    def effect(self, known: At[Arrival], now: datetime) -> Outcome[Opened]:  # noqa: ARG002 - no time is in it
        """By the file's first bytes and the agreement; then by its end."""
        document = known.terms.facts.agreements[known.before.agreement].content == "document"
        with self.node.spool.table(known.parcel).open("rb") as stream:
            decided = recognising.decide(known.before, stream.read(64), document=document)
        if isinstance(decided, Ok) and not known.before.derived_from and self._is_truncated(known, document=document):
            return Refused(TRUNCATED)
        return decided

    def _is_truncated(self, known: At[Arrival], *, document: bool) -> bool:
        """A file without its end: the rest may be lost. Its sender says otherwise by a done marker, or by sending the
        very same bytes once more. A sealed package says itself what it holds."""
        arrival, inbox = known.before, self.node.inbox
        claim, name = inbox.claim(arrival.parcel), inbox.name(arrival.parcel)
        if claim is not None and claim.marked:
            return False
        if not is_truncated(self.node.spool.table(known.parcel), name, table=not document):
            return False
        with self.node.ledger.reading() as reading:
            return not reading.parcels.refused_before(arrival, TRUNCATED)

    def record(self, tx: Transaction, row: ParcelRow, value: Opened, terms: Terms) -> None:
        """The progress is all there is to write."""
