"""The states of everything that has a life of its own here. What leads from one to the next is in the room's tables."""

from __future__ import annotations

from enum import StrEnum


class ParcelState(StrEnum):
    """A parcel (交换件): a file that arrived, or a signature that a receiver dropped."""

    ARRIVING = "arriving"
    RECEIVED = "received"
    CHECKED = "checked"
    SORTED = "sorted"
    AWAITING = "awaiting"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    DUPLICATE = "duplicate"
    ACKNOWLEDGED = "acknowledged"
    NOTED = "noted"
    FAULTED = "faulted"

    @property
    def settled(self) -> bool:
        """Nothing more happens to it."""
        return self in _SETTLED_PARCELS


_SETTLED_PARCELS = frozenset(
    {
        ParcelState.ACCEPTED,
        ParcelState.REFUSED,
        ParcelState.DUPLICATE,
        ParcelState.ACKNOWLEDGED,
        ParcelState.NOTED,
    }
)


class PackageState(StrEnum):
    """A package (交换包): what is sealed for one receiver, or a notice that one is withdrawn."""

    WAITING = "waiting"
    HELD = "held"
    RELEASED = "released"
    DELIVERED = "delivered"
    ACKNOWLEDGED = "acknowledged"
    ERASED = "erased"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"
    LOST = "lost"


class BatchState(StrEnum):
    """A batch (分发批次): one receiver's share of a release, and its delivery."""

    RELEASED = "released"
    DELIVERED = "delivered"
    UNCONFIRMED = "unconfirmed"
    ACKNOWLEDGED = "acknowledged"
    ERASED = "erased"
    FAULTED = "faulted"

    @property
    def arrived(self) -> bool:
        """Everything is in the receiver's channel."""
        return self not in (BatchState.RELEASED, BatchState.FAULTED)


class IncomingState(StrEnum):
    """A batch of another gateway's, until this node has signed for it."""

    LISTED = "listed"
    INCOMPLETE = "incomplete"
    BY_PERSON = "by_person"
    CONFIRMED = "confirmed"
    ANSWERED = "answered"
    FAULTED = "faulted"


class StatementState(StrEnum):
    """What gateways state to each other under their signatures."""

    VERIFIED = "verified"
    REFUSED = "refused"
    SENT = "sent"


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


class InquiryState(StrEnum):
    """An inquiry (查询) in one receiver's hands."""

    WAITING = "waiting"
    OPEN = "open"
    CLOSED = "closed"
