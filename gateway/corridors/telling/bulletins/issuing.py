"""Bulletins that this node owes: made by themselves once their period has ended, and laid into the node's own drop
folder. From there they go the way of every document: sealed for each receiver, delivered with a list, signed for.

An agreement under which this node itself sends the dataset `bulletin` says to whom, how often and by when.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from gateway import durable
from gateway.corridors.obligations import settling
from gateway.corridors.telling import bulletins
from gateway.node import ACTOR, Node
from gateway.outcomes import Refused
from gateway.policy.facts import Agreement, Facts
from gateway.policy.periods import Period

DATASET: Final = "bulletin"
_LAID: Final = "laid"
_MODE: Final = 0o660


def issue(node: Node) -> list[Path]:
    """Every half minute: lay every bulletin that is owed and is not on its way, and answer where. One is laid once,
    whatever becomes of it: what was refused is told as anybody's, and a person looks at it. `OSError` where the share
    is away."""
    laid = []
    for agreement, period in list(_owed(node)):
        made = bulletins.make(node, str(period), ACTOR)
        if isinstance(made, Refused):
            continue
        (book,) = (name for name in made["files"] if name.endswith(".xlsx"))
        target = _folder(node, agreement) / f"{agreement.label}-{period}.xlsx"
        durable.write_bytes(target, (Path(made["folder"]) / book).read_bytes(), _MODE)
        with node.ledger.transaction(node.clock.now()) as tx:
            tx.progress.set(_name(agreement, period), _LAID, "")
        laid.append(target)
    return laid


def _owed(node: Node) -> Iterator[tuple[Agreement, Period]]:
    """What is owed and neither lies in the folder nor was taken from it."""
    facts, now = node.facts.current(), node.clock.now()
    for agreement in _mine(facts):
        folder = _folder(node, agreement)
        durable.make_folder(folder, 0o770)  # without it the folder counts as one that is away
        if any(not path.name.endswith(".tmp") for path in folder.iterdir()):
            continue  # one at a time: what a crash left there is taken in first
        with node.ledger.reading() as reading:
            for period in settling.owed_periods(reading, agreement.id, facts.node.party, now):
                came = reading.parcels.where(sender=facts.node.party, agreement=agreement.id, period=str(period))
                if not came and reading.progress.get(_name(agreement, period), _LAID) is None:
                    yield agreement, period
                    break


def _mine(facts: Facts) -> list[Agreement]:
    own = facts.node.party
    found = (a for a in facts.agreements.values() if a.dataset == DATASET and a.content == "document")
    return sorted((a for a in found if own in {p.id for p in facts.senders(a)}), key=lambda a: a.id)


def _folder(node: Node, agreement: Agreement) -> Path:
    facts = node.facts.current()
    return node.folder(facts.parties[facts.node.party], facts.node.folders.drop, agreement.label)


def _name(agreement: Agreement, period: Period) -> str:
    return f"bulletin:{agreement.id}:{period}"
