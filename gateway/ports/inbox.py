"""What comes in: the drop folders below the exchange root."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from gateway.outcomes import Outcome
from gateway.parcels import AgreementId, Claim, ParcelId, PartyId


@dataclass(frozen=True, slots=True)
class Copied:
    """A file that was copied into the node's storage and did not change meanwhile. `name` is personal data: it may be
    shown to its sender and is kept nowhere else. `size` is in bytes, `sha256` hex."""

    size: int
    sha256: str
    name: str
    path: Path


class Share(Protocol):
    """How much of what a party has laid is taken now."""

    def __call__(self, sender: PartyId, agreement: AgreementId, ready: int) -> tuple[int, str]:
        """How many of `ready` files are taken, and why the rest waits."""
        ...


def everything(sender: PartyId, agreement: AgreementId, ready: int) -> tuple[int, str]:  # noqa: ARG001
    """No bound."""
    return ready, ""


class Inbox(Protocol):
    """The drop folders. Only the scan decides what is taken; an event merely wakes it."""

    def health(self) -> Mapping[str, str]:
        """Every drop folder (relative to the root): `ok`, or `down` (root not mounted, folder missing or a link)."""
        ...

    def left_alone(self) -> Mapping[str, Mapping[str, int]]:
        """What the last scan did not take, counted by reason per folder."""
        ...

    def pending(self) -> Sequence[Claim]:
        """Every claim that was not told finished, in order of parcel id."""
        ...

    def claim(self, parcel: ParcelId) -> Claim | None:
        """The claim of a parcel; None when none is known (any more)."""
        ...

    def copied(self, parcel: ParcelId) -> Copied | None:
        """The copy that is there already, if it is whole; nothing is copied now."""
        ...

    def name(self, parcel: ParcelId) -> str:
        """The file's own name, for the sender's receipt page only; empty when it is not known (any more)."""
        ...

    def tidy(self) -> None:
        """Before the first scan: remove claims that a crash left half written. The files they name were not touched."""
        ...

    def scan(self, now: datetime, share: Share = everything) -> Sequence[Claim]:
        """Claim every file that stood still for its quiet period, by renaming it to `.taken-<parcel>`. Claims of an
        earlier run that were never finished come back, once. What `share` does not let go waits in its folder under
        its own name, those that came last, and is counted by reason (`left_alone`). A folder that is down gives nothing
        and loses nothing."""
        ...

    def copy(self, parcel: ParcelId) -> Outcome[Copied]:
        """Copy a claimed file into storage and hash it; adopt the copy that is there. Refused 205 (not a regular file),
        206 (name), 216 (too large); Deferred 702 (no space), 703 (changed while it was read), 709 (the folder is down);
        Fault 905 (the claimed file or its claim is gone)."""
        ...

    def copy_ahead(self, parcels: Sequence[ParcelId]) -> int:
        """Copy what is small of many fresh claims at once, before their own steps ask for it; how many. What cannot be
        copied now is left to `copy`."""
        ...

    def finish(self, parcel: ParcelId) -> None:
        """Remove the claimed file from the drop folder: its copy is committed. A file that was never copied goes back
        to its sender. Idempotent."""
        ...

    def return_original(self, parcel: ParcelId) -> Outcome[str]:
        """Lay a refused original into its sender's folder for returns, durably. The value is the name it got there,
        for the receipt page only; empty when there is nothing to return. Idempotent. Deferred 702 (no space), 709
        (the folder is down)."""
        ...

    def forget(self, parcel: ParcelId) -> None:
        """Remove all that storage holds of a parcel, durably: its plain content and its name are gone. Idempotent."""
        ...
