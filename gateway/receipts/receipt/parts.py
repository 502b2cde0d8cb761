"""The parts of a receipt: its number, counts, due dates and place in the log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from gateway.instants import SHANGHAI

FORMAT, SALTED = 1, 2
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
Timeliness = Literal["late", "corrected"]
"""How an accepted submission came after its date: late, or refused in time and corrected within 3 working days."""


def number(day: date, seq: int) -> str:
    """`20261021-000123`: the day of issue (Shanghai) and the log entry's `seq`. Unique within the issuing node, since
    `seq` is; the receipt names its issuer. `ValueError` for a negative `seq`."""
    if seq < 0:
        raise ValueError("seq is negative")
    return f"{day:%Y%m%d}-{seq:06d}"


@dataclass(frozen=True, slots=True)
class Counts:
    """Records of one parcel: records = accepted + refused; accepted = Σ out once it is sorted; warned ≤ accepted.
    Construction raises `ValueError` where they do not add up.

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
        """The date as the receipt's JSON holds it."""
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


def instant(moment: datetime) -> str:
    """RFC 3339 in Shanghai time. `ValueError` for an instant without a zone."""
    if moment.tzinfo is None:
        raise ValueError("an instant without a zone")
    return moment.astimezone(SHANGHAI).isoformat()
