"""Bulletins that this node owes: made by themselves once their period has ended, and laid into the node's own drop
folder. From there they go the way of every document: sealed for each receiver, delivered with a list, signed for.

An agreement under which this node itself sends the dataset `bulletin` says to whom, how often and by when.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Final

from gateway.corridors.obligations import settling
from gateway.corridors.telling import bulletins
from gateway.node import ACTOR, Node
from gateway.outcomes import Refused
from gateway.policy.facts import Agreement, Facts, places
from gateway.policy.periods import Period

DATASET: Final = "bulletin"
_LAID: Final = "laid"


def issue(node: Node) -> list[PurePosixPath]:
    """Every half minute: lay every bulletin that is owed and is not on its way, and answer where. One is laid once,
    whatever becomes of it: what was refused is told as anybody's, and a person looks at it. `OSError` where the share
    is away."""
    laid = []
    for agreement, period in list(_owed(node)):
        made = bulletins.make(node, str(period), ACTOR)
        if isinstance(made, Refused):
            continue
        (book,) = (name for name in made["files"] if name.endswith(".xlsx"))
        folder, name = _folder(node, agreement), f"{agreement.label}-{period}.xlsx"
        try:
            node.folders.write(folder, name, Path(made["folder"]) / book)
        except OSError as error:
            _waits(node, agreement, error)
            continue
        with node.ledger.transaction(node.clock.now()) as tx:
            tx.progress.set(_name(agreement, period), _LAID, "")
        laid.append(folder / name)
    return laid


def _owed(node: Node) -> Iterator[tuple[Agreement, Period]]:
    """What is owed and neither lies in the folder nor was taken from it."""
    facts, now = node.facts.current(), node.clock.now()
    for agreement in _mine(facts):
        folder = _folder(node, agreement)
        try:
            node.folders.make(folder)  # one that is missing counts as one that is away
            lying = node.folders.files(folder)
        except OSError as error:
            _waits(node, agreement, error)
            continue
        if any(not file.name.endswith(".tmp") for file in lying):
            continue  # one at a time: what a crash left there is taken in first
        with node.ledger.reading() as reading:
            for period in settling.owed_periods(reading, agreement.id, facts.node.party, now):
                came = reading.parcels.where(sender=facts.node.party, agreement=agreement.id, period=str(period))
                if not came and reading.progress.get(_name(agreement, period), _LAID) is None:
                    yield agreement, period
                    break


def _waits(node: Node, agreement: Agreement, error: OSError) -> None:
    """One folder is in the way: its bulletin waits, the others do not. Raises `error` where the share is away."""
    if not node.folders.is_up():
        raise error
    node.log.warning("bulletin_waits", agreement=agreement.id, errno=error.errno)


def _mine(facts: Facts) -> list[Agreement]:
    own = facts.node.party
    found = (a for a in facts.agreements.values() if a.dataset == DATASET and a.content == "document")
    return sorted((a for a in found if own in {p.id for p in facts.senders(a)}), key=lambda a: a.id)


def _folder(node: Node, agreement: Agreement) -> PurePosixPath:
    facts = node.facts.current()
    return places.drop_folder(facts, facts.parties[facts.node.party], agreement)


def _name(agreement: Agreement, period: Period) -> str:
    return f"bulletin:{agreement.id}:{period}"
