"""C2SP tlog-policy: which keys sign, which witness, and how many of them are enough."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from gateway.log.note import COSIGNATURE, ED25519, BadNote, VerifierKey


class BadPolicy(ValueError):
    """A policy that does not follow its format; the message names the line."""


@dataclass(frozen=True, slots=True)
class Policy:
    """`groups` maps a group to (k, members); `quorum` is a witness, a group or `none`."""

    logs: tuple[VerifierKey, ...] = ()
    witnesses: Mapping[str, VerifierKey] = field(default_factory=dict)
    groups: Mapping[str, tuple[int, tuple[str, ...]]] = field(default_factory=dict)
    quorum: str = "none"
    urls: Mapping[str, str] = field(default_factory=dict)

    def met(self, witnessed: Set[str]) -> bool:
        """Whether these witnesses (by their names in the policy) are enough."""
        return self.quorum == "none" or self._met(self.quorum, witnessed)

    def _met(self, name: str, witnessed: Set[str]) -> bool:
        if name in self.witnesses:
            return name in witnessed
        least, members = self.groups[name]
        return sum(self._met(member, witnessed) for member in members) >= least

    @classmethod
    def parse(cls, text: str) -> Policy:
        """The policy that `text` states. `BadPolicy` names the first line that is wrong: an unknown word, a name or key
        given twice, a member that is not defined or in two groups, a threshold out of reach, no quorum."""
        logs: list[VerifierKey] = []
        witnesses: dict[str, VerifierKey] = {}
        groups: dict[str, tuple[int, tuple[str, ...]]] = {}
        urls: dict[str, str] = {}
        used: set[str] = set()
        quorum = None
        for number, line in enumerate(text.split("\n"), 1):
            words = line.replace("\t", " ").split()
            if not words or words[0].startswith("#"):
                continue
            try:
                match words:
                    case ["log", key, *url] if len(url) < 2:
                        logs.append(_key(key, ED25519, [k.public for k in logs]))
                    case ["witness", name, key, *url] if len(url) < 2:
                        _fresh(name, witnesses, groups)
                        witnesses[name] = _key(key, COSIGNATURE, [k.public for k in witnesses.values()])
                        urls.update(zip([name], url, strict=False))
                    case ["group", name, count, *members] if members:
                        _fresh(name, witnesses, groups)
                        if any(m not in witnesses and m not in groups for m in members) or used & set(members):
                            raise BadPolicy("a member that is not defined, or is in a group already")
                        if len(set(members)) != len(members):
                            raise BadPolicy("a member twice")
                        used.update(members)
                        least = {"any": 1, "all": len(members)}.get(count) or (int(count) if count.isdecimal() else 0)
                        if not 1 <= least <= len(members):
                            raise BadPolicy("a threshold outside its group")
                        groups[name] = (least, tuple(members))
                    case ["quorum", name] if quorum is None:
                        if name != "none" and name not in witnesses and name not in groups:
                            raise BadPolicy("a quorum that is not defined")
                        quorum = name
                    case _:
                        raise BadPolicy("log, witness, group or quorum is expected")
            except (BadPolicy, BadNote) as error:
                raise BadPolicy(f"line {number}: {error}") from None
        if quorum is None:
            raise BadPolicy("a policy has one quorum line")
        return cls(tuple(logs), witnesses, groups, quorum, urls)


def _key(text: str, kind: int, known: list[bytes]) -> VerifierKey:
    key = VerifierKey.parse(text)
    if key.kind != kind:
        raise BadPolicy("a key of another use")
    if key.public in known:
        raise BadPolicy("a key twice")
    return key


def _fresh(name: str, witnesses: Mapping[str, object], groups: Mapping[str, object]) -> None:
    if name == "none" or name in witnesses or name in groups:
        raise BadPolicy("a name twice")
