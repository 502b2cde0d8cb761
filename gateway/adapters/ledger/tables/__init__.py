"""The ledger's tables. They hold ids, states, digests and counts; never a name, an address, an ID number or a file's
name, but for what an operator writes as the reason of a change (`why`).

Columns have types (`gateway.adapters.ledger.columns`). An instant, a day or a kind that is absent is NULL. Text that is
absent is empty and never NULL: an address, a digest, a code, the id of something else. Text has one empty value, and
some of it is part of a key (`period`).
"""

from gateway.adapters.ledger.tables.asking import dated_records, inquiries, inquiry_keys
from gateway.adapters.ledger.tables.base import metadata
from gateway.adapters.ledger.tables.between import incoming, incoming_packages, statements
from gateway.adapters.ledger.tables.distribution import distributions, receipts
from gateway.adapters.ledger.tables.log import (
    checkpoints,
    cosignatures,
    log_entries,
    log_head,
    log_salts,
    parcel_keys,
    receipt_proofs,
    timestamps,
)
from gateway.adapters.ledger.tables.notices import notice_cursor, notices
from gateway.adapters.ledger.tables.owing import heartbeat, obligation_changes, obligations, outages, reminders
from gateway.adapters.ledger.tables.submission import packages, parcels, places, progress

__all__ = [
    "checkpoints",
    "cosignatures",
    "dated_records",
    "distributions",
    "heartbeat",
    "incoming",
    "incoming_packages",
    "inquiries",
    "inquiry_keys",
    "log_entries",
    "log_head",
    "log_salts",
    "metadata",
    "notice_cursor",
    "notices",
    "obligation_changes",
    "obligations",
    "outages",
    "packages",
    "parcel_keys",
    "parcels",
    "places",
    "progress",
    "receipt_proofs",
    "receipts",
    "reminders",
    "statements",
    "timestamps",
]
