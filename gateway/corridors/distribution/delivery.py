"""Delivery: one batch into its receiver's channel. The signed list goes last, after the packages that it names.

Batches are delivered by workflows partitioned by receiver, so that one slow partner delays no other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from gateway.adapters.ledger import Reading, Transaction
from gateway.adapters.ledger.rows import BatchRow, PackageRow
from gateway.corridors.between import statements
from gateway.corridors.between.statements import Sent
from gateway.corridors.distribution import composing, unsealing
from gateway.corridors.distribution.composing import Beside
from gateway.corridors.inquiries import delivering
from gateway.corridors.obligations import duties
from gateway.corridors.recording import KEEP, Said, TriedBatch, batch_entry, keeping, log_batch, of_batch
from gateway.corridors.telling.posting import Posting
from gateway.lifecycle import BatchState, Event
from gateway.node import Terms
from gateway.outcomes import Decision, Deferred, Fault, Ok, Outcome, Refused
from gateway.parcels import PackageId, PartyId
from gateway.policy.facts import Agreement, Party
from gateway.stages import delivery
from gateway.step import OK, Done, Step, StepResult, defer, stop


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A batch that is to be delivered."""

    batch: BatchRow
    packages: Sequence[PackageRow]
    terms: Terms

    @property
    def receiver(self) -> Party:
        return self.terms.facts.parties[self.batch.receiver]

    @property
    def agreement(self) -> Agreement:
        return self.terms.facts.agreements[self.batch.agreement]


@dataclass(frozen=True, slots=True)
class Laid:
    """Everything is in the channel. `listed` is the digest of the list; `stated` the list as a statement, where the
    receiver is a gateway."""

    listed: str
    stated: Sent | None


class Delivery(Step[Outgoing, Laid]):
    """The step of `flow.delivery`."""

    name: ClassVar[str] = "delivery"

    def load(self, reading: Reading, identity: str) -> Outgoing | Done:
        """`Done` where the batch has arrived, and where it stands still until a person has it tried again."""
        batch = reading.batches.row(identity)
        if batch.state is not BatchState.RELEASED:
            return Done(_stands(batch))
        return Outgoing(batch, reading.packages.where(distribution=identity), self.node.terms())

    def effect(self, known: Outgoing, now: datetime) -> Outcome[Laid]:  # noqa: ARG002 - its list is of the release
        """Compose the signed list unless that was done, and put everything into the receiver's channel."""
        facts, receiver = known.terms.facts, known.receiver
        beside = composing.compose(self.node, known.batch, receiver, known.agreement, facts)
        if not isinstance(beside, Ok):
            return beside
        done = self._hand_over(known, beside.value)
        if not isinstance(done, Ok):
            return done
        listed = next(digest for path, digest in beside.value.values() if composing.is_list(path))
        if not receiver.gateway:
            return Ok(Laid(listed, None))
        return Ok(Laid(listed, Sent("list", receiver.id, known.batch.id, *composing.signed_list(beside.value))))

    def commit(self, tx: Transaction, known: Outgoing, decision: Decision[Laid]) -> StepResult:
        """Record the delivery with what it sets going, or why there is none yet."""
        batch = tx.batches.row(known.batch.id)
        if batch.state is not BatchState.RELEASED:
            return _stands(batch)
        match decision:
            case Ok(laid):
                _delivered(tx, batch, known, laid)
                return OK
            case Deferred():
                return defer(tx, TriedBatch(batch), decision)
            case Fault(code, detail) | Refused(code, detail):
                return stop(tx, TriedBatch(batch), Fault(code, detail))
        raise AssertionError("a delivery waits for nobody's word")

    def after(self, identity: str, result: StepResult) -> None:
        """What the delivery stated goes to both sides."""
        if result["outcome"] == "ok":
            with self.node.ledger.reading() as reading:
                packages = reading.packages.where(distribution=identity)
            self._post({package.parcel for package in packages})

    def post_waiting(self) -> None:
        """Receipts about deliveries that could not be written when they were stated."""
        with self.node.ledger.reading() as reading:
            waiting = reading.receipts.where(stage="delivered", written_at=None)
        self._post({receipt.parcel for receipt in waiting})

    def _post(self, parcels: Iterable[str]) -> None:
        for parcel in sorted(parcels):
            with self.node.ledger.reading() as reading:
                waiting = reading.receipts.where(parcel=parcel, stage="delivered", written_at=None)
            if waiting:
                Posting(self.node).run(parcel)

    def _hand_over(self, known: Outgoing, beside: Beside) -> Outcome[None]:
        """Everything into the channel; plain files exist only for as long as that takes."""
        node, batch, receiver, facts = self.node, known.batch, known.receiver, known.terms.facts
        plain, to = known.agreement.profile == "plain-folder", PartyId(receiver.id)
        sealed = {p.id: node.spool.sealed(p.agreement, p.period, PackageId(p.id)) for p in known.packages if p.sha256}
        try:
            if plain:
                if (closed := unsealing.reachable(node, receiver)) is not None:
                    return closed
                opened = unsealing.unseal(node, batch.id, known.packages, facts)
                if not isinstance(opened, Ok):
                    return opened
                sealed = opened.value
            files = delivery.files(composing.content(node, batch.id)[0], sealed, beside)
            done = node.courier(receiver).deliver(to, known.agreement.label, files)
        finally:
            if plain:
                unsealing.forget(node, batch.id)
        if isinstance(done, Ok) and receiver.gateway:
            # A drop folder takes packages only: the signed list goes where that node takes statements.
            return node.courier(receiver).deliver(to, facts.node.folders.acknowledge, delivery.statement(beside))
        return done


def _stands(batch: BatchRow) -> StepResult:
    """What became of a batch that is not to be delivered (any more)."""
    return OK if batch.state.arrived else {"outcome": "fault", "code": batch.code}


def _delivered(tx: Transaction, batch: BatchRow, known: Outgoing, laid: Laid) -> None:
    """The entry, then the clocks and duties that a delivery sets going."""
    terms, own = known.terms, known.terms.facts.node.party
    counts = {"packages": len(known.packages), "attempts": batch.attempt}
    if known.agreement.profile == "plain-folder":
        counts["plain"] = sum(bool(package.sha256) for package in known.packages)
    entry = batch_entry(tx, batch, Event.DELIVERED, Said(counts, {"list": laid.listed}))
    log_batch(tx, batch, entry)
    delivering.delivered(tx, batch, known.packages, entry, terms)
    duties.delivered(tx, batch, terms)
    if laid.stated is not None:
        statements.add_sent(tx, own, laid.stated)
    if batch.receiver == own:
        # What is sealed for ourselves has nobody else to sign for it.
        kept = keeping(terms.facts, batch.agreement).packages
        said = Said({"packages": len(known.packages), KEEP: kept})
        of_batch(tx, tx.batches.row(batch.id), Event.ACKNOWLEDGED, said)
