"""Parcels, their places, and packages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias, TypedDict

from gateway.lifecycle import PackageState, ParcelState
from gateway.parcels import Kind

Details: TypeAlias = Mapping[str, str | int]
"""What a sentence about a parcel is filled with, and who decided its period."""


@dataclass(frozen=True, slots=True)
class ParcelRow:
    """A parcel. `kind` is None until its intake decided it; `original` is the parcel that a duplicate repeats;
    `reported_for` is on whose behalf its origin reports it, `stated` the revision that its package says it is of."""

    id: str
    corridor: str
    sender: str
    origin: str
    reported_for: str
    agreement: str
    state: ParcelState
    code: str
    detail: Details
    period: str
    kind: Kind | None
    revision: int
    stated: int
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
    received_at: datetime
    updated_at: datetime
    attempt: int
    next_attempt_at: datetime | None
    posted_at: datetime | None

    @property
    def settled(self) -> bool:
        """Nothing more happens to it by itself."""
        return self.state.settled


class _Parcel(TypedDict, total=False):
    origin: str
    reported_for: str
    stated: int
    code: str
    detail: Details
    period: str
    kind: Kind | None
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
    attempt: int
    next_attempt_at: datetime | None
    posted_at: datetime | None


class NewParcel(_Parcel):
    id: str
    corridor: str
    sender: str
    agreement: str
    state: ParcelState
    facts: str
    received_at: datetime


class ParcelValues(_Parcel, total=False):
    facts: str


class ParcelEqual(ParcelValues, total=False):
    id: str
    corridor: str
    sender: str
    agreement: str
    state: ParcelState
    received_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Place:
    """What a submission takes: one revision of what an origin reports under an agreement for a period."""

    origin: str
    agreement: str
    period: str
    revision: int


@dataclass(frozen=True, slots=True)
class PackageRow:
    """A package, or the notice that what it `replaces` is withdrawn (without digests and bytes). `distribution` is the
    batch it was released with; empty before."""

    id: str
    parcel: str
    agreement: str
    origin: str
    receiver: str
    period: str
    kind: Kind
    revision: int
    records: int
    content_digest: str
    sha256: str
    size: int
    replaces: tuple[str, ...]
    state: PackageState
    distribution: str


class PackageEqual(TypedDict, total=False):
    id: str
    parcel: str
    agreement: str
    origin: str
    receiver: str
    period: str
    kind: Kind
    revision: int
    records: int
    content_digest: str
    sha256: str
    size: int
    replaces: tuple[str, ...]
    state: PackageState
    distribution: str
