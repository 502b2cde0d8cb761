"""What the rules judge, and the form of a rule: a draft goes in, the faults come out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TypeAlias

from gateway.policy.facts import Agreement, Node, Party, Person, routing
from gateway.policy.facts.base import TIERS
from gateway.policy.faults import FactFault
from gateway.policy.loading import Loaded


@dataclass(frozen=True, slots=True)
class Draft:
    """The facts as far as they could be read, and the day they are judged on.

    A fact whose own file is faulty is not among them. A rule that needs it passes it over: one mistake is reported
    once. `contents` holds every file of the facts, by its path relative to `home`.
    """

    loaded: Loaded
    today: date

    @property
    def home(self) -> Path:
        return self.loaded.home

    @property
    def contents(self) -> Mapping[str, bytes]:
        return self.loaded.contents

    @property
    def node(self) -> Node | None:
        return self.loaded.node

    @property
    def parties(self) -> Mapping[str, Party]:
        return self.loaded.parties

    @property
    def agreements(self) -> Mapping[str, Agreement]:
        return self.loaded.agreements

    @property
    def people(self) -> Mapping[str, Person]:
        return self.loaded.people

    def fault(self, file: str, path: tuple[str | int, ...], message: str, message_zh: str) -> FactFault:
        """A fault of one key of a file, on the line it stands on; of the file as a whole without a path."""
        return FactFault.at(file, self.loaded.line(file, *path), path, message, message_zh)

    def no_party(self, file: str, path: tuple[str | int, ...], party: str) -> FactFault:
        """The fault of naming a party that has no file."""
        return self.fault(file, path, f"party {party} has no file", f"交换方 {party} 没有文件")

    def no_agreement(self, file: str, path: tuple[str | int, ...], agreement: str) -> FactFault:
        """The fault of naming an agreement that has no file."""
        return self.fault(file, path, f"agreement {agreement} has no file", f"交换约定 {agreement} 没有文件")

    def has_party(self, party: str) -> bool:
        """Whether a party has a file, even a faulty one."""
        return f"config/parties/{party}.toml" in self.contents

    def has_agreement(self, agreement: str) -> bool:
        """Whether an agreement has a file, even a faulty one."""
        return f"config/agreements/{agreement}.toml" in self.contents

    def sends(self, agreement: Agreement, party: str) -> bool:
        """Whether a party reports under the agreement; one whose own file is faulty counts as doing so."""
        if not isinstance(agreement.senders, str) and party in agreement.senders:
            return True
        known, tiers = self.parties.get(party), self.sending_tiers(agreement)
        return bool(tiers) and self.has_party(party) and (known is None or known.tier in tiers)

    def sending_tiers(self, agreement: Agreement) -> frozenset[str]:
        """The tiers whose parties all report under the agreement."""
        return _tiers(agreement.senders)

    def receiving_tiers(self, agreement: Agreement) -> frozenset[str]:
        """The tiers whose parties all receive everything under the agreement; none where records are routed."""
        return _tiers(agreement.receivers)

    def senders(self, agreement: Agreement) -> list[Party]:
        """Who reports under the agreement, as far as they could be read; the node's own party only where it is
        named."""
        return self._named(agreement.senders)

    def _named(self, names: str | tuple[str, ...]) -> list[Party]:
        own, tiers = self.node.party if self.node else "", _tiers(names)
        named = () if isinstance(names, str) else names
        return [p for p in self.parties.values() if p.id in named or (p.tier in tiers and p.id != own)]

    @property
    def parties_read(self) -> bool:
        """Whether every party's file could be read: else nobody can say who is the only one."""
        return sum(file.startswith("config/parties/") for file in self.loaded.texts) == len(self.parties)

    def led_to(self, agreement: Agreement) -> frozenset[str]:
        """Every party that routes lead to, by id."""
        tier = agreement.routes if isinstance(agreement.routes, str) else ""
        named = {} if isinstance(agreement.routes, str) else agreement.routes
        of_tier = (party.id for party in self.parties.values() if party.tier == tier)
        return frozenset((*of_tier, *named.values(), *agreement.otherwise.values()))

    def receivers(self, agreement: Agreement) -> Iterable[Party]:
        """Who may receive under the agreement, as far as they could be read."""
        if agreement.receivers == "routed":
            return routing.leads(self.parties, agreement).values()
        return self._named(agreement.receivers)


def _tiers(names: str | tuple[str, ...]) -> frozenset[str]:
    return frozenset(name for name in ((names,) if isinstance(names, str) else names) if name in TIERS)


Rule: TypeAlias = Callable[[Draft], Iterable[FactFault]]
