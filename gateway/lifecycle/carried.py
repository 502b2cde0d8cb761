"""What an entry carries for the rows of the ledger, and what tells two entries of one event apart."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta

from gateway.instants import SHANGHAI
from gateway.lifecycle.machine import Condition, Recorded, Values

Carried = Callable[[Recorded], Values]


def number(entry: Recorded) -> int:
    """The number at the end of the entry's id (`<parcel>/deferred/4`): that of the attempt; 1 where there is none."""
    tail = entry.id.rpartition("/")[2]
    return int(tail) if tail.isdigit() else 1


def code(entry: Recorded) -> Values:
    """The code the entry names."""
    return {"code": str(entry.counts["code"])} if "code" in entry.counts else {}


def no_code(_entry: Recorded) -> Values:
    return {"code": ""}


def attempt(entry: Recorded) -> Values:
    """The attempt the entry is numbered by."""
    return {"attempt": number(entry)}


def no_wait(_entry: Recorded) -> Values:
    """It waits for no time any more."""
    return {"next_attempt_at": None}


def tally(entry: Recorded) -> Values:
    """Counts of judged records; a refused file has nothing accepted."""
    counts = entry.counts
    records = counts.get("records", 0)
    return {
        "records": records,
        "accepted": counts.get("accepted", 0),
        "refused": counts.get("refused", records - counts.get("accepted", 0)),
        "warned": counts.get("warned", 0),
    }


def content(entry: Recorded) -> Values:
    """The digest, where the entry shows it, and the size (bytes) of what was received."""
    found: dict[str, str | int] = {"sha256": entry.digests["content"]} if "content" in entry.digests else {}
    if "bytes" in entry.counts:
        found["size"] = entry.counts["bytes"]
    return found


def parts(entry: Recorded) -> Values:
    """Which part of how many a delivery is; 0 where it is whole."""
    return {"part": entry.counts.get("part", 0), "parts": entry.counts.get("parts", 0)}


def kept(column: str, digest: str) -> Carried:
    """The entry's digest (or id) of that name, in a column."""

    def carry(entry: Recorded) -> Values:
        return {column: entry.digests.get(digest, "")}

    return carry


def instant(column: str) -> Carried:
    """When it happened, in a column."""

    def carry(entry: Recorded) -> Values:
        return {column: entry.time}

    return carry


def cleared(*columns: str) -> Carried:
    """Columns that hold nothing from here on."""

    def carry(_entry: Recorded) -> Values:
        return dict.fromkeys(columns)

    return carry


def constant(column: str, value: str) -> Carried:
    def carry(_entry: Recorded) -> Values:
        return {column: value}

    return carry


def day(count: int) -> date:
    """A day as entries count it: 20261101."""
    return datetime.strptime(str(count), "%Y%m%d").date()  # noqa: DTZ007 - a day


def end_of(count: int) -> datetime:
    """The instant at which that day ends (24:00 in China), exclusive."""
    after = day(count) + timedelta(days=1)
    return datetime(after.year, after.month, after.day, tzinfo=SHANGHAI)


def expiry(entry: Recorded) -> datetime:
    """The instant at which the date that an entry gives runs out, exclusive: the end of that day, or the time of day
    that it counts as `cutoff` (1730 is 17:30 in China)."""
    if "cutoff" not in entry.counts:
        return end_of(entry.counts["due"])
    return datetime.combine(day(entry.counts["due"]), time(*divmod(entry.counts["cutoff"], 100)), SHANGHAI)


def due(entry: Recorded) -> Values:
    """The date an entry gives, and the instant at which it runs out."""
    return {"due": day(entry.counts["due"]), "expires_at": expiry(entry)}


def extended(entry: Recorded) -> Values:
    return {"extended_until": day(entry.counts["due"])}


def has_digest(name: str) -> Condition:
    return Condition(f"with digests.{name}", lambda entry: name in entry.digests)


def has_count(name: str) -> Condition:
    return Condition(f"counts {name}", lambda entry: entry.counts.get(name, 0) > 0)


def count_is(name: str, value: int, words: str) -> Condition:
    return Condition(words, lambda entry: entry.counts.get(name) == value)
