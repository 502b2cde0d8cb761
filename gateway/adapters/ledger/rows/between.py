"""Batches that other gateways listed, and what gateways stated to each other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypedDict

from gateway.lifecycle import IncomingState, StatementState


@dataclass(frozen=True, slots=True)
class IncomingRow:
    """A batch of another gateway's. `id` is `<sender>/<distribution>`."""

    id: str
    sender: str
    distribution: str
    agreement: str
    period: str
    state: IncomingState
    code: str
    list_sha256: str
    listed_at: datetime
    answered_at: datetime | None
    attempt: int
    next_attempt_at: datetime | None
    facts: str


class IncomingValues(TypedDict, total=False):
    code: str
    answered_at: datetime | None
    attempt: int
    next_attempt_at: datetime | None


class NewIncoming(IncomingValues):
    id: str
    sender: str
    distribution: str
    agreement: str
    period: str
    state: IncomingState
    list_sha256: str
    listed_at: datetime
    facts: str


class IncomingEqual(IncomingValues, total=False):
    id: str
    sender: str
    distribution: str
    agreement: str
    period: str
    state: IncomingState
    list_sha256: str
    listed_at: datetime
    facts: str


@dataclass(frozen=True, slots=True)
class NamedRow:
    """A package that such a batch names: `included`, or `withdrawn` by it (and then without its digest)."""

    incoming: str
    package: str
    origin: str
    sha256: str
    state: Literal["included", "withdrawn"]

    @property
    def included(self) -> bool:
        return self.state == "included"


class NewNamed(TypedDict):
    package: str
    origin: str
    sha256: str
    state: Literal["included", "withdrawn"]


@dataclass(frozen=True, slots=True)
class StatementRow:
    """What one gateway stated to another. `kind`: `receipt`, `list`, `acknowledgement`. `stage` and `number` are a
    receipt's."""

    id: str
    issuer: str
    receiver: str
    kind: str
    state: StatementState
    code: str
    stage: str
    number: str
    about: str
    package: str
    leaf: str
    signature_sha256: str
    body: bytes
    signature: bytes
    proof: bytes
    at: datetime


class _Statement(TypedDict, total=False):
    code: str
    stage: str
    number: str
    about: str
    package: str
    leaf: str
    proof: bytes


class NewStatement(_Statement):
    id: str
    issuer: str
    receiver: str
    kind: str
    state: StatementState
    signature_sha256: str
    body: bytes
    signature: bytes
    at: datetime


class StatementEqual(_Statement, total=False):
    id: str
    issuer: str
    receiver: str
    kind: str
    state: StatementState
    signature_sha256: str
    body: bytes
    signature: bytes
    at: datetime
