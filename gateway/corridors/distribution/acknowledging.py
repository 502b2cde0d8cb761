"""The end of the distribution corridor: a receiver's signature closes its batch.

A signature that comes with a sidecar is over that sidecar: a receipt or a list of another gateway's (`statements`).
"""

from __future__ import annotations

from gateway.adapters.ledger import Transaction
from gateway.corridors import recording
from gateway.corridors.between import statements
from gateway.corridors.submission.steps import StepResult
from gateway.instants import backoff, rfc3339
from gateway.lifecycle import Event
from gateway.node import Node
from gateway.outcomes import Deferred, Fault, Ok, Outcome, Refused
from gateway.parcels import DistributionId, ParcelId
from gateway.policy.facts import Facts
from gateway.receipts.naming import BARE_FORM, FORM
from gateway.stages import acknowledging

UNSIGNED = ("delivered", "unconfirmed")


class Acknowledgement:
    """The steps of `flow.acknowledgement`."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def acknowledge(self, parcel: ParcelId) -> StepResult:
        """Judge a signature that a receiver dropped. Accepted, it settles one batch; else it is refused with a receipt
        of its own."""
        node = self._node
        now, facts = node.clock.now(), node.facts.current()
        claim = node.inbox.claim(parcel)
        with node.ledger.reading() as reading:
            row = reading.parcel(parcel)
            waiting = [
                batch
                for state in (*UNSIGNED, "released")
                for batch in (reading.distributions(receiver=claim.sender, state=state) if claim else [])
            ]
        if row is not None and row.settled:
            node.inbox.finish(parcel)
            return {"outcome": "settled", "code": row.code}
        if claim is None:
            return {"outcome": "fault", "code": "900"}
        copied = node.inbox.copy(parcel)
        outcome: Outcome[DistributionId]
        receiver = facts.parties[claim.sender]
        pins, fingerprint = (*receiver.pins("openpgp"), *receiver.pins("sm")), ""
        stated = self._sidecar(parcel) if isinstance(copied, Ok) else None
        statement: Outcome[statements.Statement] | None = None
        signature = b""
        if isinstance(copied, Ok):
            small = copied.value.size < statements.SIGNATURE_LIMIT
            signature = copied.value.path.read_bytes() if small else b""
        if stated is not None:
            statement = statements.judge(node, receiver, stated, signature)
            outcome = Ok(DistributionId("")) if isinstance(statement, Ok) else statement
        elif isinstance(copied, Ok):
            made = {DistributionId(d.id): self._form(DistributionId(d.id)) for d in waiting}
            forms = {identity: form for identity, form in made.items() if form}
            # Who gets plain files has no key: the form itself, unchanged in a folder that is theirs alone, will do.
            bare = {
                forms[DistributionId(d.id)]
                for d in waiting
                if DistributionId(d.id) in forms
                and d.agreement in facts.agreements
                and facts.agreements[d.agreement].profile == "plain-folder"
            }

            def judge(form: bytes) -> Outcome[None]:
                if form in bare and form == signature:
                    return Ok(None)
                return node.verifier.verify(form, signature, *pins)

            outcome = acknowledging.match(forms, judge)
            if isinstance(outcome, Ok):
                form = forms[outcome.value]
                signed = (p for p in pins if isinstance(node.verifier.verify(form, signature, p), Ok))
                fingerprint = next(signed, "")
                if any(d.id == outcome.value and d.state == "released" for d in waiting):
                    # A gateway is quick: it has the files, and we have not written down yet that they are there.
                    outcome = Deferred("708", {}, 5)
        else:
            outcome = copied
        with node.ledger.transaction(now) as tx:
            if tx.parcel(parcel) is None:
                tx.add_parcel(
                    id=parcel,
                    corridor="acknowledgement",
                    sender=claim.sender,
                    agreement=claim.agreement,
                    state="arriving",
                    facts=facts.digest,
                    received_at=rfc3339(min(claim.first_seen, now)),
                    **({"sha256": copied.value.sha256, "size": copied.value.size} if isinstance(copied, Ok) else {}),
                )
            if stated is not None and statement is not None:
                statements.record(node, tx, receiver, stated, signature, statement)
            if isinstance(statement, Ok):
                recording.noted(tx, parcel, statement.value.about)
                result = {"outcome": "ok", "code": ""}
            elif original := _original(tx, parcel, outcome):
                recording.duplicate(tx, parcel, original)
                result = {"outcome": "duplicate", "code": "220"}
            else:
                result = self._acknowledged(tx, parcel, outcome, fingerprint, facts)
        if result["outcome"] != "deferred":
            node.inbox.finish(parcel)
        node.log.info("acknowledgement", parcel=parcel, **result)
        return result

    def _acknowledged(
        self, tx: Transaction, parcel: ParcelId, outcome: Outcome[DistributionId], fingerprint: str, facts: Facts
    ) -> StepResult:
        row = recording.row(tx, parcel)
        match outcome:
            case Ok(distribution):
                batch = tx.distribution(distribution)
                assert batch is not None, "a form that was signed belongs to a batch"
                tx.update_delivery(
                    distribution, state="acknowledged", acknowledged_at=row.received_at, fingerprint=fingerprint
                )
                tx.update_distribution(distribution, state="acknowledged")
                tx.update_packages(distribution, "acknowledged")
                kept = recording.keeping(facts, batch.agreement).packages
                counts = {"packages": batch.packages, recording.KEEP: kept}
                recording.batch_event(tx, batch, Event.ACKNOWLEDGED, counts, signature=row.sha256)
                recording.collected(tx, batch, parcel, row.received_at, facts, self._node.facts.calendar())
                recording.acknowledged(tx, parcel, batch, facts, self._node.facts.calendar())
                return {"outcome": "ok", "code": ""}
            case Refused(code, detail):
                recording.refused(tx, parcel, code, detail, facts, {}, self._node.facts.calendar())
                return {"outcome": "refused", "code": code}
            case Deferred(code, detail, retry_after):
                recording.deferred(tx, row, code, detail, max(retry_after, backoff(row.attempt)))
                return {"outcome": "deferred", "code": code}
            case Fault(code, detail):
                recording.faulted(tx, row, code, detail)
                return {"outcome": "fault", "code": code}

    def _sidecar(self, parcel: ParcelId) -> bytes | None:
        path = self._node.spool.parcel(parcel) / "sidecar.json"
        return path.read_bytes() if path.exists() else None

    def _form(self, distribution: DistributionId) -> bytes:
        """Empty where the batch is not composed yet."""
        folder = self._node.spool.batch(distribution)
        return next((f.read_bytes() for f in folder.iterdir() if f.name.endswith((FORM, BARE_FORM))), b"")


def _original(tx: Transaction, parcel: ParcelId, outcome: Outcome[DistributionId]) -> str:
    """The parcel that brought the same signature and closed a batch with it: a gateway that was killed between pushing
    and writing it down pushes once more. A refused one is no original."""
    if outcome != Refused("232"):
        return ""
    row = recording.row(tx, parcel)
    same = tx.parcels(sender=row.sender, corridor="acknowledgement", sha256=row.sha256, state="acknowledged")
    return same[0].id if same else ""
