"""Both sealing profiles behind one interface: the form of a fingerprint tells which of them is meant.

40 digits name an OpenPGP primary key, 64 the SM3 of an SM2 public key. To pick a fingerprint (from the party's facts,
by the agreement's profile) is to pick the profile.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from gateway.adapters.container import Caps, Member
from gateway.adapters.sealing.openpgp import OpenPGP
from gateway.adapters.sealing.sm import SM
from gateway.adapters.sealing.unpacking import OpenedPackage
from gateway.adapters.worker import Accept, Aside, Unpacker
from gateway.outcomes import Deferred, Fault, Ok, Outcome, Refused
from gateway.packages import Descriptor

SM_PIN = 64
T = TypeVar("T")


class Profiles:
    """`ports.Sealer`, `ports.Verifier`, `ports.Opener`, for every profile that seals."""

    def __init__(self, openpgp: OpenPGP, sm: SM, unpacker: Unpacker | None = None) -> None:
        self.openpgp, self.sm = openpgp, sm
        self._unpacker = unpacker or Aside()

    def of(self, fingerprint: str) -> OpenPGP | SM:
        return self.sm if len(fingerprint) == SM_PIN else self.openpgp

    def close(self) -> None:
        self.openpgp.close()

    def seal(self, members: Sequence[Member], recipient: str, target: Path) -> Outcome[None]:
        return self.of(recipient).seal(members, recipient, target)

    def sign(self, data: bytes, profile: str = "openpgp") -> Outcome[bytes]:
        return self.sm.sign(data) if profile == "sm" else self.openpgp.sign(data)

    def verify(self, data: bytes, signature: bytes, *fingerprints: str) -> Outcome[None]:
        """See `ports.Verifier`. Ok by any of the pins: in an overlap a party has two."""
        outcomes: list[Outcome[None]] = []
        for fingerprint in fingerprints:
            outcomes.append(self.of(fingerprint).verify(data, signature, fingerprint))
            if isinstance(outcomes[-1], Ok):
                break
        return _best(outcomes)

    def open(
        self, sealed: Path, into: Path, *fingerprints: str, caps: Caps | None = None, accept: Accept | None = None
    ) -> Outcome[OpenedPackage]:
        """See `ports.Opener`. Only pins of the profile the file is of are tried; the next one is where the signer was
        another (211) or the pinned key is not here (707)."""
        sm = is_sm(sealed)
        outcomes: list[Outcome[OpenedPackage]] = []
        for fingerprint in fingerprints:
            if (len(fingerprint) == SM_PIN) == sm:
                outcomes.append(self.of(fingerprint).open(sealed, into, fingerprint, caps, accept))
                if isinstance(outcomes[-1], Ok) or outcomes[-1].code not in ("211", "707"):
                    return outcomes[-1]
        return _best(outcomes)

    def describe(self, folder: Path) -> Outcome[Descriptor]:
        """See `ports.Opener`."""
        return self._unpacker.describe(folder)


def _best(outcomes: Sequence[Outcome[T]]) -> Outcome[T]:
    """The first Ok, else the first Fault, Refused, Deferred, in this order: where one pin was refused, another key
    that is missing here changes nothing; and that it is not one pin's says less than what the other found wrong."""
    outcomes = sorted(outcomes, key=lambda outcome: isinstance(outcome, Refused) and outcome.code == "211")
    for kind in (Ok, Fault, Refused, Deferred):
        for outcome in outcomes:
            if isinstance(outcome, kind):
                return outcome
    return Refused("211", {"reason": "no key is pinned"})


def is_sm(sealed: Path) -> bool:
    """Whether a file begins as the tar of profile `sm` does."""
    with sealed.open("rb") as stream:
        return stream.read(14) == b"manifest.json\0"
