"""What other gateways stated after the backup: the log names each statement by its digests, its bytes the partner has.

Lists stay in the folders where they were fetched to, so they are taken again from there, judged again, and entered
without a second entry; whether this node has answered them is what the log says. A statement whose bytes are nowhere is
listed: its party is asked to send it again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.rows import IncomingRow
from gateway.corridors.between.gathering import Gathering
from gateway.lifecycle import INCOMING, Event, NoTransition
from gateway.log import Entry
from gateway.node import Node

SHORT = 32
"""Hex digits of a statement's id in its entry's."""


@dataclass(slots=True)
class Stated:
    """`known`: (statement, party) of each that was judged, in the log's order."""

    known: dict[str, str] = field(default_factory=dict)

    def follow(self, entry: Entry) -> None:
        """Note a statement that the log names."""
        if entry.event in (Event.LISTED, Event.STATED, Event.DISBELIEVED):
            name = entry.id.removeprefix("statement-").partition("/")[0]
            self.known[name] = entry.parties[0]


def adopt(node: Node) -> None:
    """Take what lies in the folders; then each batch that was listed becomes what the log says of it. Once more changes
    nothing."""
    if not node.folders.is_up():
        return
    Gathering().round(node)
    with node.ledger.transaction(node.clock.now()) as tx:
        for row in tx.incoming.open():
            _follow(tx, row)


def _follow(tx: Transaction, row: IncomingRow) -> None:
    """What the log says of it beyond where it stands: entries that its state does not allow lie behind it."""
    for logged in tx.entries.of(row.id):
        entry = Entry.parse(logged.body)
        if entry.event is Event.LISTED or not INCOMING.knows(entry.event):
            continue
        try:
            tx.incoming.change(row.id, INCOMING.apply(row.state, entry))
        except NoTransition:
            continue
        row = tx.incoming.get(row.id) or row


def missing(node: Node, known: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Statements that the log knows and the ledger has not got back."""
    with node.ledger.reading() as reading:
        there = {row.id[:SHORT] for row in reading.statements.where()}
    return [(name, party) for name, party in known if name not in there]
