"""The types of both corridors. Each stage's result holds its predecessor, so a type checker refuses to seal what was
not checked. They hold ids, digests and counts, never records or names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal, NewType

from gateway.reading import Reading

ParcelId = NewType("ParcelId", str)
PartyId = NewType("PartyId", str)
AgreementId = NewType("AgreementId", str)
PackageId = NewType("PackageId", str)
DistributionId = NewType("DistributionId", str)


class Kind(StrEnum):
    """Kind of submission (报送类型): what a parcel is to those of the same sender and period before it."""

    NEW = "new"
    PART = "part"
    SUPPLEMENT = "supplement"
    REPLACE = "replace"
    NIL = "nil"
    VOID = "void"


Decider = Literal["descriptor", "sidecar", "name", "window"]
Form = Literal["plain", "openpgp", "sm"]
"""How a submission comes: as a file that anybody could have written, or sealed under a profile."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A file that stood still in a drop folder and was renamed to `.taken-<parcel>` there, not yet copied.

    `first_seen` is the instant its final content was first seen complete: the instant of receipt.
    `marked`: its sender said so, with a done marker beside it. The file's own name stays in the spool, beside the
    claim, and is deleted with the parcel.
    """

    parcel: ParcelId
    sender: PartyId
    agreement: AgreementId
    first_seen: datetime
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Arrival:
    """A file whole in our spool, its period and kind decided. `part` of `parts` counts from 1, 0 where there are none;
    `suffix` is a document's; `derived_from` the sealed package the table came in, `stated` the revision that package
    says it is of; `origin` who reported it, the sender itself unless the level above hands down what others did;
    `reported_for` on whose behalf this part of the origin's submission is, where it collects (`stages.authority`);
    `replaces` the package that was sealed for this node before and that this one replaces."""

    parcel: ParcelId
    sender: PartyId
    agreement: AgreementId
    received_at: datetime
    size: int
    sha256: str
    facts: str
    period: str
    kind: Kind
    revision: int
    decided_by: Decider
    part: int = 0
    parts: int = 0
    suffix: str = ""
    derived_from: str = ""
    origin: PartyId = PartyId("")
    reported_for: str = ""
    stated: int = 0
    replaces: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """What is inside is known: a table to check, a declared nil, a withdrawal, or a document that is passed on as it
    is."""

    arrival: Arrival
    content: Literal["table", "nil", "void", "document"]


@dataclass(frozen=True, slots=True)
class Part:
    """The records of one receiving province: plain in the spool until sealed. `digest` is independent of order; from
    the checking on it is covered by the part's key (`digests`)."""

    province: str
    records: int
    sha256: str
    digest: str


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of records; `records = accepted + refused`, warned ones travel."""

    records: int = 0
    accepted: int = 0
    refused: int = 0
    warned: int = 0


def without_records(kind: Kind | None) -> str:
    """The code of a file that holds no record and was not declared nil: what there is to do depends on what it was to
    be. Only for a new submission a nil report may be what was meant."""
    return {Kind.SUPPLEMENT: "265", Kind.REPLACE: "266", Kind.PART: "267"}.get(kind or Kind.NEW, "226")


@dataclass(frozen=True, slots=True)
class Checked:
    """Every record was judged. `codes` counts violations by code; `measures` and `fields` are what quality figures are
    worked out of, for the file and field by field; `sums` are those of a statistical table; `reading`: how the table
    was read. No value of a record."""

    opened: Opened
    encoding: str
    tally: Tally
    codes: Mapping[str, int]
    parts: tuple[Part, ...]
    digest: str
    measures: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    fields: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    sums: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    reading: Reading = field(default_factory=Reading)


@dataclass(frozen=True, slots=True)
class Sorted:
    """Conservation was proved: records = sum over parts + refused, by count and by digest."""

    checked: Checked
    parts: Mapping[PartyId, Part]


@dataclass(frozen=True, slots=True)
class SealedPackage:
    """One package (交换包) on disk, for exactly one receiver; its bytes never change again."""

    package: PackageId
    receiver: PartyId
    records: int
    content_digest: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Sealed:
    """Every part is in a package; plain records are gone."""

    sorted: Sorted
    packages: tuple[SealedPackage, ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of a distribution list (分发清单): what became of one origin for this receiver. `partly`: it collects,
    and not all of those it collects from have reported. `not_due`: it owes nothing for the period."""

    origin: PartyId
    status: Literal["included", "partly", "nil", "missing", "not_due"]
    package: PackageId | None = None
    records: int = 0
    sha256: str | None = None
    size: int = 0
    replaces: str | None = None


@dataclass(frozen=True, slots=True)
class Released:
    """A batch for one receiver: its packages and the signed list. `files` maps file name to SHA-256."""

    distribution: DistributionId
    agreement: AgreementId
    period: str
    batch: int
    receiver: PartyId
    facts: str
    lines: tuple[Listed, ...]
    files: Mapping[str, str] = field(default_factory=dict)
