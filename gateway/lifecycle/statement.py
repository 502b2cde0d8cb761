"""What gateways state to each other: judged once, or sent once; it does not change afterwards."""

from __future__ import annotations

from typing import Final

from gateway.lifecycle.events import Event
from gateway.lifecycle.machine import Machine, Transition
from gateway.lifecycle.states import StatementState as S

STATEMENT: Final = Machine(
    "statement",
    S,
    (
        Transition(Event.LISTED, frozenset({None}), S.VERIFIED),
        Transition(Event.STATED, frozenset({None}), S.VERIFIED),
        Transition(Event.DISBELIEVED, frozenset({None}), S.REFUSED),
        Transition(Event.DELIVERED, frozenset({None}), S.SENT),
        Transition(Event.REFUSED, frozenset({None}), S.SENT),
        Transition(Event.RECEIPT, frozenset({None}), S.SENT),
        Transition(Event.ANSWERED, frozenset({None}), S.SENT),
    ),
)
