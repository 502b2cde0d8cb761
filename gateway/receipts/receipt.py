"""The receipt (回执): what this node states to a counterparty about one stage of one parcel, as data.

Canonical JSON (RFC 8785) of strings and integers only; a value that is not known is left out, never null. It holds no
file name and nothing out of a record. Contract: `docs/reference`, receipts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal, get_args

import rfc8785

from gateway.instants import SHANGHAI
from gateway.parcels import AgreementId, Decider, Kind, PackageId, ParcelId, PartyId

FORMAT = 1
Stage = Literal[
    "received",
    "accepted",
    "partly_refused",
    "refused",
    "held",
    "released",
    "delivered",
    "acknowledged",
    "unconfirmed",
    "expired",
    "withdrawn",
]
DueStatus = Literal["final", "provisional", "refused"]
_SHA256 = re.compile(r"[0-9a-f]{64}")
_NUMBER = re.compile(r"\d{8}-(\d{6,})")


def number(day: date, seq: int) -> str:
    """`20261021-000123`: the day of issue (Shanghai) and the log entry's `seq`. Unique within the issuing node, since
    `seq` is; the receipt names its issuer."""
    if seq < 0:
        raise ValueError("seq is negative")
    return f"{day:%Y%m%d}-{seq:06d}"


@dataclass(frozen=True, slots=True)
class Counts:
    """Records of one parcel: records = accepted + refused; accepted = Σ out once it is sorted; warned ≤ accepted.

    `out` maps a receiver (two-digit province code, or a party's id where the route is fixed) to records.
    """

    records: int = 0
    accepted: int = 0
    refused: int = 0
    warned: int = 0
    out: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        numbers = (self.records, self.accepted, self.refused, self.warned, *self.out.values())
        if any(isinstance(n, bool) or not isinstance(n, int) or n < 0 for n in numbers):
            raise ValueError("counts are whole numbers from 0")
        if self.records != self.accepted + self.refused:
            raise ValueError(f"counts do not add up: in {self.records}, {self.accepted} + {self.refused}")
        if self.out and sum(self.out.values()) != self.accepted:
            raise ValueError(f"counts do not add up: accepted {self.accepted}, out {sum(self.out.values())}")
        if self.warned > self.accepted:
            raise ValueError(f"counts do not add up: {self.warned} warned of {self.accepted} accepted")


@dataclass(frozen=True, slots=True)
class DueDate:
    """A date this receipt sets: `what` is a key of the words' `due_what` section (`supplement`, `resubmission`, …);
    `edition` names the calendar it was counted with. `by`: the party whose date it is, where the issuer copied it from
    that one's signed statement. `areas`: the county or province codes (six digits) of the records it holds for, where
    other records of the same parcel have other dates. Both are left out of the JSON where they are empty."""

    what: str
    date: date
    expires_at: datetime
    status: DueStatus
    edition: str
    by: str = ""
    areas: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        more: dict[str, Any] = {"by": self.by} if self.by else {}
        more |= {"areas": list(self.areas)} if self.areas else {}
        return more | {
            "date": self.date.isoformat(),
            "edition": self.edition,
            "expires_at": instant(self.expires_at),
            "status": self.status,
            "what": self.what,
        }


@dataclass(frozen=True, slots=True)
class LogEntry:
    """Where the fact stands in the exchange log: its origin, dense number and leaf hash."""

    origin: str
    seq: int
    hash: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """One signed statement. Construction raises `ValueError` when counts do not add up or contradict the stage.

    `size` in bytes and `sha256` are of the file as it was received; `facts` is the digest of the facts in force;
    `detail` fills the placeholders of `code`'s sentence; `kind` and `decided_by` are missing where a parcel was
    refused before they were known; `period` is empty for event-driven exchanges. `quality` holds per dimension `of` and
    `wrong`, `fields` per field and dimension what was wrong; `reconciled` per agreement of cases the cells of a
    statistical table that differ (other side, stated, held). All three are left out of the JSON where they are empty.
    """

    number: str
    stage: Stage
    code: str
    issuer: PartyId
    parcel: ParcelId
    sha256: str
    size: int
    sender: PartyId
    receivers: tuple[PartyId, ...]
    agreement: AgreementId
    label: str
    counts: Counts
    period: str
    kind: Kind | None
    revision: int
    decided_by: Decider | None
    received_at: datetime
    issued_at: datetime
    log: LogEntry
    facts: str
    packages: tuple[PackageId, ...] = ()
    due: tuple[DueDate, ...] = ()
    codes: Mapping[str, int] = field(default_factory=dict)
    detail: Mapping[str, str | int] = field(default_factory=dict)
    quality: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    fields: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    reconciled: Mapping[str, tuple[tuple[str, int, int], ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._check_types()
        found = _NUMBER.fullmatch(self.number)
        if not found or int(found[1]) != self.log.seq:
            raise ValueError("the number is not that of the log entry")
        if self.stage not in get_args(Stage):
            raise ValueError("no such stage")
        if not re.fullmatch(r"\d{3}", self.code):
            raise ValueError("a code has three digits")
        if not (_SHA256.fullmatch(self.sha256) and _SHA256.fullmatch(self.log.hash) and _SHA256.fullmatch(self.facts)):
            raise ValueError("a digest is not the hexadecimal of a SHA-256")
        if any(instant.tzinfo is None for instant in (self.received_at, self.issued_at)):
            raise ValueError("an instant without a zone")
        if self.issued_at < self.received_at:
            raise ValueError("issued before it was received")
        if self.decided_by not in (None, *get_args(Decider)):
            raise ValueError("no such decider")
        if any(due.status not in get_args(DueStatus) for due in self.due):
            raise ValueError("no such status of a due date")
        self._check_stage()

    def _check_types(self) -> None:
        texts = (self.issuer, self.parcel, self.sender, *self.receivers, self.agreement, self.label, self.period)
        texts += (self.log.origin, *self.packages)
        texts += tuple(text for due in self.due for text in (due.what, due.edition, due.by, *due.areas))
        if not all(isinstance(text, str) for text in texts):
            raise ValueError("a text is not a text")
        numbers = (self.size, self.revision, self.log.seq, *self.codes.values())
        numbers += tuple(n for table in (self.quality, self.fields) for row in table.values() for n in row.values())
        numbers += tuple(n for cells in self.reconciled.values() for _, *both in cells for n in both)
        if any(isinstance(n, bool) or not isinstance(n, int) or n < 0 for n in numbers):
            raise ValueError("sizes, revisions and counts are whole numbers from 0")
        if any(isinstance(value, bool) or not isinstance(value, str | int) for value in self.detail.values()):
            raise ValueError("a detail is a text or a whole number")

    def _check_stage(self) -> None:
        counts = self.counts
        sorted_already = self.stage in {"accepted", "partly_refused"}
        if sorted_already and sum(counts.out.values()) != counts.accepted:
            raise ValueError(f"counts do not add up: accepted {counts.accepted}, nothing out")
        if self.stage == "accepted" and counts.refused:
            raise ValueError("accepted, and yet some records are refused")
        if self.stage == "partly_refused" and not (counts.accepted and counts.refused):
            raise ValueError("partly refused means that some records are accepted and some refused")
        if self.stage == "refused" and (counts.accepted or counts.out):
            raise ValueError("refused, and yet some records are accepted")
        if self.kind is Kind.NIL and counts.records and self.stage != "refused":
            raise ValueError("a nil report with records")

    def to_json(self) -> bytes:
        """Canonical JSON: the same receipt gives the same bytes."""
        document: dict[str, Any] = {
            "agreement": self.agreement,
            "code": self.code,
            "codes": dict(self.codes),
            "counts": {
                "accepted": self.counts.accepted,
                "in": self.counts.records,
                "out": dict(self.counts.out),
                "refused": self.counts.refused,
                "warned": self.counts.warned,
            },
            "detail": dict(self.detail),
            "due": [due.document() for due in self.due],
            "facts": self.facts,
            "format": FORMAT,
            "issued_at": instant(self.issued_at),
            "issuer": self.issuer,
            "label": self.label,
            "log": {"hash": self.log.hash, "origin": self.log.origin, "seq": self.log.seq},
            "number": self.number,
            "packages": list(self.packages),
            "parcel": self.parcel,
            "period": self.period,
            "received_at": instant(self.received_at),
            "receivers": list(self.receivers),
            "revision": self.revision,
            "sender": self.sender,
            "sha256": self.sha256,
            "size": self.size,
            "stage": self.stage,
        }
        if self.quality:
            document["quality"] = {name: dict(counted) for name, counted in self.quality.items()}
        if self.fields:
            document["fields"] = {name: dict(counted) for name, counted in self.fields.items()}
        if self.reconciled:
            document["reconciled"] = {
                cases: [{"province": side, "stated": stated, "held": held} for side, stated, held in cells]
                for cases, cells in self.reconciled.items()
            }
        if self.kind is not None:
            document["kind"] = self.kind.value
        if self.decided_by is not None:
            document["decided_by"] = self.decided_by
        return rfc8785.dumps(document)


def instant(moment: datetime) -> str:
    """RFC 3339 in Shanghai time. `ValueError` for an instant without a zone."""
    if moment.tzinfo is None:
        raise ValueError("an instant without a zone")
    return moment.astimezone(SHANGHAI).isoformat()


def parse(data: bytes) -> Receipt:
    """The receipt of canonical JSON. `ValueError` for anything else: other keys, other types, other order or spacing,
    counts that do not add up. What is accepted gives the same bytes again."""
    try:
        receipt = _read(json.loads(data))
        same = receipt.to_json() == data
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not a receipt: {type(error).__name__}") from None
    if not same:
        raise ValueError("not a receipt in canonical form")
    return receipt


def _read(document: Mapping[str, Any]) -> Receipt:
    counts = document["counts"]
    return Receipt(
        number=document["number"],
        stage=document["stage"],
        code=document["code"],
        issuer=document["issuer"],
        parcel=document["parcel"],
        sha256=document["sha256"],
        size=document["size"],
        sender=document["sender"],
        receivers=tuple(document["receivers"]),
        agreement=document["agreement"],
        label=document["label"],
        counts=Counts(counts["in"], counts["accepted"], counts["refused"], counts["warned"], counts["out"]),
        period=document["period"],
        kind=Kind(document["kind"]) if "kind" in document else None,
        revision=document["revision"],
        decided_by=document.get("decided_by"),
        received_at=datetime.fromisoformat(document["received_at"]),
        issued_at=datetime.fromisoformat(document["issued_at"]),
        log=LogEntry(**document["log"]),
        facts=document["facts"],
        packages=tuple(document["packages"]),
        due=tuple(
            DueDate(
                due["what"],
                date.fromisoformat(due["date"]),
                datetime.fromisoformat(due["expires_at"]),
                due["status"],
                due["edition"],
                due.get("by", ""),
                tuple(due.get("areas", ())),
            )
            for due in document["due"]
        ),
        codes=document["codes"],
        detail=document["detail"],
        quality=document.get("quality", {}),
        fields=document.get("fields", {}),
        reconciled={
            cases: tuple((cell["province"], cell["stated"], cell["held"]) for cell in cells)
            for cases, cells in document.get("reconciled", {}).items()
        },
    )
