"""Rows of the ledger as values, and what may be written to them and asked of them.

For a row `XRow` there are up to three kinds of keyword arguments: `NewX` is what a new row needs, `XValues` what may be
changed later, `XEqual` by what rows are chosen. No `XValues` has a state: states change by `Change` alone. `None` among
the `XEqual` means NULL.
"""

from gateway.adapters.ledger.rows.asking import (
    DatedEqual,
    DatedRow,
    DatedValues,
    InquiryEqual,
    InquiryKey,
    InquiryRow,
    InquiryValues,
    RecordKey,
)
from gateway.adapters.ledger.rows.between import (
    IncomingEqual,
    IncomingRow,
    IncomingValues,
    NamedRow,
    NewIncoming,
    NewNamed,
    NewStatement,
    StatementEqual,
    StatementRow,
)
from gateway.adapters.ledger.rows.distribution import (
    BatchEqual,
    BatchRow,
    BatchValues,
    NewBatch,
    NewReceipt,
    ReceiptEqual,
    ReceiptRow,
)
from gateway.adapters.ledger.rows.log import LogRow
from gateway.adapters.ledger.rows.owing import (
    ChangeRow,
    Dated,
    NewChange,
    NewObligation,
    NewOutage,
    ObligationEqual,
    ObligationRow,
    ObligationValues,
    OutageRow,
    ReminderRow,
)
from gateway.adapters.ledger.rows.submission import (
    Details,
    NewParcel,
    PackageEqual,
    PackageRow,
    ParcelEqual,
    ParcelRow,
    ParcelValues,
    Place,
)

__all__ = [
    "BatchEqual",
    "BatchRow",
    "BatchValues",
    "ChangeRow",
    "Dated",
    "DatedEqual",
    "DatedRow",
    "DatedValues",
    "Details",
    "IncomingEqual",
    "IncomingRow",
    "IncomingValues",
    "InquiryEqual",
    "InquiryKey",
    "InquiryRow",
    "InquiryValues",
    "LogRow",
    "NamedRow",
    "NewBatch",
    "NewChange",
    "NewIncoming",
    "NewNamed",
    "NewObligation",
    "NewOutage",
    "NewParcel",
    "NewReceipt",
    "NewStatement",
    "ObligationEqual",
    "ObligationRow",
    "ObligationValues",
    "OutageRow",
    "PackageEqual",
    "PackageRow",
    "ParcelEqual",
    "ParcelRow",
    "ParcelValues",
    "Place",
    "ReceiptEqual",
    "ReceiptRow",
    "RecordKey",
    "ReminderRow",
    "StatementEqual",
    "StatementRow",
]
