"""Sharing: how many files of one party are taken at a time, so that a flood of one delays another by no more than its
own share, in one scan and across many.

What counts is what a party has in work: claimed and not taken in yet, or between its arrival and its receipt, also
while it waits for another file of its own. What waits for anything else, or for a person, does not: it is
another's doing (a receiver without a key), and occupies nobody.
Submissions and signatures are counted apart. The rest waits where its sender laid it and can see it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from gateway.node import ACKNOWLEDGE, Node
from gateway.parcels import AgreementId, PartyId
from gateway.ports import Share

BEHIND_ITS_OWN: Final = ("708", "711")
NO_ROOM: Final = "no_room"
SHARE: Final = "share"
"""Why a file waits: the disk is full, or its sender has as many in work as may be."""


def nothing(sender: PartyId, agreement: AgreementId, ready: int) -> tuple[int, str]:  # noqa: ARG001
    """While there is little room on the disk."""
    return 0, NO_ROOM


def shares(node: Node) -> Share:
    """What each party may have taken by one scan."""
    bound, used = node.facts.current().node.intake.per_party, _in_work(node)

    def share(sender: PartyId, agreement: AgreementId, ready: int) -> tuple[int, str]:
        key = (sender, agreement == ACKNOWLEDGE)
        granted = max(0, min(ready, bound - used[key]))
        used[key] += granted
        return granted, SHARE

    return share


def queued(node: Node) -> Mapping[str, int]:
    """By party, how many files wait for their turn since the last scan."""
    facts, found = node.facts.current(), Counter[str]()
    parties = {party.folder_name: party.id for party in facts.parties.values()}
    for folder, left in node.inbox.left_alone().items():
        name = folder.partition("/")[0]
        found[parties.get(name, name)] += left.get(SHARE, 0)
    return {party: number for party, number in sorted(found.items()) if number}


def _in_work(node: Node) -> Counter[tuple[PartyId, bool]]:
    pending = node.inbox.pending()
    with node.ledger.reading() as reading:
        behind = [row for code in BEHIND_ITS_OWN for row in reading.parcels.where(code=code)]
        working = [*reading.parcels.unfinished(), *behind]
        moving = {row.id: (PartyId(row.sender), row.corridor == "acknowledgement") for row in working}
        unknown = [c for c in pending if c.parcel not in moving and reading.parcels.get(c.parcel) is None]
    return Counter([*moving.values(), *((c.sender, c.agreement == ACKNOWLEDGE) for c in unknown)])
