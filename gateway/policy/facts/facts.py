"""The facts as a whole: the node, its parties, its agreements and its people, and who stands to whom under them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gateway.policy.facts import routing
from gateway.policy.facts.agreement import Agreement
from gateway.policy.facts.base import RANK, TIERS
from gateway.policy.facts.node import Node
from gateway.policy.facts.party import Party, Person


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything in force at one moment; `digest` pins it (SHA-256 over every file's path and content).

    `home` is the node's folder, or the kept copy of a snapshot; `schemas` and `keys` lie in it beside `config`.
    `root` is set for a snapshot: the node's folder, which the paths of `gateway.toml` are relative to.
    """

    home: Path
    digest: str
    node: Node
    parties: Mapping[str, Party]
    agreements: Mapping[str, Agreement]
    root: Path | None = None
    people: Mapping[str, Person] = field(default_factory=dict)

    @property
    def schemas(self) -> Path:
        return self.home / "schemas"

    @property
    def keys(self) -> Path:
        return self.home / "keys"

    @property
    def calendar(self) -> Path:
        return self.home / "config" / "calendar"

    def path(self, relative: Path) -> Path:
        """A path of `gateway.toml`, made absolute."""
        return relative if relative.is_absolute() else (self.root or self.home) / relative

    def senders(self, agreement: Agreement) -> tuple[Party, ...]:
        """Who owes under an agreement, in order of area code."""
        return self._named(agreement.senders)

    def receivers(self, agreement: Agreement) -> tuple[Party, ...]:
        """Who may receive under an agreement: the named ones, or everybody whom its routes lead to."""
        if agreement.receivers != "routed":
            return self._named(agreement.receivers)
        chosen = {party.id: party for party in self.routes(agreement).values()}
        return tuple(sorted(chosen.values(), key=lambda p: p.area_code))

    def _named(self, names: str | tuple[str, ...]) -> tuple[Party, ...]:
        """The parties of a tier, or of a list of ids and tiers, in order of area code; the node's own only where its id
        is named."""
        named = (names,) if isinstance(names, str) else names
        chosen = [self.parties[name] for name in named if name not in TIERS]
        chosen += [p for p in self.parties.values() if p.tier in named and p.id not in (self.node.party, *named)]
        return tuple(sorted(chosen, key=lambda p: p.area_code))

    def above(self, party: Party) -> bool:
        """Whether a party is of a level above this node's."""
        return RANK[party.tier] > RANK[self.node.tier]

    def inquiries(self, reply: str) -> tuple[Agreement, ...]:
        """The agreements whose records are answered under the agreement `reply`, in order of id."""
        return tuple(a for _, a in sorted(self.agreements.items()) if a.clock and a.clock.answered_by == reply)

    def routes(self, agreement: Agreement) -> Mapping[str, Party]:
        """What the routing field begins with → who receives the record."""
        return routing.leads(self.parties, agreement)

    def by_province(self, province: str) -> Party | None:
        """The provincial party of a two-digit code, if it takes part in the exchange."""
        return next((p for p in self.parties.values() if p.tier == "province" and p.province == province), None)
