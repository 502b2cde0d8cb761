"""Entries for the tables of the lifecycle: one of each event in every variety that a condition could ask for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import product
from typing import Any

from gateway.lifecycle import Event
from gateway.log import Entry

NOW = datetime(2026, 11, 2, 3, 4, 5, 678901, tzinfo=UTC)
FACTS = "4" * 64
PASSED, TO_COME = 20261031, 20261130

_COUNTS: tuple[Mapping[str, int], ...] = (
    {"due": PASSED},
    {"due": TO_COME, "records": 12, "accepted": 11, "refused": 1, "warned": 3, "bytes": 900, "code": 224},
    *({"due": PASSED, "reached": reached} for reached in range(5)),
)
_DIGESTS: tuple[Mapping[str, str], ...] = (
    {},
    {"content": "a" * 64, "original": "p0"},
    {"batch": "d-1"},
    {"about": "p0"},
    {"list": "b" * 64, "fingerprint": "C" * 40},
    {"batch": "d-1", "about": "p0"},
    {"decision": "lost"},
)
_PACKAGES = ("", "migrants-inflow/2026Q3/nil/r1", "acknowledge/-/-/r0")


def entry(event: Event, identity: str = "x/happened/3", **more: Any) -> Entry:
    """An entry of that event, with what else it says."""
    return Entry(**({"id": identity, "event": event, "time": NOW, "actor": "operator", "facts": FACTS} | more))


def varieties(event: Event) -> Iterator[Entry]:
    """One event with every combination of counts, digests and addresses that the tables look at."""
    for counts, digests, package in product(_COUNTS, _DIGESTS, _PACKAGES):
        yield entry(event, counts=counts, digests=digests, package=package)
