"""A person decides that a collection goes up as it is: nobody else is waited for (closed by decision)."""

from __future__ import annotations

from gateway.corridors.distribution import collecting
from gateway.corridors.operating.again import CannotBe, Unknown
from gateway.lifecycle import Event
from gateway.log import Entry
from gateway.node import Node


def close(node: Node, agreement: str, period: str, actor: str) -> list[str]:
    """Who is not waited for any more. The list that goes up says who decided it, and when; those that report later
    come with a list of their own. Raises `Unknown` for an agreement that is none, `CannotBe` where nothing goes to the
    level above under it, nobody is missing or nobody has reported, or it is decided already."""
    now, facts = node.clock.now(), node.facts.current()
    if agreement not in facts.agreements:
        raise Unknown
    if not collecting.hands_up(facts.agreements[agreement], facts):
        raise CannotBe("633")
    with node.ledger.transaction(now) as tx:
        standing = collecting.standing(tx, facts, facts.agreements[agreement], period)
        missing = [one.party for one in standing.parties if one.status in ("missing", "partly")]
        if not missing:
            raise CannotBe("634", period=period)
        if not standing.counts["reported"]:
            raise CannotBe("635", period=period)
        if standing.closed_by:
            raise CannotBe("636", period=period)
        tx.log(
            Entry(
                id=collecting.closing(agreement, period),
                event=Event.CLOSED,
                time=now,
                actor=actor,
                facts=facts.digest,
                parties=tuple(missing),
                counts={"owing": standing.counts["owing"], "missing": len(missing)},
            )
        )
    return missing
