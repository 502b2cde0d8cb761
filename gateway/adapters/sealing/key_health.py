"""Every key that is pinned, and the state it is in: for `gateway keys list`, the status page and the warnings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Literal

from gateway.adapters.sealing import keyring
from gateway.adapters.sealing.sm import KeyFileError
from gateway.adapters.sealing.sm import keys as sm_keys
from gateway.instants import SHANGHAI
from gateway.policy.facts import Facts, Party

STEPS = (60, 30, 7)
"""Days before a key expires at which the operator is warned."""

State = Literal["ok", "expiring", "expired", "revoked", "missing", "mismatch", "private", "unpinned", "unusable"]
Slot = Literal["present", "next"]


@dataclass(frozen=True, slots=True)
class KeyState:
    """One key of one party. `own` marks the node's, `slot` a next key in an overlap; `expires` is an instant."""

    party: str
    own: bool
    state: State
    fingerprint: str | None = None
    profile: Literal["openpgp", "sm"] = "openpgp"
    slot: Slot = "present"
    algorithm: str | None = None
    created: datetime | None = None
    expires: datetime | None = None
    days: int | None = None

    @property
    def step(self) -> int | None:
        """The warning that is due: 60, 30 or 7 days ahead, 0 for a key that has expired; None for none."""
        if self.state == "expired":
            return 0
        if self.days is None or self.state in ("revoked", "private", "mismatch", "missing"):
            return None
        return min((step for step in STEPS if self.days <= step), default=None)


def key_states(facts: Facts, now: datetime, *, private: bool = True) -> Iterator[KeyState]:
    """The node's own keys first, then the partners' by area code. Without `private` our keys are judged by their public
    files, as everybody's: gpg's home is left alone."""
    node = facts.parties.get(facts.node.party)
    if node is None:
        return
    yield from _own(facts, node, now) if private else _partner(facts, node, now)
    for party in sorted(facts.parties.values(), key=lambda p: p.area_code):
        if party.id != node.id:
            yield from _partner(facts, party, now)


def _own(facts: Facts, node: Party, now: datetime) -> Iterator[KeyState]:
    private, pins = facts.path(facts.node.private), node.key_files()
    try:
        held = keyring.own_infos(private)
        keyring.passphrase_file(private)
    except keyring.KeyringError:
        yield KeyState(node.id, True, "unusable")
    else:
        for number, key in enumerate(held):
            if number and key.fingerprint not in pins:
                continue  # a former key: it only opens what is late
            state = _state(key.usable(now), key.revoked, key.expires, now)
            pinned = not any(len(pin) == 40 for pin in pins) or key.fingerprint in pins
            slot: Slot = "next" if node.next and key.fingerprint == node.next.key else "present"
            yield _openpgp(node.id, True, state if pinned else "mismatch", key, slot, now)
    yield from _sm(facts, node, now, private)


def _partner(facts: Facts, party: Party, now: datetime) -> Iterator[KeyState]:
    if party.key is None and party.sm_key is None:
        file = facts.keys / f"{party.id}.asc"
        leaked = file.is_file() and any(key.secret for key in _infos(file, file.stat().st_mtime_ns))
        yield KeyState(party.id, False, "private" if leaked else "unpinned")
    if party.key is not None:
        yield _pinned(facts.keys / party.key_files()[party.key], party, party.key, "present", now)
    if party.next is not None and party.next.key is not None:
        yield _pinned(facts.keys / party.key_files()[party.next.key], party, party.next.key, "next", now)
    yield from _sm(facts, party, now)


def _pinned(file: Path, party: Party, pin: str, slot: Slot, now: datetime) -> KeyState:
    if not file.is_file():
        return KeyState(party.id, False, "missing", pin, slot=slot)
    found = _infos(file, file.stat().st_mtime_ns)
    if any(key.secret for key in found):
        return KeyState(party.id, False, "private", pin, slot=slot)
    if len(found) != 1 or found[0].fingerprint != pin:
        return KeyState(party.id, False, "mismatch", pin, slot=slot)
    revoked = found[0].revoked or pin in party.revoked
    return _openpgp(party.id, False, _state(found[0].usable(now), revoked, found[0].expires, now), found[0], slot, now)


def _sm(facts: Facts, party: Party, now: datetime, private: Path | None = None) -> Iterator[KeyState]:
    following = party.next
    slots: list[tuple[str | None, date | None, Slot]] = [(party.sm_key, party.sm_valid_until, "present")]
    if following:
        slots.append((following.sm_key, following.sm_valid_until, "next"))
    for pin, until, slot in slots:
        if pin is None:
            continue
        expires = _end(until)
        file = facts.keys / party.key_files()[pin]
        try:
            fits = sm_keys.read_public(file.read_bytes()).fingerprint == pin
            state: State = _state(expires is None or expires > now, pin in party.revoked, expires, now)
            if not fits:
                state = "mismatch"
            if private is not None:
                own = sm_keys.load(private, sm_keys.NEXT if slot == "next" else sm_keys.CURRENT)
                state = state if own is not None and own.public.fingerprint == pin else "unusable"
        except FileNotFoundError:
            state = "missing"
        except KeyFileError:
            state = "unusable" if private is not None else "mismatch"
        days = None if expires is None else (expires - now).days
        yield KeyState(party.id, private is not None, state, pin, "sm", slot, "sm2", None, expires, days)


def _end(until: date | None) -> datetime | None:
    """The end of a key's last day."""
    return None if until is None else datetime(until.year, until.month, until.day, tzinfo=SHANGHAI) + timedelta(days=1)


def _state(usable: bool, revoked: bool, expires: datetime | None, now: datetime) -> State:
    if revoked:
        return "revoked"
    if not usable:
        return "expired"
    return "expiring" if expires is not None and (expires - now).days <= STEPS[0] else "ok"


def _openpgp(party: str, own: bool, state: State, key: keyring.KeyInfo, slot: Slot, now: datetime) -> KeyState:
    days = None if key.expires is None else (key.expires - now).days
    return KeyState(party, own, state, key.fingerprint, "openpgp", slot, key.algorithm, key.created, key.expires, days)


@lru_cache(maxsize=1024)
def _infos(file: Path, _mtime_ns: int) -> tuple[keyring.KeyInfo, ...]:
    """gpg reads a key file once, until it changes."""
    return keyring.info(file)
