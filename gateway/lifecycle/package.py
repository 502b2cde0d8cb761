"""A package's life: sealed for one receiver, held, released with a batch, kept until its retention ends.

Most of it happens to it in company: an event of its delivery, of another delivery of the same origin, or of its batch.
"""

from __future__ import annotations

from typing import Final

from gateway.lifecycle.events import Event
from gateway.lifecycle.machine import Condition, Machine, Transition
from gateway.lifecycle.states import PackageState as S

WHOLE: Final = "its delivery, whole"
PART: Final = "its delivery, other parts missing"
COMPLETED: Final = "the last missing part"
REPLACED: Final = "a delivery that replaces or withdraws it"
WITHDRAWN: Final = "withdrawn by the list of the gateway it came from"

UNSEEN: Final = frozenset({S.HELD, S.WAITING, S.LOST})
"""Nobody has got it, and nobody will: what replaces it says nothing of it."""
GONE: Final = frozenset({S.SUPERSEDED, S.WITHDRAWN})
"""It counts no more."""

_LOST: Final = Condition("a person gives it up", lambda entry: entry.digests.get("decision") in ("lost", "void"))

PACKAGE: Final = Machine(
    "package",
    S,
    (
        Transition(Event.ACCEPTED, frozenset({None}), S.HELD, role=WHOLE),
        Transition(Event.ACCEPTED, frozenset({None}), S.WAITING, role=PART),
        Transition(Event.ACCEPTED, frozenset({S.WAITING}), S.HELD, role=COMPLETED),
        Transition(Event.ACCEPTED, UNSEEN, S.SUPERSEDED, role=REPLACED),
        Transition(Event.RELEASED, frozenset({S.HELD}), S.RELEASED),
        # One whose file was lost here after its release may have arrived all the same: a person says so of its batch.
        Transition(Event.DELIVERED, frozenset({S.RELEASED, S.LOST}), S.DELIVERED),
        Transition(Event.DELIVERED, GONE, None),
        Transition(Event.ACKNOWLEDGED, frozenset({S.DELIVERED}), S.ACKNOWLEDGED),
        Transition(Event.ACKNOWLEDGED, GONE, None),
        Transition(Event.ERASED, frozenset({S.ACKNOWLEDGED}), S.ERASED),
        Transition(Event.ERASED, GONE, None),
        Transition(Event.ERASED, frozenset(S) - GONE - {S.RELEASED}, S.WITHDRAWN, role=WITHDRAWN),
        Transition(Event.OPERATED, frozenset({S.HELD, S.WAITING, S.RELEASED}), S.LOST, when=_LOST),
    ),
)
