"""Authority: who may say what. A message speaks for the one party whose key signed it and whose folder it lay in.

Two things look like exceptions and are none. The level above hands down what others reported to it: it names them as
origins, never this node nor anybody in this node's own area, who report here themselves. And a party that collects
from those below it says on whose behalf a part of its own submission is (`reported_for`): a place or department inside
its own area.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from typing import Final, Protocol

from gateway.instants import CLOCKS_DIFFER
from gateway.outcomes import Refused
from gateway.packages import NAMING, Descriptor
from gateway.parcels import Form
from gateway.policy.areas import significant
from gateway.policy.facts import Agreement, Facts, Party
from gateway.policy.facts.base import IDENTIFIER
from gateway.policy.periods import Period

_ID: Final = re.compile(IDENTIFIER)


def speaks(signer: Party, authors: Iterable[str], facts: Facts) -> Refused | None:
    """Whether what is signed names its signer as author, and nobody else. Refused 255, with the party that it claimed
    to be (`claimed`; empty where the facts know none of that name)."""
    return next((_impersonates(signer, author, facts) for author in authors if author != signer.id), None)


def hands_down(signer: Party, origins: Iterable[str], facts: Facts) -> Refused | None:
    """Whether `signer` may name these parties as those that reported what it hands over: itself, or, from the level
    above, anybody but this node and those in its own area. Refused 255."""
    own = facts.parties[facts.node.party]
    area, over = significant(own.area_code), facts.above(signer)
    for origin in origins:
        ours = origin == own.id or inside(origin, area, facts)
        if origin != signer.id and (ours or not over or not _ID.fullmatch(origin)):
            return _impersonates(signer, origin, facts)
    return None


def _impersonates(signer: Party, author: str, facts: Facts) -> Refused:
    return Refused("255", {"signer": signer.id, "claimed": author if author in facts.parties else ""})


class Named(Protocol):
    """A distribution list, as far as it speaks of parties. `named`: the origins of what it carries and withdraws, and
    those it tells anything else of."""

    @property
    def issuer(self) -> str: ...
    @property
    def named(self) -> Collection[str]: ...
    @property
    def collected(self) -> Collection[str]: ...


def of_package(package: Descriptor, signer: Party, facts: Facts, now: datetime) -> Refused | None:
    """Whether its signer may have made this package: Refused 255, 257, 259."""
    refused = speaks(signer, (package.sender,), facts) or hands_down(signer, (package.origin,), facts)
    if refused is None and package.reported_for is not None:
        refused = on_behalf(package.origin, package.reported_for, facts)
    return refused or dated(package, facts, now)


def of_list(listed: Named, signer: Party, facts: Facts) -> Refused | None:
    """Whether its signer may have made this list: whose packages it carries, and whose it withdraws, counts as well.
    Refused 255; 259 for a collection from others than those in its own area."""
    refused = speaks(signer, (listed.issuer,), facts) or hands_down(signer, listed.named, facts)
    behalf = (on_behalf(signer.id, party, facts) for party in listed.collected)
    return refused or next((found for found in behalf if found is not None), None)


def of_sidecar(sidecar: Mapping[str, object], signer: Party, facts: Facts) -> Refused | None:
    """A note beside a file may say whose it is; then it says whose folder it lies in. Refused 255."""
    return speaks(signer, [str(sidecar[key]) for key in NAMING if key in sidecar], facts)


def of_file(claimed: object, signer: Party, facts: Facts) -> Refused:
    """What an unsealed Data Package names inside itself, as the worker read it: another than the party whose folder it
    lay in. Refused 255. What a name or the properties of a workbook say is written by hand and claims nothing."""
    return _impersonates(signer, str(claimed), facts)


def inside(name: str, area: str, facts: Facts) -> bool:
    """Whether a party lies in `area` (an area code's significant digits): by its facts, else by the code that its id
    begins with, as `440106` and `440106-jisheng` do. Such a code has one spelling, the shortest: `440106000000` would
    be the same county once more."""
    party = facts.parties.get(name)
    code = party.area_code if party else name.partition("-")[0]
    spelt = party is not None or len(code) == 6 or not code.endswith("000")
    return code.isascii() and code.isdigit() and len(code) in (6, 9, 12) and spelt and code.startswith(area)


def on_behalf(origin: str, reported_for: str, facts: Facts) -> Refused | None:
    """Whether an origin may report on behalf of this party: Refused 259 where it is the origin itself, lies outside its
    area, or is named as nobody is."""
    party = facts.parties.get(origin)
    area = significant(party.area_code if party else origin.partition("-")[0])
    named = reported_for != origin and _ID.fullmatch(reported_for)
    fits = named and inside(reported_for, area, facts)
    return None if fits else Refused("259", {"signer": origin})


def accepted(agreement: Agreement, form: Form) -> Refused | None:
    """Whether the agreement takes a submission in this form (`accepts`). Refused 256."""
    return None if form in agreement.accepts else Refused("256", {"accepts": "、".join(agreement.accepts)})


def dated(package: Descriptor, facts: Facts, now: datetime) -> Refused | None:
    """Whether the day a package says it was made on is believable: not in the future, and not before its period began.
    Refused 257."""
    early = package.period and package.created.date() < _begins(package.period)
    return Refused("257") if early else issued(package.created, facts, now)


def issued(said: datetime, facts: Facts, now: datetime) -> Refused | None:
    """Whether what is signed may say that it was made at this instant: not in the future. In a rehearsal the node's
    clock is nobody else's, so that nothing is in its future. Refused 257."""
    return Refused("257") if facts.node.rehearsal is None and said > now + CLOCKS_DIFFER else None


def _begins(period: str) -> date:
    try:
        return Period.parse(period).start
    except ValueError:
        return date.min  # what is no period is refused for that
