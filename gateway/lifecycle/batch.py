"""A batch's life: released for one receiver, put into its channel, signed for, erased with its retention."""

from __future__ import annotations

from typing import Final

from gateway.lifecycle import carried
from gateway.lifecycle.events import Event
from gateway.lifecycle.machine import Condition, Machine, Transition
from gateway.lifecycle.states import BatchState as B

_UNSIGNED: Final = frozenset({B.DELIVERED, B.UNCONFIRMED})
_ARRIVED: Final = frozenset(state for state in B if state.arrived)
_NOT_TAKEN: Final = Condition("the receiver refused it", lambda entry: entry.counts.get("code", 0) >= 200)

BATCH: Final = Machine(
    "batch",
    B,
    (
        Transition(Event.RELEASED, frozenset({None}), B.RELEASED, (carried.instant("released_at"),)),
        Transition(
            Event.DELIVERED,
            frozenset({B.RELEASED, B.FAULTED}),
            B.DELIVERED,
            (
                carried.instant("delivered_at"),
                carried.kept("list_sha256", "list"),
                carried.no_code,
                carried.no_wait,
            ),
        ),
        Transition(Event.UNCONFIRMED, frozenset({B.DELIVERED}), B.UNCONFIRMED),
        Transition(
            Event.ACKNOWLEDGED,
            _UNSIGNED,
            B.ACKNOWLEDGED,
            (carried.instant("acknowledged_at"), carried.kept("fingerprint", "fingerprint"), carried.no_wait),
        ),
        Transition(Event.STATED, _ARRIVED, None, (carried.code,), when=_NOT_TAKEN),
        Transition(Event.STATED, _ARRIVED, None),
        Transition(Event.DEFERRED, frozenset({B.RELEASED}), None, (carried.code, carried.attempt)),
        Transition(Event.FAULTED, frozenset({B.RELEASED}), B.FAULTED, (carried.code, carried.attempt, carried.no_wait)),
        Transition(
            Event.RETRIED,
            frozenset({B.RELEASED, B.FAULTED}),
            B.RELEASED,
            (carried.no_code, carried.attempt, carried.no_wait),
        ),
        Transition(Event.ERASED, frozenset({B.ACKNOWLEDGED}), B.ERASED),
    ),
)
