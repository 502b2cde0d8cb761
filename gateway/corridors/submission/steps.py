"""What the five steps of a submission have in common: they take up where the step before ended.

What a step returns stands in the ledger as JSON (`progress`), under the step's name; a step that runs again finds it
there. Those names are in ledgers of every version, so they stay.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar, Generic, TypeVar

from pydantic import TypeAdapter

from gateway.adapters.ledger import Reading, Transaction
from gateway.adapters.ledger.rows import ParcelRow
from gateway.corridors.recording import TriedParcel, refuse, standing
from gateway.corridors.submission.ending import awaits, duplicate
from gateway.node import Node, Terms
from gateway.outcomes import Decision, Deferred, Duplicate, Fault, Held, Ok, Refused
from gateway.parcels import Checked, ParcelId
from gateway.step import OK, Done, Step, StepResult, defer, stop

WORKER_DIED, TOO_LONG = "704", "314"
LONGEST_TRIES = 8
"""A file whose worker dies again and again is ours to look at, not the world's to mend."""
LATE_TRIES = 3
"""A file that is not read in its time, also when the machine may have less to do, is its sender's."""

P = TypeVar("P")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class At(Generic[P]):
    """Where a parcel stands: what the step before made of it, and the facts it is finished under."""

    parcel: ParcelId
    before: P
    terms: Terms


class ParcelStep(Step[At[P], V]):
    """A step after the intake. `returns` is the type of what it keeps, `after` that of what its predecessor kept."""

    follows: ClassVar[str]
    before: ClassVar[TypeAdapter[Any]]
    returns: ClassVar[TypeAdapter[Any]]

    def load(self, reading: Reading, identity: str) -> At[P] | Done:
        """`Done` where the step ran before, and where the parcel goes no further."""
        row = reading.parcels.row(identity)
        if reading.progress.get(identity, self.name) is not None:
            return Done(OK)
        if (stands := standing(row)) is not None:
            return stands
        kept = reading.progress.get(identity, self.follows)
        assert kept is not None, "a step runs after its predecessor"
        return At(ParcelId(identity), self.before.validate_json(kept), self.node.terms(row.facts))

    def commit(self, tx: Transaction, known: At[P], decision: Decision[V]) -> StepResult:
        """Keep what the step made and record it, or write why it goes no further."""
        row = tx.parcels.row(known.parcel)
        if isinstance(decision, Ok):
            tx.progress.set(row.id, self.name, self.returns.dump_json(decision.value).decode())
            self.record(tx, row, decision.value, known.terms)
            return OK
        return ended(tx, row, decision, known.terms)

    @abstractmethod
    def record(self, tx: Transaction, row: ParcelRow, value: V, terms: Terms) -> None:
        """Write the entry of this step, with what follows from it."""


def parcel_key(node: Node, parcel: ParcelId, now: datetime) -> str:
    """The key of a parcel's digests; made now for one that came in before there were keys."""
    with node.ledger.reading() as reading:
        key = reading.secrets.key(parcel)
    if not key:
        with node.ledger.transaction(now) as tx:
            key = tx.secrets.ensure(parcel)
    return key


def others_first() -> Deferred:
    """The other files of the same party take all the slots that it may hold."""
    return Deferred("711", retry_after=5)


def ended(
    tx: Transaction, row: ParcelRow, decision: Refused | Deferred | Held[Any] | Duplicate | Fault, terms: Terms
) -> StepResult:
    """Write that a parcel goes no further for now, or at all."""
    if isinstance(decision, Deferred) and decision.code == WORKER_DIED:
        decision = _died(row, decision)
    match decision:
        case Refused(code):
            refuse(tx, row, decision, terms)
            return {"outcome": "refused", "code": code}
        case Duplicate(original, code):
            duplicate(tx, row, original)
            return {"outcome": "duplicate", "code": code}
        case Held(value, code):
            assert isinstance(value, Checked), "only what was checked waits for a person"
            awaits(tx, row, decision, terms)
            return {"outcome": "held", "code": code}
        case Deferred():
            return defer(tx, TriedParcel(row), decision)
        case Fault():
            return stop(tx, TriedParcel(row), decision)


def _died(row: ParcelRow, died: Deferred) -> Deferred | Refused | Fault:
    """A worker that was not even reached is the world's, however often. Of those that died only what came in a row
    counts: a file may have waited often and died once."""
    if "errno" in died.detail:
        return died
    deaths = int(row.detail.get("deaths", 0)) + 1 if row.code == WORKER_DIED else 1
    if died.detail.get("ended") == "late" and deaths >= LATE_TRIES:
        return Refused(TOO_LONG)
    if deaths >= LONGEST_TRIES:
        return Fault("900", {"error": "WorkerDied"})
    return replace(died, detail={**died.detail, "deaths": deaths})
