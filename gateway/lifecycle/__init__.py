"""The lifecycle: which states there are, which events lead from one to the next, and what an entry changes.

One table for each kind of thing (`PARCEL`, `PACKAGE`, …), as data. The corridors, the restore and the verifier of the
log ask the same tables; `docs/reference/states.md` is drawn from them.
"""

from gateway.lifecycle.batch import BATCH
from gateway.lifecycle.events import Event
from gateway.lifecycle.incoming import INCOMING
from gateway.lifecycle.inquiry import INQUIRY
from gateway.lifecycle.machine import Change, Machine, NoTransition, Recorded
from gateway.lifecycle.obligation import OBLIGATION, OWED
from gateway.lifecycle.package import PACKAGE
from gateway.lifecycle.parcel import PARCEL
from gateway.lifecycle.statement import STATEMENT
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

MACHINES = (PARCEL, PACKAGE, BATCH, INCOMING, STATEMENT, OBLIGATION, INQUIRY)

__all__ = [
    "BATCH",
    "INCOMING",
    "INQUIRY",
    "MACHINES",
    "OBLIGATION",
    "OWED",
    "PACKAGE",
    "PARCEL",
    "SETTLED",
    "STATEMENT",
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
