"""A partner's key as it was pinned, and whether it is still good today."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from time import time


@dataclass(frozen=True, slots=True)
class Pin:
    """A partner's key file, and until when (that day included) the partner says it is good: the bare key does not
    tell. `revoked`: never again."""

    file: Path
    valid_until: date | None = None
    revoked: bool = False


def spent(pin: Pin | None) -> str:
    """`revoked`, `expired`, or nothing: good, or nothing is known against it."""
    if pin is not None and pin.revoked:
        return "revoked"
    if pin is not None and pin.valid_until is not None and _today() > pin.valid_until:
        return "expired"
    return ""


def _today() -> date:
    """The host's day, as gpg judges keys by the host's clock, also in a rehearsal."""
    return datetime.fromtimestamp(time(), UTC).astimezone().date()
