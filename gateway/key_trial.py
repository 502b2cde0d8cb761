"""Rehearsing a change of keys: a signed test package to every partner under the keys that come next, and who answered.

Nothing of the exchange is touched: no ledger, no log entry, no parcel. `send` seals one small package per partner and
profile, signed by our next key and for the partner's next key where there are any, and delivers it with a form to sign;
the partner opens it as any package and drops the form's signature into its folder for answers. `answers` judges what
lies there by the partner's pins. Everything is kept in `state/rehearsals/<id>/`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path

import rfc8785

from gateway import durable, wiring
from gateway.adapters.channels.folders import ExchangeRoot
from gateway.adapters.sealing import keyring
from gateway.adapters.sealing.profiles import Profiles
from gateway.adapters.storage.spool import SUFFIXES
from gateway.outcomes import Ok, Outcome
from gateway.packages import DESCRIPTOR, Descriptor, Resource
from gateway.parcels import Kind, PartyId
from gateway.policy.facts import Facts, Party, Profile

FOLDER = "密钥演练"
AGREEMENT = "key-rehearsal"
_SEALING: tuple[Profile, ...] = ("openpgp", "sm")


@dataclass(frozen=True, slots=True)
class Line:
    """One partner's part in a rehearsal. `sent`: the code of the delivery, 100 where it went; `answer`: `yes` with
    the pin it was signed by, `no`, or `wrong` for a file that is no good signature."""

    party: str
    profile: Profile
    signer: str
    recipient: str
    sent: str
    answer: str = "no"
    answered_by: str = ""


def send(facts: Facts, now: datetime) -> tuple[str, list[Line]]:
    """Seal, deliver and remember. Answers the rehearsal's id and a line per partner and profile."""
    identity = now.strftime("%Y%m%d-%H%M%S")
    home = facts.path(facts.node.state) / "rehearsals" / identity
    durable.make_folder(home)
    private = facts.path(facts.node.private)
    profiles = wiring.sealing(facts, following=True)
    root = ExchangeRoot(facts.path(facts.node.exchange_root), facts.path(facts.node.state) / "spool" / ".exchange-root")
    shared = keyring.agent_runs(private)
    try:
        lines = [
            _send(facts, profiles, root, home, party, profile, now)
            for party in sorted(facts.parties.values(), key=lambda p: p.area_code)
            if party.id != facts.node.party
            for profile in _SEALING
            if party.pins(profile) and (profile != "sm" or profiles.sm.ready)
        ]
    finally:
        if not shared:
            profiles.close()
    durable.write_bytes(home / "rehearsal.json", rfc8785.dumps([asdict(line) for line in lines]))
    return identity, lines


def answers(facts: Facts, identity: str | None = None) -> tuple[str, list[Line]]:
    """Who has answered, of the last rehearsal unless told. Raises `FileNotFoundError` where there was none."""
    kept = facts.path(facts.node.state) / "rehearsals"
    chosen = identity or max((p.name for p in kept.iterdir() if (p / "rehearsal.json").exists()), default="")
    lines = [Line(**line) for line in json.loads((kept / chosen / "rehearsal.json").read_bytes())]
    profiles = wiring.sealing(facts)
    return chosen, [_judged(facts, profiles, kept / chosen, line) for line in lines]


def _send(
    facts: Facts, profiles: Profiles, root: ExchangeRoot, home: Path, party: Party, profile: Profile, now: datetime
) -> Line:
    signer = profiles.of(party.pins(profile)[0]).fingerprint
    recipient = party.sealing_key(profile, date.max) or ""
    form = rfc8785.dumps(
        {
            "gateway:key_rehearsal": 1,
            "id": home.name,
            "node": facts.node.name,
            "receiver": party.id,
            "profile": profile,
            "signer": signer,
            "recipient": recipient,
        }
    )
    name = f"{home.name}-{party.id}-{profile}"
    durable.write_bytes(home / f"{name}.form.json", form, 0o640)
    resource = Resource(
        "form", "data/form.json", len(form), hashlib.sha256(form).hexdigest(), mediatype="application/json"
    )
    described = Descriptor(
        agreement=AGREEMENT,
        sender=facts.node.party,
        origin=facts.node.party,
        receiver=party.id,
        period="none",
        kind=Kind.NEW,
        revision=1,
        records=0,
        created=now,
        resources=(resource,),
    )
    package = home / f"{name}{SUFFIXES[profile]}"
    members: list[tuple[str, Path | bytes]] = [(DESCRIPTOR, described.to_json()), (resource.path, form)]
    outcome: Outcome[None] = profiles.seal(members, recipient, package)
    if isinstance(outcome, Ok):
        files = {file.name: (file, durable.sha256_file(file)[0]) for file in (package, home / f"{name}.form.json")}
        durable.make_folder(_answers(facts, party), 0o770)
        outcome = wiring.courier(facts, party, root).deliver(PartyId(party.id), FOLDER, files)
    return Line(party.id, profile, signer, recipient, "100" if isinstance(outcome, Ok) else outcome.code)


def _judged(facts: Facts, profiles: Profiles, home: Path, line: Line) -> Line:
    party = facts.parties.get(line.party)
    name = f"{home.name}-{line.party}-{line.profile}.form.json"
    found = None if party is None else _answers(facts, party) / f"{name}.sig"
    if party is None or found is None or found.is_symlink() or not found.is_file():
        return line
    signature, form = found.read_bytes()[:65_536], (home / name).read_bytes()
    for pin in party.pins(line.profile):
        if isinstance(profiles.verify(form, signature, pin), Ok):
            return _with(line, "yes", pin)
    return _with(line, "wrong", "")


def _with(line: Line, answer: str, pin: str) -> Line:
    return Line(line.party, line.profile, line.signer, line.recipient, line.sent, answer, pin)


def _answers(facts: Facts, party: Party) -> Path:
    return facts.path(facts.node.exchange_root) / party.folder_name / facts.node.folders.drop / FOLDER
