"""The states of everything that has a life of its own here. What leads from one to the next is in `machines`."""

from __future__ import annotations

from enum import StrEnum


class ObligationState(StrEnum):
    """What became of something owed (限办事项). `missed`: nothing accepted by the expiry; it may still become
    `met_late`. `void`, `returned` and `transferred` are what people did: nothing is owed under it any more."""

    OPEN = "open"
    MET = "met"
    NIL = "nil"
    MET_AFTER_CORRECTION = "met_after_correction"
    MET_LATE = "met_late"
    MISSED = "missed"
    VOID = "void"
    RETURNED = "returned"
    TRANSFERRED = "transferred"


SETTLED = frozenset(ObligationState) - {ObligationState.OPEN, ObligationState.MISSED}
"""Obligations that nothing changes any more."""
