"""What becomes of a batch that another gateway listed for this node: taken in, perhaps after a refusal or by a person's
word, and signed for."""

from __future__ import annotations

from typing import Final

from gateway.lifecycle import carried
from gateway.lifecycle.events import Event
from gateway.lifecycle.machine import Machine, Transition
from gateway.lifecycle.states import IncomingState as I

_OPEN: Final = frozenset({I.LISTED, I.INCOMPLETE, I.BY_PERSON, I.CONFIRMED})

INCOMING: Final = Machine(
    "incoming",
    I,
    (
        Transition(Event.LISTED, frozenset({None}), I.LISTED, (carried.instant("listed_at"),)),
        # Something on the list was refused here, and its sender has the signed receipts.
        Transition(
            Event.REFUSED, _OPEN, I.INCOMPLETE, (carried.no_code, carried.code, carried.attempt, carried.no_wait)
        ),
        Transition(Event.HELD, _OPEN, I.BY_PERSON, (carried.no_code, carried.attempt, carried.no_wait)),
        # Entries from before 0.2 do not say that the batch waited for a person.
        Transition(
            Event.CONFIRMED,
            frozenset({I.LISTED, I.INCOMPLETE, I.BY_PERSON}),
            I.CONFIRMED,
            (carried.no_code, carried.no_wait),
        ),
        Transition(Event.ERASED, _OPEN, None, (carried.no_code, carried.no_wait)),
        Transition(
            Event.ANSWERED, _OPEN, I.ANSWERED, (carried.instant("answered_at"), carried.no_code, carried.no_wait)
        ),
        Transition(Event.DEFERRED, _OPEN, None, (carried.code, carried.attempt)),
        Transition(Event.FAULTED, _OPEN, I.FAULTED, (carried.code, carried.attempt, carried.no_wait)),
        Transition(
            Event.RETRIED, frozenset({I.FAULTED}), I.LISTED, (carried.no_code, carried.attempt, carried.no_wait)
        ),
        Transition(Event.RETRIED, _OPEN, None, (carried.no_code, carried.attempt, carried.no_wait)),
    ),
)
