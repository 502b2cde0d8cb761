"""A reading of the ledger, and a transaction: state, log entry and what waits to be told together, or none of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Generic, TypeVar

from sqlalchemy import Connection

from gateway.adapters.ledger import sequencing
from gateway.adapters.ledger.batches import Batches, BatchReadings, ReceiptReadings, Receipts
from gateway.adapters.ledger.between import Incoming, IncomingReadings, StatementReadings, Statements
from gateway.adapters.ledger.entries import Entries
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
from gateway.adapters.ledger.secrets import SecretReadings, Secrets
from gateway.adapters.ledger.sequencing import Sequenced
from gateway.log import Entry

S_co = TypeVar("S_co", covariant=True)


class Reads(Generic[S_co]):
    """A store of a reading, made when it is first asked for: most transactions need three of them."""

    def __init__(self, kind: Callable[[Connection], S_co]) -> None:
        self._kind = kind

    def __set_name__(self, owner: type[Reading], name: str) -> None:
        self._name = name

    def __get__(self, reading: Reading, owner: type[Reading] | None = None) -> S_co:
        made = reading.__dict__[self._name] = self._make(reading)
        return made

    def _make(self, reading: Reading) -> S_co:
        return self._kind(reading.connection)


class Writes(Reads[S_co]):
    """The same of a transaction."""

    def __init__(self, kind: Callable[[Connection, datetime], S_co]) -> None:
        self._writing = kind

    def _make(self, reading: Reading) -> S_co:
        assert isinstance(reading, Transaction), "only a transaction writes"
        return self._writing(reading.connection, reading.now)


class Reading:
    """Stores with readings; they hold in a transaction and on a reading connection alike."""

    parcels = Reads(ParcelReadings)
    places = Reads(PlaceReadings)
    progress = Reads(ProgressReadings)
    packages = Reads(PackageReadings)
    batches = Reads(BatchReadings)
    receipts = Reads(ReceiptReadings)
    entries = Reads(Entries)
    secrets = Reads(SecretReadings)
    obligations = Reads(ObligationReadings)
    reminders = Reads(ReminderReadings)
    outages = Reads(OutageReadings)
    heartbeat = Reads(HeartbeatReadings)
    inquiries = Reads(InquiryReadings)
    dated = Reads(DatedReadings)
    incoming = Reads(IncomingReadings)
    statements = Reads(StatementReadings)

    def __init__(self, connection: Connection) -> None:
        self.connection = connection


class Transaction(Reading):
    """The same stores with writings. `now` is the step's one instant."""

    parcels = Writes(Parcels)
    places = Writes(Places)
    progress = Writes(Progress)
    packages = Writes(Packages)
    batches = Writes(Batches)
    receipts = Writes(Receipts)
    secrets = Writes(Secrets)
    obligations = Writes(Obligations)
    reminders = Writes(Reminders)
    outages = Writes(Outages)
    heartbeat = Writes(Heartbeat)
    inquiries = Writes(Inquiries)
    dated = Writes(DatedRecords)
    incoming = Writes(Incoming)
    statements = Writes(Statements)

    def __init__(self, connection: Connection, now: datetime, *, lock_rows: bool) -> None:
        super().__init__(connection)
        self.now, self._lock_rows = now, lock_rows

    def log(self, entry: Entry) -> Sequenced:
        """Append an entry (`sequencing.append`). Raises `IntegrityError` if the id was used."""
        return sequencing.append(self.connection, [entry], self.now, lock_rows=self._lock_rows)[0]
