"""Entries of the exchange log about what is owed, and what follows from them: no other way changes an obligation.

One entry speaks of one obligation, or of those of one party that one event set going: an inquiry of many records is
their `source`. It stands in the history (`parcel`) of the obligation, or of the source.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Unpack

from gateway.adapters.ledger import Transaction
from gateway.adapters.ledger.rows import ObligationRow, ObligationValues
from gateway.corridors.recording import Said
from gateway.deadlines import Obligation
from gateway.lifecycle import OBLIGATION, Event, ObligationState
from gateway.lifecycle.obligation import how
from gateway.log import Entry
from gateway.node import Terms


class About(NamedTuple):
    """What an entry speaks of. Its id begins with `name`; `history` is what its `parcel` names."""

    name: str
    party: str
    history: str


def one(owed: ObligationRow | Obligation) -> About:
    """One obligation."""
    return About(owed.id, owed.party, owed.id)


def together(source: str, party: str) -> About:
    """Obligations of one party that one event set going."""
    return About(f"{source}/{party}", party, source)


def alike(owed: Sequence[ObligationRow]) -> About:
    """Obligations of one party and one source, or a single one that has no source."""
    first = owed[0]
    return together(first.source, first.party) if first.source else one(first)


def of_obligation(
    tx: Transaction,
    owed: ObligationRow,
    event: Event,
    terms: Terms,
    said: Said,
    **values: Unpack[ObligationValues],
) -> int:
    """Log what happened to one obligation, and write what it changes, with `values` that do not follow from the entry.
    Returns the entry's number."""
    made = entry(tx, one(owed), event, terms, said)
    change(tx, made, [owed], how(made) if event is Event.MET else "", **values)
    return log(tx, made)


def of_many(
    tx: Transaction, about: About, owed: Sequence[ObligationRow], event: Event, terms: Terms, said: Said
) -> int:
    """The same of several, with one entry for all of them."""
    made = entry(tx, about, event, terms, said)
    change(tx, made, owed)
    return log(tx, made)


def entry(tx: Transaction, about: About, event: Event, terms: Terms, said: Said) -> Entry:
    """The entry alone, for what is decided by it before it is logged. `said.suffix` completes its id (`/met`)."""
    return Entry(
        id=f"{about.name}{said.suffix}",
        event=event,
        time=said.time or tx.now,
        actor=said.actor,
        facts=terms.facts.digest,
        parties=(about.party,),
        parcel=about.history,
        counts=said.counts,
        digests=said.digests,
        commit=said.commit,
    )


def change(
    tx: Transaction, made: Entry, owed: Iterable[ObligationRow], role: str = "", **values: Unpack[ObligationValues]
) -> None:
    """Write what the entry makes of each of these, and `values` that do not follow from it. `role`: in which way the
    entry concerns them."""
    states: dict[ObligationState, list[str]] = defaultdict(list)
    for row in owed:
        states[row.state].append(row.id)
    for state, ids in states.items():
        tx.obligations.change_many(ids, OBLIGATION.apply(state, made, role), **values)


def log(tx: Transaction, made: Entry) -> int:
    """Append the entry, once: after a restore the log may hold what the ledger had forgotten. Returns its number."""
    known = tx.entries.get(made.id)
    return tx.log(made).seq if known is None else known.seq


def free(tx: Transaction, name: str, number: int = 1) -> int:
    """The first number from `number` on under which nothing was logged (`<name>/<number>`)."""
    while tx.entries.get(f"{name}/{number}") is not None:
        number += 1
    return number
