"""Packages sealed and opened, signatures made and judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from gateway.outcomes import Outcome, Refused
from gateway.packages import Descriptor


class Sealer(Protocol):
    """Signs as this node and encrypts to exactly one recipient."""

    def seal(self, members: Sequence[tuple[str, Path | bytes]], recipient: str, target: Path) -> Outcome[None]:
        """tar → zstd → sign + encrypt into `target` (0600, synced, renamed). `recipient` is a pinned fingerprint,
        whose form names the profile. Deferred 702 (no space), 706 (agent), 707 (the recipient's key is expired,
        revoked or missing); Fault 902 (our key, or a member that cannot be read)."""
        ...

    def sign(self, data: bytes, profile: str = "openpgp") -> Outcome[bytes]:
        """A detached signature of this node, in the profile of the partner's packages. Deferred 702, 706; Fault 902."""
        ...


class Received(Protocol):
    """A package that was opened and proved whole."""

    @property
    def descriptor(self) -> Descriptor: ...


class Opener(Protocol):
    """Opens what partners seal for this node, by the partner's pinned fingerprints: two in an overlap."""

    def open(
        self, sealed: Path, into: Path, *fingerprints: str, accept: Callable[[Descriptor], Refused | None]
    ) -> Outcome[Received]:
        """Open into the folder `into`, which holds nothing unless everything was judged. Refused 210 to 216, 263, 314,
        315, or what `accept` refuses by the descriptor; Deferred 702, 704, 706, 707 (the pinned key is missing here);
        Fault 902."""
        ...

    def describe(self, folder: Path) -> Outcome[Descriptor]:
        """What a folder says of itself into which a package was opened before. Deferred 704."""
        ...


class Verifier(Protocol):
    """Judges what a partner signed, by the partner's pinned fingerprints: two in an overlap."""

    def verify(self, data: bytes, signature: bytes, *fingerprints: str) -> Outcome[None]:
        """Refused 210 (not valid), 211 (another signer, or no pin); Deferred 706 (agent), 707 (the pinned key is
        missing here); Fault 902."""
        ...
