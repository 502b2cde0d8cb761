"""A trial of the keys that come next: a signed test package to every partner, and who has answered it.

Nothing of the exchange is touched: no ledger, no log entry, no parcel. `send` seals one small package per partner and
profile, signed by our next key and for the partner's next key where there are any, and delivers it with a form to sign;
the partner opens it as any package and drops the form's signature into its folder for answers. `answers` judges what
lies there by the partner's pins. Everything is kept in `state/rehearsals/<id>/`.

Names that partners and files hold say `rehearsal`, from before the moved clock alone was called one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from pathlib import Path, PurePosixPath
from typing import Final

import rfc8785

from gateway import durable, wiring
from gateway.adapters.channels.folders import ExchangeRoot
from gateway.adapters.sealing import keyring
from gateway.adapters.sealing.profiles import Profiles
from gateway.adapters.storage.spool import SUFFIXES
from gateway.outcomes import Ok, Outcome
from gateway.packages import DESCRIPTOR, Descriptor, Resource
from gateway.parcels import Kind, PartyId
from gateway.policy.facts import Facts, Party, Profile, places

FOLDER: Final = "密钥演练"
AGREEMENT: Final = "key-rehearsal"
_KEPT: Final = "rehearsals"
_LINES: Final = "rehearsal.json"
_PROFILES: Final[tuple[Profile, ...]] = ("openpgp", "sm")
_LARGEST_SIGNATURE: Final = 65_536  # bytes; what is longer is none


@dataclass(frozen=True, slots=True)
class Line:
    """One partner's part in a trial. `sent`: the code of the delivery, 100 where it went; `answer`: `yes` with the pin
    it was signed by, `no`, or `wrong` for a file that is no good signature."""

    party: str
    profile: Profile
    signer: str
    recipient: str
    sent: str
    answer: str = "no"
    answered_by: str = ""


def send(facts: Facts, now: datetime) -> tuple[str, list[Line]]:
    """Seal, deliver and remember. Returns the trial's id and a line per partner and profile.

    What could not be sealed or delivered is a line with its code. Raises `OSError` where the trial cannot be kept,
    `KeyringError` where the node's own keys cannot be used.
    """
    home = facts.path(facts.node.state) / _KEPT / now.strftime("%Y%m%d-%H%M%S")
    durable.make_folder(home)
    profiles = wiring.sealing(facts, following=True)
    sending = _Sending(facts, profiles, wiring.exchange_root(facts), home, now)
    shared = keyring.agent_runs(facts.path(facts.node.private))
    try:
        lines = [
            sending.line(party, profile)
            for party in sorted(facts.parties.values(), key=lambda party: party.area_code)
            if party.id != facts.node.party
            for profile in _PROFILES
            if party.pins(profile) and (profile != "sm" or profiles.sm.ready)
        ]
    finally:
        if not shared:
            profiles.close()
    durable.write_bytes(home / _LINES, rfc8785.dumps([asdict(line) for line in lines]))
    return home.name, lines


def answers(facts: Facts, identity: str | None = None) -> tuple[str, list[Line]]:
    """The id and the lines of a trial, the last one unless told, with what was answered until now.

    Raises `FileNotFoundError` where there was no trial.
    """
    kept = facts.path(facts.node.state) / _KEPT
    chosen = identity or max((p.name for p in kept.iterdir() if (p / _LINES).exists()), default="")
    lines = [Line(**line) for line in json.loads((kept / chosen / _LINES).read_bytes())]
    profiles = wiring.sealing(facts)
    return chosen, [_judged(facts, profiles, kept / chosen, line) for line in lines]


@dataclass(frozen=True, slots=True)
class _Sending:
    """One trial on its way out; `home` is where it is kept and is named by its id."""

    facts: Facts
    profiles: Profiles
    root: ExchangeRoot
    home: Path
    now: datetime

    def line(self, party: Party, profile: Profile) -> Line:
        """Seal one package and deliver it with its form. Raises `OSError` where it cannot be kept."""
        signer = self.profiles.of(party.pins(profile)[0]).fingerprint
        recipient = party.sealing_key(profile, date.max) or ""
        line = Line(party.id, profile, signer, recipient, sent="")
        form = self._form(line)
        written = self.home / _form_name(self.home, line)
        durable.write_bytes(written, form, 0o640)
        package = self.home / f"{_name(self.home, line)}{SUFFIXES[profile]}"
        outcome = self._seal(line, form, package)
        if isinstance(outcome, Ok):
            files = {file.name: (file, durable.sha256_file(file)[0]) for file in (package, written)}
            outcome = self._deliver(party, files)
        return replace(line, sent="100" if isinstance(outcome, Ok) else outcome.code)

    def _form(self, line: Line) -> bytes:
        return rfc8785.dumps(
            {
                "gateway:key_rehearsal": 1,
                "id": self.home.name,
                "node": self.facts.node.name,
                "receiver": line.party,
                "profile": line.profile,
                "signer": line.signer,
                "recipient": line.recipient,
            }
        )

    def _seal(self, line: Line, form: bytes, package: Path) -> Outcome[None]:
        digest = hashlib.sha256(form).hexdigest()
        resource = Resource("form", "data/form.json", len(form), digest, mediatype="application/json")
        described = Descriptor(
            agreement=AGREEMENT,
            sender=self.facts.node.party,
            origin=self.facts.node.party,
            receiver=line.party,
            period="none",
            kind=Kind.NEW,
            revision=1,
            records=0,
            created=self.now,
            resources=(resource,),
        )
        members: list[tuple[str, Path | bytes]] = [(DESCRIPTOR, described.to_json()), (resource.path, form)]
        return self.profiles.seal(members, line.recipient, package)

    def _deliver(self, party: Party, files: Mapping[str, tuple[Path, str]]) -> Outcome[None]:
        wiring.party_folders(self.root).make(_answers(self.facts, party))
        return wiring.courier(self.facts, party, self.root).deliver(PartyId(party.id), FOLDER, files)


def _judged(facts: Facts, profiles: Profiles, home: Path, line: Line) -> Line:
    """The line with the answer that lies in the party's folder, if there is one: any of its pins may have signed."""
    party = facts.parties.get(line.party)
    if party is None:
        return line
    folders = wiring.party_folders(wiring.exchange_root(facts))
    try:
        signature = folders.read(_answers(facts, party), f"{_form_name(home, line)}.sig", _LARGEST_SIGNATURE)
    except OSError:  # the folder is away, or something else is in its place
        signature = None
    if signature is None:
        return line
    form = (home / _form_name(home, line)).read_bytes()
    for pin in party.pins(line.profile):
        if isinstance(profiles.verify(form, signature, pin), Ok):
            return replace(line, answer="yes", answered_by=pin)
    return replace(line, answer="wrong", answered_by="")


def _name(home: Path, line: Line) -> str:
    """What a line's files are named by."""
    return f"{home.name}-{line.party}-{line.profile}"


def _form_name(home: Path, line: Line) -> str:
    return f"{_name(home, line)}.form.json"


def _answers(facts: Facts, party: Party) -> PurePosixPath:
    return places.party_folder(party) / facts.node.folders.drop / FOLDER
