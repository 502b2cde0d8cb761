"""Obligations, what people did to them, reminders, outages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import TypedDict

from gateway.deadlines.calendar import Standing
from gateway.deadlines.obligations import Duty
from gateway.lifecycle import ObligationState


@dataclass(frozen=True, slots=True)
class ObligationRow:
    """Something owed by a date. `opens_at`, `expires_at` (exclusive) and `due` are as in
    `gateway.deadlines.Obligation`; `opens_at` is None in a ledger from before it was kept. `parcel` is what met it."""

    id: str
    kind: Duty
    agreement: str
    party: str
    subject: str
    period: str
    source: str
    rule: str
    opens_at: datetime | None
    due: date
    expires_at: datetime
    extended_until: date | None
    status: Standing
    edition: str
    state: ObligationState
    parcel: str
    met_at: datetime | None
    remind_at: datetime | None
    reminded_at: datetime | None
    dated_by: str
    dated_seq: int


class _Obligation(TypedDict, total=False):
    rule: str
    opens_at: datetime | None
    extended_until: date | None
    parcel: str
    met_at: datetime | None
    remind_at: datetime | None
    reminded_at: datetime | None
    dated_by: str
    dated_seq: int


class NewObligation(_Obligation):
    id: str
    kind: Duty
    agreement: str
    party: str
    subject: str
    period: str
    source: str
    due: date
    expires_at: datetime
    status: Standing
    edition: str
    state: ObligationState


class ObligationValues(_Obligation, total=False):
    due: date
    expires_at: datetime
    status: Standing
    edition: str


class ObligationEqual(ObligationValues, total=False):
    """`kind` is an argument of its own wherever obligations are chosen."""

    id: str
    agreement: str
    party: str
    subject: str
    period: str
    source: str
    state: ObligationState


@dataclass(frozen=True, slots=True)
class Dated:
    """What a date came from, and what it came to: obligations that share all of it move together."""

    agreement: str
    period: str
    rule: str
    opens_at: datetime | None
    extended_until: date | None
    due: date
    expires_at: datetime
    status: Standing
    edition: str
    dated_by: str


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """What a person did to an obligation; `number` counts from 1. `due_after` is None where nothing is owed then."""

    obligation: str
    number: int
    kind: str
    at: datetime
    actor: str
    why: str
    due_before: date
    due_after: date | None


class NewChange(TypedDict):
    kind: str
    actor: str
    why: str
    due_before: date
    due_after: date | None


@dataclass(frozen=True, slots=True)
class ReminderRow:
    """A step that was sent, or that a later one stood for (`seq` 0)."""

    obligation: str
    due: date
    step: int
    level: int
    at: datetime
    seq: int = 0
    written_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OutageRow:
    """A time in which the node was down."""

    id: str
    began: datetime
    ended: datetime
    actor: str
    why: str


class NewOutage(TypedDict):
    id: str
    began: datetime
    ended: datetime
    actor: str
    why: str
