"""Fingerprints of record numbers: HMAC-SHA256 under a key of one inquiry, which goes when the inquiry is closed."""

from __future__ import annotations

import csv
import hashlib
import hmac
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from gateway.policy.rules.clocks import NUMBER

AREA = "registered_code"


@dataclass(frozen=True, slots=True)
class Read:
    """What is taken of a record that is about to be sealed. `number` is never kept. `area`: the county it is about, or
    the province where no county is known; empty where the table has no such column. `since`: the day from which its
    sender owes it."""

    number: str
    area: str
    since: date | None


def new_key() -> str:
    return secrets.token_hex(32)


def fingerprint(key: str, number: str) -> str:
    return hmac.new(bytes.fromhex(key), number.encode(), hashlib.sha256).hexdigest()


def read(part: Path, day_field: str = "") -> Iterator[Read]:
    """The records of a part, in order. `part` is a canonical file that the worker wrote."""
    with part.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            day = row.get(day_field, "")
            since = date(int(day[:4]), int(day[4:6]), int(day[6:8])) if day else None
            yield Read(row.get(NUMBER, ""), row.get(AREA, "")[:6], since)
