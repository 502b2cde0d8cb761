"""The receipt itself: what it states, what must hold of it, and its canonical JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, get_args

import rfc8785

from gateway.parcels import AgreementId, Decider, Kind, PackageId, ParcelId, PartyId
from gateway.reading import Reading
from gateway.receipts.receipt.parts import FORMAT, SALTED, Counts, DueDate, DueStatus, LogEntry, Stage, instant

_SHA256 = re.compile(r"[0-9a-f]{64}")
_NUMBER = re.compile(r"\d{8}-(\d{6,})")


@dataclass(frozen=True, slots=True)
class Receipt:
    """One signed statement. Construction raises `ValueError` when counts contradict the stage, the number is not that
    of the log entry, or a value is not of its type.

    `size` in bytes and `sha256` are of the file as it was received; `facts` is the digest of the facts in force;
    `detail` fills the placeholders of `code`'s sentence; for a submission that came after its date, which `due` then
    names as `submission`, it says how (`timeliness`: `late`, `corrected`). `kind` and `decided_by` are missing where a
    parcel was refused before they were known; `period` is empty for event-driven exchanges. `quality` holds per
    dimension `of` and `wrong`, `fields` per field and dimension what was wrong; `reconciled` per agreement of cases the
    cells of a statistical table that differ (other side, stated, held); `reading` says how the table was read. All four
    are left out of the JSON where they are empty. `salt` keys the digest of the file in the log
    (`log.entry.is_content`); with it the format is 2, without it 1. In format 2 `sha256` may be empty: the receiver of
    a part is not told it, and a restored node may not know it.
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
    salt: str = ""
    reading: Reading = field(default_factory=Reading)

    def __post_init__(self) -> None:
        self._check_types()
        found = _NUMBER.fullmatch(self.number)
        if not found or int(found[1]) != self.log.seq:
            raise ValueError("the number is not that of the log entry")
        if self.stage not in get_args(Stage):
            raise ValueError("no such stage")
        if not re.fullmatch(r"\d{3}", self.code):
            raise ValueError("a code has three digits")
        stated = [self.log.hash, self.facts, *filter(None, (self.salt, self.sha256))]
        if not all(map(_SHA256.fullmatch, stated)) or not (self.sha256 or self.salt):
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
        texts += (self.log.origin, *self.packages, self.sha256, self.salt)
        texts += (*self.reading.passed, *self.reading.rows, *self.reading.dropped, *self.reading.ranges)
        texts += tuple(text for due in self.due for text in (due.what, due.edition, due.by, *due.areas))
        if not all(isinstance(text, str) for text in texts):
            raise ValueError("a text is not a text")
        numbers = (self.size, self.revision, self.log.seq, *self.codes.values())
        numbers += tuple(n for table in (self.quality, self.fields) for row in table.values() for n in row.values())
        numbers += (*self.reading.passed.values(), self.reading.hidden, self.reading.merged)
        numbers += tuple(row for runs in self.reading.rows.values() for run in runs for row in run)
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
            "format": SALTED if self.salt else FORMAT,
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
        if self.salt:
            document["salt"] = self.salt
        if self.quality:
            document["quality"] = {name: dict(counted) for name, counted in self.quality.items()}
        if self.fields:
            document["fields"] = {name: dict(counted) for name, counted in self.fields.items()}
        if self.reconciled:
            document["reconciled"] = {
                cases: [{"province": side, "stated": stated, "held": held} for side, stated, held in cells]
                for cases, cells in self.reconciled.items()
            }
        if reading := self.reading.to_json():
            document["reading"] = reading
        if self.kind is not None:
            document["kind"] = self.kind.value
        if self.decided_by is not None:
            document["decided_by"] = self.decided_by
        return rfc8785.dumps(document)
