"""Showing: the page of open inquiries in both sides' folders says what is owed now. It is written again when a record
is answered, returned, passed on or voided, when a date is set, put off, moved or copied, when it is missed, and when a
day passes; that is, whenever the log has an entry about an inquiry, and every morning."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Final

from gateway.adapters.ledger import Reading
from gateway.adapters.ledger.rows import InquiryRow
from gateway.corridors.views import inquiries
from gateway.instants import SHANGHAI
from gateway.lifecycle import Event
from gateway.node import Node
from gateway.policy.facts import places
from gateway.receipts.rendering import render
from gateway.receipts.words import Words

EVENTS: Final = frozenset(
    {
        Event.OWED,
        Event.MET,
        Event.MISSED,
        Event.EXTENDED,
        Event.VOIDED,
        Event.RETURNED,
        Event.TRANSFERRED,
        Event.MOVED,
        Event.COPIED,
    }
)
_BATCH: Final = 1000


class Showing:
    """Remembers how far the log was looked through; one thread. Begins with every page."""

    def __init__(self) -> None:
        self._seq: int | None = None
        self._day: date | None = None
        self._waiting: set[str] = set()

    def round(self, node: Node) -> int:
        """Write what changed; how many pages. A folder that is away has its page written by a later round."""
        today = node.clock.now().astimezone(SHANGHAI).date()
        with node.ledger.reading() as reading:
            if self._seq is None:
                self._seq = reading.entries.head()[0]
                self._waiting |= _parties(reading.inquiries.where())
            while entries := reading.entries.after(self._seq, limit=_BATCH):
                self._seq = entries[-1].seq
                for history in {entry.parcel for entry in entries if entry.event in EVENTS}:
                    self._waiting |= _parties(_concerned(reading, history))
            if today != self._day:
                self._day = today
                self._waiting |= _parties(reading.inquiries.where(opened=True))
        written = 0
        for party in sorted(self._waiting):
            try:
                refresh(node, [party])
            except OSError as error:
                node.log.warning("page_waits", party=party, errno=error.errno)
                continue
            self._waiting.discard(party)
            written += 1
        return written


def refresh(node: Node, parties: Iterable[str]) -> None:
    """Write the page of each of these parties. Raises `OSError` when a folder is away."""
    facts = node.facts.current()
    today = node.clock.now().astimezone(SHANGHAI).date()
    for party in sorted(set(parties)):
        to = facts.parties.get(party)
        if to is None or party == facts.node.party:
            continue
        words = Words(to.language)
        page = render(
            "inquiries.html",
            to.language,
            party_name=to.name,
            node_name=facts.parties[facts.node.party].name,
            today=words.day(today),
            day=today.isoformat(),
            asked=inquiries.listed(node, receiver=party),
            asking=inquiries.listed(node, origin=party),
        )
        node.folders.write(places.receipts_folder(facts, to), f"{words('asked.title')}.html", page)


def _concerned(reading: Reading, history: str) -> list[InquiryRow]:
    """The inquiries in whose history an entry stands; what a person did stands in that of the one obligation."""
    owed = reading.obligations.get(history) if history.startswith("reply:") else None
    return reading.inquiries.where(parcel=owed.source if owed else history)


def _parties(found: list[InquiryRow]) -> set[str]:
    return {party for one in found if one.delivered_at for party in (one.origin, one.receiver)}
