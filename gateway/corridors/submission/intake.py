"""Intake: a claimed file is copied, and settled whose it is, under which agreement, for which period, of which kind.

The parcel's row is made here, whatever comes of it; the claimed file leaves the drop folder once that is committed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from pydantic import TypeAdapter

from gateway import digests
from gateway.adapters.ledger import Reading, Transaction
from gateway.adapters.ledger.rows import ParcelRow, Place
from gateway.corridors.obligations import settling
from gateway.corridors.recording import Said, commitment, content, in_clear, of_parcel, standing
from gateway.corridors.submission.steps import ended, others_first
from gateway.corridors.telling import impersonation
from gateway.lifecycle import Event, ParcelState
from gateway.outcomes import Decision, Deferred, Fault, Ok, Outcome, Refused
from gateway.packages import Descriptor
from gateway.parcels import Arrival, Claim, Form, ParcelId
from gateway.policy.periods import Period
from gateway.ports import Copied
from gateway.stages import authority, intake, recognising
from gateway.step import OK, Done, Step, StepResult

ARRIVAL: TypeAdapter[Arrival] = TypeAdapter(Arrival)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A parcel whose intake has not ended well yet."""

    parcel: ParcelId


class Intake(Step[Claimed, Arrival]):
    """The first step: what lies in a drop folder becomes a parcel."""

    name: ClassVar[str] = "intake"

    def load(self, reading: Reading, identity: str) -> Claimed | Done:
        """`Done` where the parcel is in, or goes no further."""
        row = reading.parcels.get(identity)
        if reading.progress.get(identity, self.name) is not None:
            return Done(OK)
        stands = standing(row) if row is not None else None
        return stands or Claimed(ParcelId(identity))

    def effect(self, known: Claimed, now: datetime) -> Outcome[Arrival]:
        """Copy the claimed file, open it where it is a sealed package, and decide what it is."""
        node, parcel, facts = self.node, known.parcel, self.node.facts.current()
        claim = node.inbox.claim(parcel)
        if claim is None:
            return Fault("900", {"stage": self.name, "error": "NoClaim"})
        copied = node.inbox.copy(parcel)
        if not isinstance(copied, Ok):
            return copied
        noted = self._sidecar(parcel)
        if not isinstance(noted, Ok):
            return noted
        signer, sidecar = facts.parties[claim.sender], noted.value
        agreement = facts.agreements.get(claim.agreement)
        refused = authority.of_sidecar(sidecar, signer, facts)
        if refused is None and agreement is not None:
            refused = authority.accepted(agreement, _form(copied.value))
        if refused is not None:
            return impersonation.told(self.node, refused, agreement, now)
        package = self._package(parcel, claim, copied.value, now)
        if isinstance(package, Refused):
            return impersonation.told(self.node, package, agreement, now)
        if not isinstance(package, Ok):
            return package
        return intake.decide(claim, copied.value, sidecar, package.value, facts, self._owed(claim, now))

    def commit(self, tx: Transaction, known: Claimed, decision: Decision[Arrival]) -> StepResult:
        """Make the parcel's row, give the arrival its place, and log that it was received."""
        row = self._row(tx, known.parcel)
        placed = _placed(tx, row, decision.value) if isinstance(decision, Ok) else decision
        if isinstance(placed, Deferred):
            row = tx.parcels.row(row.id)
            return ended(tx, row, placed, self.node.terms(row.facts))
        if row.state is ParcelState.ARRIVING and tx.entries.get(f"{row.id}/{Event.RECEIVED}") is None:
            self._received(tx, row)
        if not isinstance(placed, Ok):
            row = tx.parcels.row(row.id)
            return ended(tx, row, placed, self.node.terms(row.facts))
        tx.progress.set(row.id, self.name, ARRIVAL.dump_json(placed.value).decode())
        tx.parcels.update(row.id, code="", next_attempt_at=None)
        return OK

    def after(self, identity: str, result: StepResult) -> None:
        """The claimed file goes from the drop folder once its copy is in the ledger."""
        if result["outcome"] != "deferred":
            self.node.inbox.finish(ParcelId(identity))

    # -- the effect --------------------------------------------------------------------------------------------------

    def _package(self, parcel: ParcelId, claim: Claim, copied: Copied, now: datetime) -> Outcome[Descriptor | None]:
        """A sealed package is opened under the sender's pinned key before anything is believed of it."""
        node, facts = self.node, self.node.facts.current()
        if _form(copied) == "plain":
            return Ok(None)
        into = node.spool.opened(parcel)
        if into.exists():
            return node.opener.describe(into)
        sender = facts.parties[claim.sender]
        pins = (*sender.pins("openpgp"), *sender.pins("sm"))
        if not pins:
            return Refused("211")
        with node.shares.held(claim.sender) as free:
            if not free:
                return others_first()
            received = node.opener.open(
                copied.path,
                into,
                *pins,
                accept=lambda package: (
                    authority.of_package(package, sender, facts, now) or intake.judge_package(package, claim, facts)
                ),
            )
        return Ok(received.value.descriptor) if isinstance(received, Ok) else received

    def _sidecar(self, parcel: ParcelId) -> Outcome[Mapping[str, Any]]:
        path = self.node.spool.parcel(parcel) / "sidecar.json"
        return self.node.worker.note(path) if path.exists() else Ok({})

    def _owed(self, claim: Claim, now: datetime) -> list[Period]:
        with self.node.ledger.reading() as reading:
            return settling.owed_periods(reading, claim.agreement, claim.sender, now)

    # -- the transaction ---------------------------------------------------------------------------------------------

    def _row(self, tx: Transaction, parcel: ParcelId) -> ParcelRow:
        """The parcel's row, made where there is none, with what is known of its copy."""
        node = self.node
        if tx.parcels.get(parcel) is None:
            claim = node.inbox.claim(parcel)
            tx.parcels.add(
                id=parcel,
                corridor="submission",
                sender=claim.sender if claim else "",
                origin=claim.sender if claim else "",
                agreement=claim.agreement if claim else "",
                state=ParcelState.ARRIVING,
                facts=node.facts.current().digest,
                received_at=min(claim.first_seen, tx.now) if claim else tx.now,
            )
        copied = node.inbox.copied(parcel)
        if copied is not None:
            tx.parcels.update(parcel, sha256=copied.sha256, size=copied.size)
        return tx.parcels.row(parcel)

    def _received(self, tx: Transaction, row: ParcelRow) -> None:
        """Its name is personal data, and so is what it holds: the log has a commitment to the one and, unless it came
        sealed, a keyed digest of the other, until the parcel's key is destroyed."""
        row = tx.parcels.row(row.id)
        key, copied = tx.secrets.ensure(row.id), self.node.inbox.copied(ParcelId(row.id))
        commit = commitment(self.node.inbox.name(ParcelId(row.id)), digests.keyed(key, digests.NAME))
        shown = in_clear(row) if copied is not None and _form(copied) != "plain" else content(tx, row)
        counts = {"bytes": row.size} | ({"part": row.part, "parts": row.parts} if row.part else {})
        counts |= {"stated": row.stated} if row.stated else {}
        said = Said(counts, shown, time=row.received_at, commit=commit)
        of_parcel(tx, row, Event.RECEIVED, said)


def _form(copied: Copied) -> Form:
    with copied.path.open("rb") as stream:
        return recognising.form(stream.read(16), copied.name)


def _placed(tx: Transaction, row: ParcelRow, arrival: Arrival) -> Decision[Arrival]:
    """The arrival in its place, and its address in the parcel's row. Deferred 708 where another took the place."""
    holders = tx.places.holders(arrival.origin, arrival.agreement, arrival.period)
    taken = tx.parcels.taken(arrival.sender, arrival.sha256, row.id) if arrival.derived_from else None
    placed = intake.place(arrival, holders, taken, row.attempt)
    tx.parcels.update(
        row.id,
        period=arrival.period,
        kind=(placed.value if isinstance(placed, Ok) else arrival).kind,
        origin=arrival.origin,
        reported_for=arrival.reported_for,
        stated=arrival.stated,
        facts=arrival.facts,
        detail={"decided_by": arrival.decided_by},
    )
    if not isinstance(placed, Ok):
        return placed
    arrival = placed.value
    place = Place(arrival.origin, arrival.agreement, arrival.period, arrival.revision)
    if not tx.places.take(place, row.id):
        return Deferred("708", retry_after=5)
    tx.parcels.update(row.id, revision=arrival.revision, part=arrival.part, parts=arrival.parts)
    return placed
