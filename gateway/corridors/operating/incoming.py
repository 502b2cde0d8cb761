"""A person has the node sign for another gateway's batch."""

from __future__ import annotations

from gateway.corridors.operating.again import Again, CannotBe, Unknown
from gateway.corridors.recording import Said, of_incoming
from gateway.lifecycle import Event, IncomingState
from gateway.node import Node


def acknowledge(node: Node, identity: str, actor: str) -> Again:
    """The batch waits for a person, or something on it was refused: it is signed for all the same. Raises `Unknown`,
    and `CannotBe` where it does not wait."""
    with node.ledger.transaction(node.clock.now()) as tx:
        row = tx.incoming.get(identity)
        if row is None:
            raise Unknown
        if row.state not in (IncomingState.BY_PERSON, IncomingState.INCOMPLETE):
            raise CannotBe("640", state=str(row.state))
        attempt = row.attempt + 1
        of_incoming(tx, row, Event.CONFIRMED, Said(suffix=f"/{row.attempt}", actor=actor))
        tx.incoming.update(identity, attempt=attempt)
    return Again("answer", identity, row.sender, attempt)
