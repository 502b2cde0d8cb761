"""Entries of the exchange log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from gateway.lifecycle import Event


@dataclass(frozen=True, slots=True)
class LogRow:
    """An entry where it stands. `body` is its canonical JSON, `leaf` the hash of it."""

    seq: int
    id: str
    logged_at: datetime
    event: Event
    parcel: str
    body: bytes
    leaf: str
