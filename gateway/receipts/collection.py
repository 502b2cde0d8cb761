"""The collection (汇总清单) in a list for the level above: everybody that an origin collects from, and what became of
each. With it the level above knows when a submission that comes in parts is whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, get_args

from gateway.receipts.receipt import instant

Status = Literal["included", "partly", "nil", "missing", "not_due"]
"""Reported, with records or none; collects itself, and others are waited for there; owes and has not reported; owes
nothing for the period (a yearly reporter)."""
WITH_RECORDS: Final = ("included", "partly")
State = Literal["open", "complete", "closed"]
LONGEST: Final = 48
"""As long as a party's id may be."""
MOST: Final = 5_000
"""More than all counties of the country: nobody collects from more."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What became of one party. `records`: of what it reported and counts, where it is included or partly so."""

    party: str
    status: Status
    records: int = 0


@dataclass(frozen=True, slots=True)
class Collection:
    """Everybody who is collected from, by id. `closed_by` and `closed_at`: who decided that nobody else is waited for,
    and when. Construction raises `ValueError` for a party that is named twice or fits no status, and for more than
    `MOST`."""

    parties: tuple[Collected, ...]
    closed_by: str = ""
    closed_at: datetime | None = None

    def __post_init__(self) -> None:
        if len(self.parties) > MOST:
            raise ValueError("a collection names more parties than there are")
        names = [one.party for one in self.parties]
        if names != sorted(set(names)) or not all(0 < len(name) <= LONGEST for name in names):
            raise ValueError("a collection names every party once, in order")
        if any(one.status not in get_args(Status) or one.records < 0 for one in self.parties):
            raise ValueError("a party's status is not known")
        if any(one.records and one.status not in WITH_RECORDS for one in self.parties):
            raise ValueError("records of somebody who is not included")
        if bool(self.closed_by) != (self.closed_at is not None):
            raise ValueError("who closed it, and when, belong together")

    @property
    def counts(self) -> Mapping[str, int]:
        """How many there are of each status, how many owe (`owing`), and how many of those reported (`reported`)."""
        found: Counter[str] = Counter(one.status for one in self.parties)
        reported = found["included"] + found["nil"]
        return {**found, "owing": reported + found["missing"] + found["partly"], "reported": reported}

    @property
    def state(self) -> State:
        """`complete` where nobody is waited for, else `closed` where that was decided, else `open`."""
        if self.counts["owing"] == self.counts["reported"]:
            return "complete"
        return "closed" if self.closed_by else "open"

    @property
    def whole(self) -> bool:
        """Whether nobody is waited for."""
        return self.state != "open"

    @property
    def included(self) -> set[str]:
        """Those of whom records have come."""
        return {one.party for one in self.parties if one.status in WITH_RECORDS}

    @property
    def nil(self) -> bool:
        """Whether everybody who owes has said that there is nothing. Who was not waited for has said nothing."""
        return self.state == "complete" and bool(self.counts["owing"]) and not self.included

    def to_json(self) -> dict[str, Any]:
        document: dict[str, Any] = {"parties": [_line(one) for one in self.parties], "state": self.state}
        if self.closed_at is not None:
            document |= {"closed_at": instant(self.closed_at), "closed_by": self.closed_by}
        return document


def parse(document: Mapping[str, Any]) -> Collection:
    """The collection of a list's JSON; `ValueError`, `KeyError` or `TypeError` for anything else."""
    rows: Sequence[Mapping[str, Any]] = document["parties"][: MOST + 1]
    parties = tuple(Collected(str(row["party"]), row["status"], int(row.get("records", 0))) for row in rows)
    at = datetime.fromisoformat(document["closed_at"]) if "closed_at" in document else None
    return Collection(parties, str(document.get("closed_by", "")), at)


def _line(one: Collected) -> dict[str, Any]:
    found: dict[str, Any] = {"party": one.party, "status": one.status}
    return {**found, "records": one.records} if one.status in WITH_RECORDS else found
