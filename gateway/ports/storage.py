"""What the node keeps, and where."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from gateway.parcels import DistributionId, PackageId, ParcelId


class Storage(Protocol):
    """Where things lie in the node's own storage, named by ids, so that a step that runs again finds its output. A
    path that is returned need not exist, unless it is said here."""

    @property
    def state(self) -> Path:
        """The folder of all that the node keeps."""
        ...

    @property
    def quarantine(self) -> Path:
        """Refused originals, a folder for each parcel, until their retention ends. Exists."""
        ...

    def parcel(self, parcel: ParcelId) -> Path:
        """The folder of what is made of a parcel."""
        ...

    def content(self, parcel: ParcelId) -> Path:
        """The file as it came."""
        ...

    def opened(self, parcel: ParcelId) -> Path:
        """The folder into which a sealed package that came in is unpacked, whole or not at all."""
        ...

    def table(self, parcel: ParcelId) -> Path:
        """What is read: the one data member of an opened package, else the file as it came."""
        ...

    def out(self, parcel: ParcelId) -> Path:
        """The folder where the worker writes."""
        ...

    def clear_out(self, parcel: ParcelId) -> Path:
        """`out`, which exists and is empty afterwards: a half-made examination is never adopted."""
        ...

    def part(self, parcel: ParcelId, province: str) -> Path:
        """What goes to one province, as CSV."""
        ...

    def workbook(self, parcel: ParcelId, province: str) -> Path:
        """A part as a workbook, where the agreement's profile is `plain-folder`."""
        ...

    def refused_list(self, parcel: ParcelId) -> Path:
        """The workbook of the records that were refused."""
        ...

    def violations(self, parcel: ParcelId) -> Path:
        """Every violation of a rule, as CSV."""
        ...

    def sealed(self, agreement: str, period: str, package: PackageId, profile: str = "openpgp") -> Path:
        """Where a package lies, in whichever profile it was sealed; where there is none yet, its place in `profile`.
        The folder exists."""
        ...

    def batch(self, distribution: DistributionId) -> Path:
        """The folder of what one receiver gets beside its packages. Exists."""
        ...

    def answer(self, incoming: str) -> Path:
        """The folder of what this node signs about another gateway's batch. Exists."""
        ...

    def to_quarantine(self, parcel: ParcelId) -> None:
        """Move the file of a refused parcel into quarantine as it came; remove what was made of it. Idempotent."""
        ...

    def waiting(self) -> Iterator[ParcelId]:
        """Parcels of which anything lies in storage, whole or half, and not in quarantine."""
        ...

    def removing(self) -> AbstractContextManager[None]:
        """Around every removal of what the ledger may name: it waits while a backup gathers."""
        ...

    def free_bytes(self) -> int:
        """What is left on the file system of `state`."""
        ...
