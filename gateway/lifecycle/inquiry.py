"""An inquiry in one receiver's hands: accepted, then delivered, which sets the clocks going, then settled record by
record; with the last one its key goes."""

from __future__ import annotations

from typing import Final

from gateway.lifecycle import carried
from gateway.lifecycle.events import Event
from gateway.lifecycle.machine import Machine, Transition
from gateway.lifecycle.states import InquiryState as S

INQUIRY: Final = Machine(
    "inquiry",
    S,
    (
        Transition(Event.ACCEPTED, frozenset({None}), S.WAITING),
        Transition(Event.DELIVERED, frozenset({S.WAITING}), S.OPEN, (carried.instant("delivered_at"),)),
        # Entries from before 0.2 state the dates before they tell of the delivery.
        Transition(Event.RECEIPT, frozenset({S.WAITING}), S.OPEN, (carried.instant("delivered_at"),)),
        # A person passes records on: the same inquiry, in another receiver's hands.
        Transition(Event.TRANSFERRED, frozenset({None}), S.OPEN, (carried.instant("delivered_at"),)),
        Transition(Event.ERASED, frozenset({S.OPEN}), S.CLOSED, (carried.instant("closed_at"),)),
        # A person ends what was never delivered, after a restore.
        Transition(Event.OPERATED, frozenset({S.WAITING}), S.CLOSED, (carried.instant("closed_at"),)),
    ),
)
