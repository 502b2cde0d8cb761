"""One step of a durable workflow, once: load, effect, outcome, then one transaction.

Every step runs the same way. It loads what is known, and ends at once where its result stands in the ledger. Its effect
may run again: its outputs are named by ids, and it adopts what an earlier run left. What the operating system could not
do is the world's fault (`Deferred`), what nobody foresaw is ours (`Fault`); both are outcomes like any other. The
transaction then writes state, log entry and outbox together. Only codes and ids cross from one step to the next, so
nothing personal enters the workflow engine's tables.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Generic, Literal, TypedDict, TypeVar

from gateway.adapters.ledger import LedgerAway, LedgerCorrupt, Reading, Transaction
from gateway.instants import LONGEST_WAIT, backoff
from gateway.lifecycle import Event, NoTransition
from gateway.node import Node
from gateway.outcomes import Decision, Deferred, Detail, Fault

L = TypeVar("L")
V = TypeVar("V")
FIRST_WAIT = 5.0
_PATIENCE = (0.1, 0.5, 2.0)
"""Seconds between the tries of a transaction: a connection that broke is made again at once."""


class StepResult(TypedDict):
    """What crosses from a step to its workflow, as JSON. `settled`: the thing had come to its end before."""

    outcome: Literal["ok", "refused", "deferred", "held", "duplicate", "fault", "settled"]
    code: str


OK: StepResult = {"outcome": "ok", "code": ""}


@dataclass(frozen=True, slots=True)
class Done:
    """The ledger has this step's result already."""

    result: StepResult


class Step(ABC, Generic[L, V]):
    """One step: `L` is what it knows when it begins, `V` what its effect makes."""

    name: ClassVar[str]

    def __init__(self, node: Node) -> None:
        self.node = node

    @abstractmethod
    def load(self, reading: Reading, identity: str) -> L | Done:
        """What the ledger knows; `Done` where nothing is left to do."""

    @abstractmethod
    def effect(self, known: L, now: datetime) -> Decision[V]:
        """Do what the step does outside the ledger, so that it may be done again. `OSError` means: later."""

    @abstractmethod
    def commit(self, tx: Transaction, known: L, decision: Decision[V]) -> StepResult:
        """Write what came of it: state, entry, outbox."""

    def after(self, identity: str, result: StepResult) -> None:
        """What follows a commit, or finding it done; it may be done again."""

    def run(self, identity: str) -> StepResult:
        """The step for one thing, at one instant. Raises `LedgerAway` where the ledger stays away: the workflow then
        ends, and the daemon makes a new one; and `LedgerCorrupt` where it is damaged: all stands where it is."""
        node = self.node
        now = node.clock.now()
        known = self._known(identity)
        if isinstance(known, Done):
            self.after(identity, known.result)
            return known.result
        result = self._written(known, identity, self._effect(known, identity, now), now)
        self.after(identity, result)
        node.log.info("step", step=self.name, id=identity, **result)
        return result

    def _known(self, identity: str) -> L | Done:
        with self.node.ledger.reading() as reading:
            return self.load(reading, identity)

    def _written(self, known: L, identity: str, decision: Decision[V], now: datetime) -> StepResult:
        """Commit, again where the connection broke. Whether it broke before or after the commit nobody can tell, so
        nothing is written again before what stands in the ledger was looked at."""
        broke = False
        for wait in (*_PATIENCE, None):
            try:
                there = self._known(identity) if broke else known
                if isinstance(there, Done):
                    return there.result
                return self._commit(there, identity, decision, now)
            except LedgerAway:
                if wait is None:
                    raise
                broke = True
                time.sleep(wait)
        raise AssertionError("the last try returns or raises")

    def _commit(self, known: L, identity: str, decision: Decision[V], now: datetime) -> StepResult:
        node = self.node
        try:
            with node.ledger.transaction(now) as tx:
                return self.commit(tx, known, decision)
        except NoTransition as error:
            # Nothing of the decision is written: the thing stops where it is, for a person to look at.
            node.log.error("no_transition", step=self.name, id=identity, state=error.state, on=error.event)
            with node.ledger.transaction(now) as tx:
                return self.commit(tx, known, Fault("900", {"stage": self.name, "error": "NoTransition"}))

    def _effect(self, known: L, identity: str, now: datetime) -> Decision[V]:
        try:
            return self.effect(known, now)
        except OSError as error:
            return Deferred.by(error)
        except LedgerAway as away:
            return Deferred("702" if away.full else "709", {"reason": "ledger"}, 5.0)
        except LedgerCorrupt:
            raise
        except Exception as error:
            # The class and the place, never the message: it could hold a value out of a record.
            kind = type(error).__name__
            self.node.log.error("step_failed", step=self.name, id=identity, error=kind, at=_where(error))
            return Fault("900", {"stage": self.name, "error": kind})


class Tried(ABC):
    """Something that is tried again: a parcel, a batch, a batch of another gateway's."""

    __slots__ = ()

    @property
    @abstractmethod
    def attempt(self) -> int:
        """The number of the attempt under way, from 1."""

    @abstractmethod
    def put_off(self, tx: Transaction, waiting: Waiting) -> None:
        """Write the code, the number and the time of the next attempt."""

    @abstractmethod
    def record(self, tx: Transaction, event: Event, code: str, attempt: int) -> None:
        """Log the event, numbered by the attempt, and apply it."""

    def explain(self, tx: Transaction, detail: Detail) -> None:  # noqa: B027 - most have no place for it
        """Keep the detail of a fault for the person who looks at it, where there is a place for it."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why something waits, until which attempt, for how many seconds."""

    code: str
    detail: Detail
    attempt: int
    seconds: float

    @property
    def time(self) -> timedelta:
        return timedelta(seconds=self.seconds)


def defer(tx: Transaction, thing: Tried, outcome: Deferred) -> StepResult:
    """Try it again later. Every entry would only repeat the last: the second attempt and each doubling are logged."""
    attempt = thing.attempt + 1
    seconds = max(min(outcome.retry_after, LONGEST_WAIT), backoff(thing.attempt, FIRST_WAIT))
    thing.put_off(tx, Waiting(outcome.code, outcome.detail, attempt, seconds))
    if attempt & (attempt - 1) == 0:
        thing.record(tx, Event.DEFERRED, outcome.code, attempt)
    return {"outcome": "deferred", "code": outcome.code}


def stop(tx: Transaction, thing: Tried, outcome: Fault) -> StepResult:
    """It stops where it is; an operator looks, and has it tried again."""
    thing.record(tx, Event.FAULTED, outcome.code, thing.attempt)
    thing.explain(tx, outcome.detail)
    return {"outcome": "fault", "code": outcome.code}


def _where(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{trace.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}" if trace else ""
