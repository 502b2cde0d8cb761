"""The end of the distribution corridor: a receiver's signature closes its batch.

A signature that comes with a sidecar is over that sidecar: a receipt or a list of another gateway's (`statements`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from gateway.adapters.ledger import Reading, Transaction
from gateway.adapters.ledger.rows import BatchRow, ParcelRow
from gateway.corridors.between import statements
from gateway.corridors.between.statements import Statement
from gateway.corridors.obligations import duties
from gateway.corridors.recording import (
    KEEP,
    Issue,
    Said,
    TriedParcel,
    in_clear,
    issue,
    keeping,
    of_batch,
    of_parcel,
    refuse,
    standing,
)
from gateway.corridors.telling import impersonation
from gateway.lifecycle import BatchState, Event, ParcelState
from gateway.node import ACKNOWLEDGE, Terms
from gateway.outcomes import Decision, Deferred, Duplicate, Fault, Ok, Outcome, Refused
from gateway.parcels import Claim, DistributionId, PackageId, ParcelId
from gateway.policy.facts import Party
from gateway.ports import Copied
from gateway.receipts.naming import BARE_FORM, FORM
from gateway.receipts.receipt import Counts
from gateway.stages import acknowledging
from gateway.step import OK, Done, Step, StepResult, defer, stop

UNSIGNED = (BatchState.DELIVERED, BatchState.UNCONFIRMED)
_ON_THE_WAY = (BatchState.RELEASED, BatchState.FAULTED)
CORRIDOR = "acknowledgement"


@dataclass(frozen=True, slots=True)
class Dropped:
    """What a receiver dropped into its folder for signatures. `batches` are those that it may have signed for."""

    parcel: ParcelId
    claim: Claim | None
    batches: Sequence[BatchRow]
    terms: Terms


@dataclass(frozen=True, slots=True)
class Closes:
    """A signature over the form of a batch. `fingerprint` is the key that made it; empty where the form itself was
    dropped, which is enough under the profile `plain-folder`."""

    batch: DistributionId
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Speaks:
    """A statement of another gateway's (`bare`), and what was judged of it: Ok or Refused. Both are recorded."""

    bare: Statement
    judged: Ok[Statement] | Refused


Signed = Closes | Speaks


class Acknowledging(Step[Dropped, Signed]):
    """The step of `flow.acknowledgement`."""

    name: ClassVar[str] = "acknowledging"

    def load(self, reading: Reading, identity: str) -> Dropped | Done:
        """`Done` where the signature was settled before, or stands still."""
        row = reading.parcels.get(identity)
        if row is not None and (stands := standing(row)) is not None:
            return stands
        claim = self.node.inbox.claim(ParcelId(identity))
        batches = [
            batch
            for state in (*UNSIGNED, *_ON_THE_WAY)
            for batch in (reading.batches.where(receiver=claim.sender, state=state) if claim else [])
        ]
        return Dropped(ParcelId(identity), claim, batches, self.node.terms())

    def effect(self, known: Dropped, now: datetime) -> Decision[Signed]:
        """Copy what was dropped, and judge it."""
        if known.claim is None:
            return Fault("900", {"stage": self.name, "error": "NoClaim"})
        copied = self.node.inbox.copy(known.parcel)
        if not isinstance(copied, Ok):
            return copied
        issuer, signature = known.terms.facts.parties[known.claim.sender], _signature(copied.value)
        body = self._sidecar(known.parcel)
        if body is None:
            closes = self._closes(known, issuer, signature)
            original = self._original(issuer, copied.value) if isinstance(closes, Refused) else ""
            return Duplicate(original) if original else closes
        judged = statements.judge(self.node, issuer, body, signature)
        if isinstance(judged, Refused):
            impersonation.told(self.node, judged, None, now)
        return Ok(Speaks(Statement(issuer, body, signature), judged)) if isinstance(judged, Ok | Refused) else judged

    def commit(self, tx: Transaction, known: Dropped, decision: Decision[Signed]) -> StepResult:
        """Close a batch, note a statement, or refuse what is neither; a refusal has a receipt of its own."""
        row = self._row(tx, known)
        match decision:
            case Ok(Closes() as closes):
                return self._closed(tx, row, closes, known.terms)
            case Ok(Speaks() as said):
                statements.record(tx, said.bare, said.judged, known.terms)
                if isinstance(said.judged, Refused):
                    refuse(tx, row, said.judged, known.terms)
                    return {"outcome": "refused", "code": said.judged.code}
                _noted(tx, row, said.judged.value.about)
                return OK
            case Refused(code):
                refuse(tx, row, decision, known.terms)
                return {"outcome": "refused", "code": code}
            case Duplicate(original, code):
                of_parcel(tx, row, Event.DUPLICATE, Said(digests={**in_clear(row), "original": original}))
                return {"outcome": "duplicate", "code": code}
            case Deferred():
                return defer(tx, TriedParcel(row), decision)
            case Fault():
                return stop(tx, TriedParcel(row), decision)
        raise AssertionError("a signature waits for nobody's word")

    def after(self, identity: str, result: StepResult) -> None:
        """What was dropped goes from its folder once it is in the ledger."""
        if result["outcome"] != "deferred":
            self.node.inbox.finish(ParcelId(identity))

    # -- the effect --------------------------------------------------------------------------------------------------

    def _closes(self, known: Dropped, receiver: Party, signature: bytes) -> Outcome[Closes]:
        """The batch whose form was signed, and by which key."""
        facts, verifier = known.terms.facts, self.node.verifier
        pins = (*receiver.pins("openpgp"), *receiver.pins("sm"))
        made = {DistributionId(batch.id): self._form(DistributionId(batch.id)) for batch in known.batches}
        forms = {identity: form for identity, form in made.items() if form}
        # A receiver of plain files has no key: the form itself, unchanged in a folder that is theirs alone, will do.
        plain = {a.id for a in facts.agreements.values() if a.profile == "plain-folder"}
        bare = {made[DistributionId(batch.id)] for batch in known.batches if batch.agreement in plain} - {b""}

        def judge(form: bytes) -> Outcome[None]:
            if form in bare and form == signature:
                return Ok(None)
            return verifier.verify(form, signature, *pins)

        found = acknowledging.match(forms, judge)
        if not isinstance(found, Ok):
            return found
        signers = (pin for pin in pins if isinstance(verifier.verify(forms[found.value], signature, pin), Ok))
        return Ok(Closes(found.value, next(signers, "")))

    def _original(self, sender: Party, copied: Copied) -> str:
        """The parcel that brought the same signature and closed a batch with it: a gateway that was killed between
        pushing and writing it down pushes once more. A refused one is no original."""
        with self.node.ledger.reading() as reading:
            same = reading.parcels.where(
                sender=sender.id, corridor=CORRIDOR, sha256=copied.sha256, state=ParcelState.ACKNOWLEDGED
            )
        return same[0].id if same else ""

    def _sidecar(self, parcel: ParcelId) -> bytes | None:
        path = self.node.spool.parcel(parcel) / "sidecar.json"
        return path.read_bytes() if path.exists() else None

    def _form(self, distribution: DistributionId) -> bytes:
        """Empty where the batch is not composed yet."""
        folder = self.node.spool.batch(distribution)
        return next((f.read_bytes() for f in folder.iterdir() if f.name.endswith((FORM, BARE_FORM))), b"")

    # -- the transaction ---------------------------------------------------------------------------------------------

    def _row(self, tx: Transaction, known: Dropped) -> ParcelRow:
        """The parcel's row, made where there is none, with what is known of its copy."""
        claim = known.claim
        if tx.parcels.get(known.parcel) is None:
            tx.parcels.add(
                id=known.parcel,
                corridor=CORRIDOR,
                sender=claim.sender if claim else "",
                agreement=claim.agreement if claim else ACKNOWLEDGE,
                state=ParcelState.ARRIVING,
                facts=known.terms.facts.digest,
                received_at=min(claim.first_seen, tx.now) if claim else tx.now,
            )
        copied = self.node.inbox.copied(known.parcel)
        if copied is not None:
            tx.parcels.update(known.parcel, sha256=copied.sha256, size=copied.size)
        return tx.parcels.row(known.parcel)

    def _closed(self, tx: Transaction, row: ParcelRow, closes: Closes, terms: Terms) -> StepResult:
        """The batch is acknowledged, what its receiver owed is met, and it gets a receipt for its signature."""
        batch = tx.batches.row(closes.batch)
        if batch.state not in UNSIGNED:
            # A gateway is quick: it has the files, and we have not written down yet that they are there.
            return defer(tx, TriedParcel(row), Deferred("708", {}, 5))
        facts = terms.facts
        counts = {"packages": batch.packages, KEEP: keeping(facts, batch.agreement).packages}
        digests = {"signature": row.sha256}
        if closes.fingerprint:
            digests["fingerprint"] = closes.fingerprint
        of_batch(tx, batch, Event.ACKNOWLEDGED, Said(counts, digests, time=row.received_at))
        duties.collected(tx, batch, row.id, row.received_at, terms)
        tx.parcels.update(row.id, period=batch.period)
        row = tx.parcels.row(row.id)
        said = Said({"bytes": row.size}, {**in_clear(row), "batch": batch.id}, time=row.received_at)
        entry = of_parcel(tx, row, Event.RECEIVED, said)
        packages = tuple(PackageId(package.id) for package in tx.packages.where(distribution=batch.id))
        told = Issue("acknowledged", "100", entry, Counts(), packages=packages, about=facts.agreements[batch.agreement])
        issue(tx, tx.parcels.row(row.id), told, terms)
        return OK


def _signature(copied: Copied) -> bytes:
    """Empty where it is larger than any signature."""
    return copied.path.read_bytes() if copied.size < statements.SIGNATURE_LIMIT else b""


def _noted(tx: Transaction, row: ParcelRow, about: str) -> None:
    """Another gateway's receipt or list was taken in: `about` is the batch it speaks of. No receipt for a receipt."""
    said = Said({"bytes": row.size}, {**in_clear(row), "about": about}, time=row.received_at)
    of_parcel(tx, row, Event.RECEIVED, said)
    tx.parcels.update(row.id, detail={"about": about})
