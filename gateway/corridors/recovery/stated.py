"""What other gateways stated after the backup: the log names each statement by its digests, its bytes the partner has.

Lists stay in the folders where they were fetched to, so they are taken again from there, judged anew, and entered
without a second entry; whether this node has answered them is what the log says. A statement whose bytes are nowhere is
listed: its party is asked to send it again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.corridors.between.gathering import Gathering
from gateway.lifecycle import Event
from gateway.node import Node

Entry = Mapping[str, Any]
SHORT = 32
"""Hex digits of a statement's id in its entry's."""


@dataclass(slots=True)
class Stated:
    """`known`: (statement, party) of each that was judged, in the log's order; `answered`: batch → instant."""

    known: dict[str, str] = field(default_factory=dict)
    answered: dict[str, str] = field(default_factory=dict)

    def follow(self, entry: Entry) -> None:
        if entry["event"] == Event.ANSWERED:
            self.answered[entry["parcel"]] = entry["time"]
        elif entry["event"] in (Event.LISTED, Event.STATED, Event.DISBELIEVED):
            name = entry["id"].removeprefix("statement-").partition("/")[0]
            self.known[name] = entry["parties"][0]


def adopt(node: Node, answered: Mapping[str, str]) -> None:
    """Take what lies in the folders, then close the batches that the log says were answered. Once more changes
    nothing."""
    if not node.inbox.root.is_up():
        return
    Gathering().round(node)
    with node.ledger.transaction(node.clock.now()) as tx:
        for batch, at in answered.items():
            row = tx.between.incoming(batch)
            if row is not None and row.state != "answered":
                tx.between.update_incoming(batch, state="answered", code="", next_attempt_at="", answered_at=at)


def missing(node: Node, known: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Statements that the log knows and the ledger has not got back."""
    with node.ledger.reading() as reading:
        there = {row.id[:SHORT] for row in reading.between.statements()}
    return [(name, party) for name, party in known if name not in there]
