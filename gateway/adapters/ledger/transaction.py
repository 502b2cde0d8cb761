"""A reading of the ledger, and a transaction: state, log entry and what waits to be told together, or none of it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from gateway.adapters.ledger import sequencing
from gateway.adapters.ledger.batches import Batches, BatchReadings, ReceiptReadings, Receipts
from gateway.adapters.ledger.between import Incoming, IncomingReadings, StatementReadings, Statements
from gateway.adapters.ledger.entries import Entries, Salts
from gateway.adapters.ledger.inquiries import DatedReadings, DatedRecords, Inquiries, InquiryReadings
from gateway.adapters.ledger.obligations import ObligationReadings, Obligations
from gateway.adapters.ledger.packages import PackageReadings, Packages
from gateway.adapters.ledger.parcels import ParcelReadings, Parcels, PlaceReadings, Places, Progress, ProgressReadings
from gateway.adapters.ledger.reminders import (
    Heartbeat,
    HeartbeatReadings,
    OutageReadings,
    Outages,
    ReminderReadings,
    Reminders,
)
from gateway.adapters.ledger.sequencing import Sequenced
from gateway.log import Entry


class Reading:
    """Stores with readings; they hold in a transaction and on a reading connection alike."""

    parcels: ParcelReadings
    places: PlaceReadings
    progress: ProgressReadings
    packages: PackageReadings
    batches: BatchReadings
    receipts: ReceiptReadings
    obligations: ObligationReadings
    reminders: ReminderReadings
    outages: OutageReadings
    heartbeat: HeartbeatReadings
    inquiries: InquiryReadings
    dated: DatedReadings
    incoming: IncomingReadings
    statements: StatementReadings

    def __init__(self, connection: Connection) -> None:
        self.parcels = ParcelReadings(connection)
        self.places = PlaceReadings(connection)
        self.progress = ProgressReadings(connection)
        self.packages = PackageReadings(connection)
        self.batches = BatchReadings(connection)
        self.receipts = ReceiptReadings(connection)
        self.entries = Entries(connection)
        self.obligations = ObligationReadings(connection)
        self.reminders = ReminderReadings(connection)
        self.outages = OutageReadings(connection)
        self.heartbeat = HeartbeatReadings(connection)
        self.inquiries = InquiryReadings(connection)
        self.dated = DatedReadings(connection)
        self.incoming = IncomingReadings(connection)
        self.statements = StatementReadings(connection)


class Transaction(Reading):
    """The same stores with writings. `now` is the step's one instant."""

    parcels: Parcels
    places: Places
    progress: Progress
    packages: Packages
    batches: Batches
    receipts: Receipts
    obligations: Obligations
    reminders: Reminders
    outages: Outages
    heartbeat: Heartbeat
    inquiries: Inquiries
    dated: DatedRecords
    incoming: Incoming
    statements: Statements

    def __init__(self, connection: Connection, now: datetime, *, lock_rows: bool) -> None:
        super().__init__(connection)
        self.now = now
        self._connection, self._lock_rows = connection, lock_rows
        self.parcels = Parcels(connection, now)
        self.places = Places(connection, now)
        self.progress = Progress(connection, now)
        self.packages = Packages(connection, now)
        self.batches = Batches(connection, now)
        self.receipts = Receipts(connection, now)
        self.salts = Salts(connection, now)
        self.obligations = Obligations(connection, now)
        self.reminders = Reminders(connection, now)
        self.outages = Outages(connection, now)
        self.heartbeat = Heartbeat(connection, now)
        self.inquiries = Inquiries(connection, now)
        self.dated = DatedRecords(connection, now)
        self.incoming = Incoming(connection, now)
        self.statements = Statements(connection, now)

    def log(self, entry: Entry) -> Sequenced:
        """Append an entry (`sequencing.append`). Raises `IntegrityError` if the id was used."""
        return sequencing.append(self._connection, [entry], self.now, lock_rows=self._lock_rows)[0]
