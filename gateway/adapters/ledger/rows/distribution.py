"""Batches and receipts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypedDict

from gateway.lifecycle import BatchState


@dataclass(frozen=True, slots=True)
class BatchRow:
    """A batch: one receiver's share of a release, and its delivery. `packages` and `records` are counts; `list_sha256`
    is the digest of the signed list, once it is delivered."""

    id: str
    agreement: str
    period: str
    batch: int
    receiver: str
    state: BatchState
    packages: int
    records: int
    list_sha256: str
    released_at: datetime
    released_by: str
    facts: str
    channel: str
    code: str
    attempt: int
    next_attempt_at: datetime | None
    delivered_at: datetime | None
    acknowledged_at: datetime | None
    fingerprint: str


class _Batch(TypedDict, total=False):
    list_sha256: str
    code: str
    attempt: int
    next_attempt_at: datetime | None
    delivered_at: datetime | None
    acknowledged_at: datetime | None
    fingerprint: str


class NewBatch(_Batch):
    id: str
    agreement: str
    period: str
    batch: int
    receiver: str
    state: BatchState
    packages: int
    records: int
    released_at: datetime
    released_by: str
    facts: str
    channel: str


class BatchValues(_Batch, total=False):
    released_at: datetime


class BatchEqual(BatchValues, total=False):
    id: str
    agreement: str
    period: str
    batch: int
    receiver: str
    state: BatchState
    packages: int
    records: int
    released_by: str
    facts: str
    channel: str


@dataclass(frozen=True, slots=True)
class ReceiptRow:
    """A receipt. `written_at`: when it came into the party's folder. `about` is the receiver of what it states, where
    one parcel has a receipt for each; `issue` counts from 0."""

    number: str
    parcel: str
    party: str
    stage: str
    code: str
    body: bytes
    issued_at: datetime
    written_at: datetime | None
    about: str
    issue: int


class _Receipt(TypedDict, total=False):
    written_at: datetime | None
    about: str
    issue: int


class NewReceipt(_Receipt):
    number: str
    parcel: str
    party: str
    stage: str
    code: str
    body: bytes
    issued_at: datetime


class ReceiptEqual(_Receipt, total=False):
    number: str
    parcel: str
    party: str
    stage: str
    code: str
    body: bytes
    issued_at: datetime
