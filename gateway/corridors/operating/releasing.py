"""An operator lets the held packages of an agreement and period go; under four eyes two people have to vouch for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.corridors.distribution import collecting, four_eyes
from gateway.corridors.operating.again import CannotBe, Unknown
from gateway.lifecycle import PackageState
from gateway.node import Node


@dataclass(frozen=True, slots=True)
class Release:
    """What is let go, by whom. `request` is the document that the second person signs first, where one has to; then
    nothing is released yet."""

    agreement: str
    period: str
    batch: int
    packages: int
    actor: str
    request: str = ""


def release(node: Node, agreement: str, period: str, signatures: Sequence[bytes], actor: str) -> Release:
    """Raises `Unknown` for an agreement that is none, and `CannotBe` where nothing is held or nobody vouches."""
    facts = node.facts.current()
    if agreement not in facts.agreements:
        raise Unknown
    with node.ledger.reading() as reading:
        # In this order, as in `distribution.releasing`: what is released meanwhile is not followed by an empty batch.
        batch = reading.batches.last(agreement, period) + 1
        held = reading.packages.where(agreement=agreement, period=period, state=PackageState.HELD)
        news = collecting.is_news(reading, facts, facts.agreements[agreement], period)
    if not held and not news:
        raise CannotBe("637", agreement=agreement, period=period)
    made = Release(agreement, period, batch, len(held), actor)
    if not facts.agreements[agreement].four_eyes:
        return made
    if not signatures:
        asked = four_eyes.request(node, agreement, period, batch, actor)
        return Release(agreement, period, batch, len(held), actor, asked.decode())
    try:
        both = four_eyes.confirm(node, agreement, period, batch, signatures)
    except four_eyes.NotConfirmed as error:
        raise CannotBe(error.code, **error.detail) from None
    return Release(agreement, period, batch, len(held), both)
