"""What becomes of something owed: met, in one of four ways, or missed; moved, or ended by a person.

One entry may speak for many; how each of them was met is then its role, and the entry counts them.
"""

from __future__ import annotations

from typing import Final

from gateway.lifecycle import carried
from gateway.lifecycle.events import Event
from gateway.lifecycle.machine import Condition, Machine, Recorded, Transition
from gateway.lifecycle.states import ObligationState as O

OWED: Final = frozenset({O.OPEN, O.MISSED})
HOW: Final = {O.MET: "in time", O.NIL: "nil", O.MET_AFTER_CORRECTION: "corrected", O.MET_LATE: "late"}
"""The role of `obligation_met` that leads to each state."""
COUNTED: Final = {O.NIL: "nil", O.MET_AFTER_CORRECTION: "corrected", O.MET_LATE: "late"}
"""What the entry counts where it was not simply met in time."""
TO_COME: Final = "the new date is to come"
"""The role of `date_copied` for what was missed and is owed again."""
TAKEN_OVER: Final = "by another clock"
"""The role of `obligation_void` for what is owed under another obligation from then on."""

_TO_COME: Final = Condition(TO_COME, lambda entry: carried.expiry(entry) > entry.time)
_PASSED: Final = Condition("the new date has passed", lambda entry: not _TO_COME.holds(entry))
_MET: Final = (carried.instant("met_at"), carried.cleared("remind_at"))


def how(entry: Recorded) -> str:
    """The role of an entry that says that one obligation was met."""
    return next((HOW[state] for state, name in COUNTED.items() if entry.counts.get(name)), HOW[O.MET])


OBLIGATION: Final = Machine(
    "obligation",
    O,
    (
        Transition(Event.OWED, frozenset({None}), O.OPEN),
        *(Transition(Event.MET, OWED, state, _MET, role=role) for state, role in HOW.items()),
        Transition(Event.MISSED, frozenset({O.OPEN}), O.MISSED),
        Transition(Event.REMINDED, OWED, None, (carried.instant("reminded_at"),)),
        Transition(Event.EXTENDED, frozenset({O.OPEN}), None, (carried.due, carried.extended)),
        Transition(Event.MOVED, frozenset({O.OPEN}), None, (carried.due,)),
        Transition(Event.MOVED, frozenset({O.MISSED}), O.OPEN, (carried.due,), when=_TO_COME),
        Transition(Event.MOVED, frozenset({O.MISSED}), None, (carried.due,), when=_PASSED),
        Transition(Event.COPIED, frozenset({O.OPEN}), None),
        Transition(Event.COPIED, frozenset({O.MISSED}), O.OPEN, role=TO_COME),
        Transition(Event.COPIED, frozenset({O.MISSED}), None),
        Transition(Event.VOIDED, OWED, O.VOID, (carried.cleared("remind_at"),)),
        Transition(Event.VOIDED, OWED, O.VOID, _MET, role=TAKEN_OVER),
        Transition(Event.RETURNED, OWED, O.RETURNED, _MET),
        Transition(Event.TRANSFERRED, OWED, O.TRANSFERRED, _MET),
    ),
)
