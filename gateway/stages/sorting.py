"""Sorting: every accepted record has exactly one receiver, and nothing was lost or doubled on the way."""

from __future__ import annotations

from gateway import digests
from gateway.outcomes import Fault, Ok, Outcome
from gateway.parcels import Checked, Part, PartyId, Sorted
from gateway.policy.facts import Facts


def sort(checked: Checked, facts: Facts) -> Outcome[Sorted]:
    """Give each part to its party; where the route is fixed there is one part, and every receiver gets it.

    Fault 901 if in != sum of out + refused by count, or if the parts' digests do not add up to the accepted records'
    digest; Fault 904 where a province has no party."""
    tally = checked.tally
    out = sum(part.records for part in checked.parts)
    if tally.records != tally.accepted + tally.refused or out != tally.accepted:
        return Fault("901", {"records": tally.records, "out": out, "refused": tally.refused})
    if digests.added(part.digest for part in checked.parts) != checked.digest:
        return Fault("901", {"records": tally.records})
    agreement = facts.agreements[checked.opened.arrival.agreement]
    routes = facts.routes(agreement)
    routed: dict[PartyId, Part] = {}
    for part in checked.parts:
        if agreement.receivers == "routed":
            party = routes.get(part.province)
            if party is None:
                return Fault("904", {"province": part.province})
            if party.id in routed:
                return Fault("904", {"province": part.province})
            routed[PartyId(party.id)] = part
        else:
            routed |= {PartyId(receiver.id): part for receiver in facts.receivers(agreement)}
    return Ok(Sorted(checked, routed))
