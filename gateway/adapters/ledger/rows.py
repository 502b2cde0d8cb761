"""Rows of the ledger as values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ParcelRow:
    id: str
    corridor: str
    sender: str
    origin: str
    agreement: str
    state: str
    code: str
    detail: str
    period: str
    kind: str
    revision: int
    part: int
    parts: int
    sha256: str
    size: int
    original: str
    records: int
    accepted: int
    refused: int
    warned: int
    facts: str
    received_at: str
    updated_at: str
    attempt: int
    next_attempt_at: str
    posted_at: str

    @property
    def settled(self) -> bool:
        """Nothing more happens to it by itself."""
        return self.state in SETTLED

    @property
    def details(self) -> Mapping[str, Any]:
        loaded: Mapping[str, Any] = json.loads(self.detail)
        return loaded


SETTLED = frozenset({"accepted", "refused", "duplicate", "acknowledged", "noted"})


@dataclass(frozen=True, slots=True)
class PackageRow:
    id: str
    parcel: str
    agreement: str
    origin: str
    receiver: str
    period: str
    kind: str
    revision: int
    records: int
    content_digest: str
    sha256: str
    size: int
    replaces: str
    state: str
    distribution: str


@dataclass(frozen=True, slots=True)
class DistributionRow:
    id: str
    agreement: str
    period: str
    batch: int
    receiver: str
    state: str
    packages: int
    records: int
    list_sha256: str
    released_at: str
    released_by: str
    facts: str


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A delivery with its batch's receiver and release."""

    distribution: str
    receiver: str
    released_at: str
    channel: str
    state: str
    code: str
    attempt: int
    next_attempt_at: str
    delivered_at: str
    acknowledged_at: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class ReceiptRow:
    number: str
    parcel: str
    party: str
    stage: str
    code: str
    body: bytes
    issued_at: str
    written_at: str
    about: str
    issue: int


@dataclass(frozen=True, slots=True)
class ObligationRow:
    id: str
    kind: str
    agreement: str
    party: str
    subject: str
    period: str
    source: str
    rule: str
    opens_at: str
    due: str
    expires_at: str
    extended_until: str
    status: str
    edition: str
    state: str
    parcel: str
    met_at: str
    remind_at: str
    reminded_at: str
    dated_by: str
    dated_seq: int


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """What a person did to an obligation."""

    obligation: str
    number: int
    kind: str
    at: str
    actor: str
    why: str
    due_before: str
    due_after: str


@dataclass(frozen=True, slots=True)
class ReminderRow:
    """A step that was sent, or that a later one stood for (`seq` 0)."""

    obligation: str
    due: str
    step: int
    level: int
    at: str
    seq: int
    written_at: str


@dataclass(frozen=True, slots=True)
class OutageRow:
    id: str
    began: str
    ended: str
    actor: str
    why: str


@dataclass(frozen=True, slots=True)
class InquiryRow:
    """An inquiry in one receiver's hands. `key` is empty once it is closed, or was lost with a node."""

    parcel: str
    receiver: str
    agreement: str
    reply: str
    origin: str
    number: int
    records: int
    key: str
    delivered_at: str
    closed_at: str

    @property
    def name(self) -> str:
        """The number people write: `110000-7`."""
        return f"{self.origin}-{self.number}"


@dataclass(frozen=True, slots=True)
class DatedRow:
    """A record that has a date of its own."""

    parcel: str
    receiver: str
    ordinal: int
    fingerprint: str
    area: str
    since: str
    obligation: str
    covers: str
    refused_at: str
    claimed: str


@dataclass(frozen=True, slots=True)
class LogRow:
    seq: int
    id: str
    logged_at: str
    event: str
    parcel: str
    body: bytes
    leaf: str
