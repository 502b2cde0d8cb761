"""The receipt (回执): what this node states to a counterparty about one stage of one parcel, as data.

Canonical JSON (RFC 8785) of strings and integers only; a value that is not known is left out, never null. It holds no
file name and nothing out of a record.
"""

from gateway.receipts.receipt.parts import (
    FORMAT,
    Counts,
    DueDate,
    LogEntry,
    Stage,
    Timeliness,
    instant,
    number,
)
from gateway.receipts.receipt.reading import parse
from gateway.receipts.receipt.statement import Receipt

__all__ = ["FORMAT", "Counts", "DueDate", "LogEntry", "Receipt", "Stage", "Timeliness", "instant", "number", "parse"]
