"""The lifecycle: which states there are, which events lead from one to the next, and what an entry changes."""

from gateway.lifecycle.events import Event
from gateway.lifecycle.machine import Change, Machine, NoTransition, Recorded
from gateway.lifecycle.states import (
    SETTLED,
    BatchState,
    IncomingState,
    InquiryState,
    ObligationState,
    PackageState,
    ParcelState,
    StatementState,
)

__all__ = [
    "SETTLED",
    "BatchState",
    "Change",
    "Event",
    "IncomingState",
    "InquiryState",
    "Machine",
    "NoTransition",
    "ObligationState",
    "PackageState",
    "ParcelState",
    "Recorded",
    "StatementState",
]
