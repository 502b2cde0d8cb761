"""What is written when something happened, in the transaction of the state change: the log entry and what the lifecycle
makes of it, the receipt, what is tried again. Every story of the corridors writes through this room.
"""

from gateway.corridors.recording.entries import (
    KEEP,
    Said,
    address,
    batch_entry,
    commitment,
    content,
    content_salt,
    erased,
    in_clear,
    incoming_entry,
    keeping,
    log_batch,
    of_batch,
    of_incoming,
    of_parcel,
    parcel_entry,
)
from gateway.corridors.recording.impersonating import impersonated, log_impersonation
from gateway.corridors.recording.issuing import Issue, issue
from gateway.corridors.recording.refusing import refuse
from gateway.corridors.recording.tried import TriedBatch, TriedIncoming, TriedParcel, kept, standing

__all__ = [
    "KEEP",
    "Issue",
    "Said",
    "TriedBatch",
    "TriedIncoming",
    "TriedParcel",
    "address",
    "batch_entry",
    "commitment",
    "content",
    "content_salt",
    "erased",
    "impersonated",
    "in_clear",
    "incoming_entry",
    "issue",
    "keeping",
    "kept",
    "log_batch",
    "log_impersonation",
    "of_batch",
    "of_incoming",
    "of_parcel",
    "parcel_entry",
    "refuse",
    "standing",
]
