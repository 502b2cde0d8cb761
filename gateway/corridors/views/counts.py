"""How much stands where, and what waits: what a live view or a monitor polls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

from gateway.adapters.sealing.key_health import key_states
from gateway.lifecycle import BatchState
from gateway.node import Node
from gateway.policy.facts import Facts
from gateway.receipts.views import ExpiringKey

S = TypeVar("S", bound=StrEnum)


def counts(node: Node) -> dict[str, dict[str, int]]:
    """Rows by state, of everything that has one."""
    with node.ledger.reading() as reading:
        return {
            "parcels": _plain(reading.parcels.counts()),
            "packages": _plain(reading.packages.counts()),
            "deliveries": _plain(reading.batches.counts()),
            "obligations": _plain(reading.obligations.count(kind="submission")),
            "replies": _plain(reading.obligations.count(kind="reply")),
            "incoming": _plain(reading.incoming.counts()),
            "statements": _plain(reading.statements.counts()),
        }


def standing(node: Node) -> dict[str, Any]:
    """What there is in which state, what waits, which keys run out: what every state of the node can tell."""
    return {"counts": counts(node), **waiting(node)}


def waiting(node: Node) -> dict[str, Any]:
    """What asks for somebody: parcels and deliveries that wait or stopped, by code; keys that run out or have."""
    now = node.clock.now()
    with node.ledger.reading() as reading:
        codes = Counter(p.code for p in reading.parcels.unsettled() if p.code)
        for state in (BatchState.RELEASED, BatchState.FAULTED):
            codes += Counter(batch.code for batch in reading.batches.where(state=state) if batch.code)
    keys = [
        {"party": key.party, "key": key.fingerprint[-16:], "days": (key.expires_at - now).days, "name": key.name}
        for key in expiring(node.facts.current(), now)
    ]
    return {"waiting": dict(sorted(codes.items())), "keys": keys}


def expiring(facts: Facts, now: datetime) -> tuple[ExpiringKey, ...]:
    """Keys that run out within the warning time, in both profiles, next ones and the node's own too; soonest first."""
    found = [
        ExpiringKey(
            key.party, facts.parties[key.party].short or facts.parties[key.party].name, key.fingerprint, key.expires
        )
        for key in key_states(facts, now, private=False)
        if key.step is not None and key.fingerprint is not None and key.expires is not None
    ]
    return tuple(sorted(found, key=lambda key: key.expires_at))


def _plain(found: Mapping[S, int]) -> dict[str, int]:
    return {str(state): number for state, number in found.items()}
