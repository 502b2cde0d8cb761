"""What is tried again, for `gateway.step`: parcels, batches, batches of other gateways."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.rows import BatchRow, IncomingRow, ParcelRow
from gateway.corridors.recording.entries import Said, of_batch, of_incoming, of_parcel
from gateway.lifecycle import Event, ParcelState
from gateway.outcomes import Detail
from gateway.step import Done, Tried, Waiting


def _said(code: str, attempt: int) -> Said:
    return Said(counts={"code": int(code)}, suffix=f"/{attempt}")


@dataclass(frozen=True, slots=True)
class TriedParcel(Tried):
    """A parcel between two attempts."""

    row: ParcelRow

    @property
    def attempt(self) -> int:
        return self.row.attempt

    def put_off(self, tx: Transaction, waiting: Waiting) -> None:
        """The row alone: most waits are not logged."""
        tx.parcels.update(
            self.row.id,
            code=waiting.code,
            detail=kept(self.row, waiting.detail),
            attempt=waiting.attempt,
            next_attempt_at=tx.now + waiting.time,
        )

    def record(self, tx: Transaction, event: Event, code: str, attempt: int) -> None:
        of_parcel(tx, self.row, event, _said(code, attempt))

    def explain(self, tx: Transaction, detail: Detail) -> None:
        tx.parcels.update(self.row.id, detail=kept(self.row, detail))


@dataclass(frozen=True, slots=True)
class TriedBatch(Tried):
    """A batch on its way to its receiver."""

    row: BatchRow

    @property
    def attempt(self) -> int:
        return self.row.attempt

    def put_off(self, tx: Transaction, waiting: Waiting) -> None:
        tx.batches.update(
            self.row.id, code=waiting.code, attempt=waiting.attempt, next_attempt_at=tx.now + waiting.time
        )

    def record(self, tx: Transaction, event: Event, code: str, attempt: int) -> None:
        of_batch(tx, self.row, event, _said(code, attempt))


@dataclass(frozen=True, slots=True)
class TriedIncoming(Tried):
    """A batch of another gateway's that is being signed for."""

    row: IncomingRow

    @property
    def attempt(self) -> int:
        return self.row.attempt

    def put_off(self, tx: Transaction, waiting: Waiting) -> None:
        tx.incoming.update(
            self.row.id, code=waiting.code, attempt=waiting.attempt, next_attempt_at=tx.now + waiting.time
        )

    def record(self, tx: Transaction, event: Event, code: str, attempt: int) -> None:
        of_incoming(tx, self.row, event, _said(code, attempt))


def standing(parcel: ParcelRow) -> Done | None:
    """`Done` where a parcel has come to its end, and where it stands still until a person says a word: a step that is
    run again after a crash finds its own result."""
    if parcel.settled:
        return Done({"outcome": "settled", "code": parcel.code})
    if parcel.state is ParcelState.FAULTED:
        return Done({"outcome": "fault", "code": parcel.code})
    if parcel.state is ParcelState.AWAITING:
        return Done({"outcome": "held", "code": parcel.code})
    return None


def kept(parcel: ParcelRow, detail: Detail) -> Detail:
    """The detail of a new state. What decided the period and the kind stays: the receipt says it at the end."""
    decided = parcel.detail.get("decided_by")
    return {**detail, "decided_by": decided} if decided else detail
