"""Inquiries, and records with dates of their own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple, TypeAlias, TypedDict

from gateway.deadlines.obligations import Duty
from gateway.lifecycle import InquiryState, ObligationState

RecordKey: TypeAlias = tuple[str, str, int]
"""(parcel, receiver, ordinal) of a record."""


@dataclass(frozen=True, slots=True)
class InquiryRow:
    """An inquiry in one receiver's hands. `key` is empty once it is closed, or was lost with a node."""

    parcel: str
    receiver: str
    agreement: str
    reply: str
    origin: str
    number: int
    state: InquiryState
    records: int
    key: str
    delivered_at: datetime | None = None
    closed_at: datetime | None = None

    @property
    def name(self) -> str:
        """The number people write: `110000-7`."""
        return f"{self.origin}-{self.number}"


class InquiryValues(TypedDict, total=False):
    records: int
    delivered_at: datetime | None


class InquiryEqual(InquiryValues, total=False):
    parcel: str
    receiver: str
    agreement: str
    reply: str
    origin: str
    number: int
    state: InquiryState
    closed_at: datetime | None


class InquiryKey(NamedTuple):
    """What makes the fingerprints of one inquiry."""

    parcel: str
    receiver: str
    key: str


@dataclass(frozen=True, slots=True)
class DatedRow:
    """A record that has a date of its own (`gateway.adapters.ledger.tables.asking`)."""

    parcel: str
    receiver: str
    ordinal: int
    area: str
    fingerprint: str = ""
    since: date | None = None
    obligation: str = ""
    covers: str = ""
    refused_at: datetime | None = None
    claimed: str = ""


class DatedValues(TypedDict, total=False):
    area: str
    fingerprint: str
    since: date | None
    obligation: str
    covers: str
    refused_at: datetime | None


class DatedEqual(TypedDict, total=False):
    """Of the record: `parcel` and `receiver`; of what is owed for it: the rest."""

    parcel: str
    receiver: str
    kind: Duty
    party: str
    agreement: str
    period: str
    state: ObligationState
