"""Whom a routed record goes to, by what its routing field begins with."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.policy.areas import significant
from gateway.policy.facts.agreement import Agreement
from gateway.policy.facts.party import Party

REST = "rest"


def leads(parties: Mapping[str, Party], agreement: Agreement) -> Mapping[str, Party]:
    """What the routing field begins with → the receiver: two digits of a province, the digits of any other party's
    area code without the levels filled up with zeros, or what the agreement names; the longest that fits counts. Under
    `REST`: who receives everything else.

    A party that an agreement names and that has no file is left out; the config check reports it.
    """
    named = dict(agreement.otherwise)
    led: dict[str, Party] = {}
    if isinstance(agreement.routes, str):
        chosen = [party for party in parties.values() if party.tier == agreement.routes]
        led = {party.province if party.tier == "province" else significant(party.area_code): party for party in chosen}
    else:
        named |= agreement.routes
    return {value: parties[party] for value, party in named.items() if party in parties} | led
