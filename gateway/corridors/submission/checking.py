"""Checking: a worker without keys judges every record, and repeated ones are found."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import ClassVar

from pydantic import TypeAdapter

from gateway import durable
from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.rows import ParcelRow
from gateway.corridors import counting
from gateway.corridors.comparing import repeating
from gateway.corridors.inquiries import answering
from gateway.corridors.recording import Said, of_parcel
from gateway.corridors.submission.recognising import OPENED
from gateway.corridors.submission.steps import At, ParcelStep, others_first, parcel_key
from gateway.corridors.telling import impersonation
from gateway.lifecycle import Event
from gateway.node import Terms
from gateway.outcomes import Decision, Held, Ok, Refused
from gateway.parcels import Checked, Kind, Opened, ParcelId
from gateway.records import Examination
from gateway.records.truncation import is_truncated
from gateway.stages import authority, checking
from gateway.step import StepResult

CHECKED: TypeAdapter[Checked] = TypeAdapter(Checked)
CONFIRMED = "confirmed"
SMALLEST_REPLACEMENT = 0.9  # of the replaced records; with fewer a person is asked
IMPERSONATES = "255"


class Checking(ParcelStep[Opened, Checked]):
    """The third step."""

    name: ClassVar[str] = "checking"
    follows: ClassVar[str] = "opening"
    before = OPENED
    returns = CHECKED

    def effect(self, known: At[Opened], now: datetime) -> Decision[Checked]:
        """Every record judged, by the worker; a withdrawal and a document hold none."""
        opened, parcel, node, facts = known.before, known.parcel, self.node, known.terms.facts
        if opened.content in ("void", "document"):
            return Ok(checking.unread(opened, durable.sha256_file(node.spool.table(parcel))[0]))
        arrival = opened.arrival
        if refused := checking.nil_document(opened, facts.agreements[arrival.agreement]):
            return refused
        table = node.spool.table(parcel)
        job = checking.job(opened, facts, table, node.spool.clear_out(parcel))
        if not arrival.derived_from:
            job = replace(job, unended=is_truncated(table, node.inbox.name(parcel)))
        with node.shares.held(arrival.sender) as free:
            if not free:
                return others_first()
            if facts.inquiries(arrival.agreement):
                examined = answering.examine(node, arrival, job, known.terms)
            else:
                job = replace(job, repeats=repeating.key(node, arrival.agreement, arrival.period, now))
                examined = node.worker.examine(parcel, job)
        if isinstance(examined, Refused) and examined.code == IMPERSONATES:
            signer = facts.parties[arrival.sender]
            refused = authority.of_file(examined.detail.get("claimed", ""), signer, facts)
            return impersonation.told(node, refused, facts.agreements[arrival.agreement], now)
        if isinstance(examined, Refused):
            return checking.as_meant(examined, arrival)
        if not isinstance(examined, Ok):
            return examined
        found = Examination.from_json(examined.value)
        judged = checking.judge(opened, found, facts.agreements[arrival.agreement])
        if isinstance(judged, Refused):
            return replace(judged, codes=dict(found.codes), reading=found.reading)
        if not isinstance(judged, Ok):
            return judged
        repeated = repeating.find(node, parcel, judged.value, job)
        checked = replace(judged.value, codes={**judged.value.codes, **repeated})
        checked = checking.cover(checked, parcel_key(node, parcel, now))
        return self._suspicious(parcel, checked) or Ok(checked)

    def _suspicious(self, parcel: ParcelId, checked: Checked) -> Held[Checked] | None:
        """A replacement much smaller than what it replaces waits until a person has confirmed it (224)."""
        with self.node.ledger.reading() as reading:
            row, confirmed = reading.parcels.row(parcel), reading.progress.get(parcel, CONFIRMED)
            if row.kind is not Kind.REPLACE or confirmed is not None:
                return None
            replaced = sum(earlier.accepted for earlier in counting.before(reading, row))
        if checked.tally.accepted >= SMALLEST_REPLACEMENT * replaced:
            return None
        return Held(checked, "224", {"accepted": checked.tally.accepted, "replaced": replaced})

    def commit(self, tx: Transaction, known: At[Opened], decision: Decision[Checked]) -> StepResult:
        """A reply claims what it answers in the same transaction."""
        row = tx.parcels.row(known.parcel)
        if isinstance(decision, Ok | Refused) and known.terms.facts.inquiries(row.agreement):
            decision = answering.claim(tx, self.node.spool, row, decision)
        return super().commit(tx, known, decision)

    def record(self, tx: Transaction, row: ParcelRow, value: Checked, terms: Terms) -> None:  # noqa: ARG002
        """The counts of what was judged."""
        tally = value.tally
        counts = {
            "records": tally.records,
            "accepted": tally.accepted,
            "refused": tally.refused,
            "warned": tally.warned,
        }
        of_parcel(tx, row, Event.CHECKED, Said(counts, {"records": value.digest}))
