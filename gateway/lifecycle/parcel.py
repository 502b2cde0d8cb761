"""A parcel's life: a file from its drop folder to its last receipt, or a signature that a receiver dropped.

It begins in its folder, `arriving`, which no entry tells. What waits keeps its state, with a code and a time.
"""

from __future__ import annotations

from typing import Final

from gateway.lifecycle import carried
from gateway.lifecycle.events import Event
from gateway.lifecycle.machine import Condition, Machine, Recorded, Transition, Values
from gateway.lifecycle.states import ParcelState as P

INITIAL: Final = P.ARRIVING
REACHED: Final = (P.ARRIVING, P.RECEIVED, P.CHECKED, P.SORTED)
"""What `retried` counts as `reached`: the state in which a stopped parcel goes on."""
_IN_WORK: Final = frozenset(REACHED)
_SETTLED: Final = frozenset(state for state in P if state.settled)
_CODES: Final = {"nil": "102", "void": "104", "replace": "105"}

_BY_LIST: Final = carried.has_digest("list")
_CLOSES: Final = carried.has_digest("batch")
_SPEAKS: Final = carried.has_digest("about")


def kind(entry: Recorded) -> str:
    """The kind of delivery in an entry's address (`migrants-inflow/2026Q3/new/r1`); empty where it is not known."""
    parts = entry.package.split("/")
    return parts[2] if len(parts) == 4 and parts[2] != "-" else ""


def _is_signature(entry: Recorded) -> bool:
    return entry.package.startswith("acknowledge/")


def _accepted(entry: Recorded) -> Values:
    """The code of an acceptance. Entries from before 0.2 do not count it: then it follows from what was accepted."""
    if "code" in entry.counts:
        return carried.code(entry)
    return {"code": "101" if entry.counts.get("refused", 0) else _CODES.get(kind(entry), "100")}


def _reached(state: P) -> Condition:
    at = REACHED.index(state)
    return carried.count_is("reached", at, f"had reached {state}")


_OLD: Final = Condition("does not say what was reached", lambda entry: "reached" not in entry.counts)
_OLD_SIGNATURE: Final = Condition("a signature", lambda e: "reached" not in e.counts and _is_signature(e))
_STOPPABLE: Final = _IN_WORK | {P.AWAITING, P.FAULTED}

PARCEL: Final = Machine(
    "parcel",
    P,
    (
        Transition(
            Event.RECEIVED,
            frozenset({P.ARRIVING}),
            P.ACKNOWLEDGED,
            (
                carried.content,
                carried.instant("received_at"),
                carried.kept("original", "batch"),
                carried.constant("code", "100"),
                carried.no_wait,
            ),
            when=_CLOSES,
        ),
        Transition(
            Event.RECEIVED,
            frozenset({P.ARRIVING}),
            P.NOTED,
            (carried.content, carried.instant("received_at"), carried.constant("code", "100"), carried.no_wait),
            when=_SPEAKS,
        ),
        Transition(
            Event.RECEIVED,
            frozenset({P.ARRIVING}),
            P.RECEIVED,
            (carried.content, carried.instant("received_at"), carried.parts, carried.no_code, carried.no_wait),
        ),
        Transition(
            Event.DUPLICATE,
            frozenset({P.ARRIVING, P.RECEIVED}),
            P.DUPLICATE,
            (carried.constant("code", "220"), carried.kept("original", "original"), carried.no_wait),
        ),
        Transition(
            Event.CHECKED, frozenset({P.RECEIVED}), P.CHECKED, (carried.tally, carried.no_code, carried.no_wait)
        ),
        Transition(Event.HELD, frozenset({P.RECEIVED}), P.AWAITING, (carried.tally, carried.code, carried.no_wait)),
        Transition(Event.CONFIRMED, frozenset({P.AWAITING}), P.RECEIVED, (carried.no_code,)),
        Transition(Event.SORTED, frozenset({P.CHECKED}), P.SORTED, (carried.no_code, carried.no_wait)),
        Transition(Event.SEALED, frozenset({P.SORTED}), None),
        Transition(Event.ACCEPTED, frozenset({P.ARRIVING}), P.ACCEPTED, (_accepted, carried.no_wait), when=_BY_LIST),
        Transition(Event.ACCEPTED, frozenset({P.SORTED}), P.ACCEPTED, (carried.tally, _accepted, carried.no_wait)),
        Transition(Event.REFUSED, _STOPPABLE, P.REFUSED, (carried.tally, carried.code, carried.no_wait)),
        Transition(Event.DEFERRED, _IN_WORK, None, (carried.code, carried.attempt)),
        Transition(Event.FAULTED, _IN_WORK, P.FAULTED, (carried.code, carried.attempt, carried.no_wait)),
        *(
            Transition(
                Event.RETRIED,
                frozenset({state, P.AWAITING, P.FAULTED}),
                state,
                (carried.no_code, carried.attempt, carried.no_wait),
                when=_reached(state),
            )
            for state in REACHED
        ),
        Transition(
            Event.RETRIED,
            _STOPPABLE,
            P.ARRIVING,
            (carried.no_code, carried.attempt, carried.no_wait),
            when=_OLD_SIGNATURE,
        ),
        Transition(
            Event.RETRIED, _STOPPABLE, P.RECEIVED, (carried.no_code, carried.attempt, carried.no_wait), when=_OLD
        ),
        Transition(Event.ERASED, _SETTLED, None),
    ),
)
