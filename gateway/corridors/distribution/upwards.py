"""Which collections may have something new to tell the level above: by what was logged since the last look.

Nothing changes without an entry in the log, so a period of which nothing was logged has no news. All periods are looked
at once when the node starts and when its facts change; after that a round costs what has happened since the last one,
however many years of periods there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gateway.adapters.ledger import Reading
from gateway.corridors.distribution import collecting
from gateway.corridors.distribution.releasing import Releasing
from gateway.lifecycle import Event
from gateway.node import Node

_BATCH = 1000
_ANYTHING = (Event.FACTS, Event.STARTED)
Collected = tuple[str, str]
"""Agreement and period."""


class Upwards:
    """Remembers how far the log was looked through, and what has news that did not go up yet; one thread."""

    def __init__(self) -> None:
        self._seq: int | None = None
        self._waiting: set[Collected] = set()

    def listable(self, node: Node) -> list[tuple[str, str, int]]:
        """(agreement, period, batch) of every collection that is whole and not told to the level above."""
        with node.ledger.reading() as reading:
            self._waiting |= set(self._changed(node, reading))
        found = Releasing(node).listable(sorted(self._waiting))
        self._waiting = {(agreement, period) for agreement, period, _ in found}
        return found

    def _changed(self, node: Node, reading: Reading) -> Iterator[Collected]:
        facts = node.facts.current()
        up = {name for name, agreement in facts.agreements.items() if collecting.hands_up(agreement, facts)}
        histories: set[tuple[str, str]] = set()
        everything = self._seq is None
        if self._seq is None:
            self._seq = reading.entries.head()[0]
        while entries := reading.entries.after(self._seq, limit=_BATCH):
            self._seq = entries[-1].seq
            histories |= {(entry.parcel, entry.id) for entry in entries}
            everything = everything or any(entry.event in _ANYTHING for entry in entries)
        if everything:
            yield from ((name, period) for name in up for period in reading.obligations.periods(name))
            return
        closed = {collecting.closing(name, period): (name, period) for name, period in self._closing(histories)}
        yield from closed.values()
        for history in {history for history, _ in histories if history}:
            found = (
                reading.parcels.get(history)
                or reading.obligations.get(history)
                or reading.incoming.get(history)
                or reading.batches.get(history)
            )
            if found is not None and found.agreement in up and found.period:
                yield found.agreement, found.period

    @staticmethod
    def _closing(histories: Iterable[tuple[str, str]]) -> Iterator[Collected]:
        """The collections that a person closed, out of the ids of the entries that say so."""
        for _, identity in histories:
            head, _, rest = identity.partition(":")
            if head == "collection" and rest.endswith("/closed"):
                agreement, _, period = rest.removesuffix("/closed").partition(":")
                yield agreement, period
