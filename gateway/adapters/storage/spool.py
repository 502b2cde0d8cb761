"""Where things lie in the node's own storage. Everything is named by ids, so that a step that runs again finds its
output and adopts it.

```
state/spool/.claims/     *.jsonl                plain: a parcel's line is erased when the parcel goes
            .arrived/    <parcel>               plain: the file as it came, gone once sealed
            <parcel>/    sidecar.json opened/   plain: gone once sealed
            <parcel>/out/parts/<province>.csv workbooks/<province>.xlsx refused.csv violations.csv refused.xlsx
state/sealed/<agreement>/<period>/<package>.tar.zst.gpg or .sm.tar
state/batches/<distribution>/                   what one receiver gets beside its packages
state/answers/<sender>:<distribution>/          what this node signed about another gateway's batch
state/quarantine/<parcel>/                      refused originals until their retention ends
```
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from gateway import durable
from gateway.adapters.storage import removals
from gateway.adapters.storage.claims import ARRIVED
from gateway.parcels import DistributionId, PackageId, ParcelId

SUFFIXES = {"openpgp": ".tar.zst.gpg", "sm": ".sm.tar"}


class Spool:
    def __init__(self, state: Path) -> None:
        self.state = state
        self.arrivals = state / "spool"
        self.quarantine = state / "quarantine"
        for folder in (self.arrivals, self.quarantine, state / "sealed", state / "batches"):
            durable.make_folder(folder)

    def parcel(self, parcel: ParcelId) -> Path:
        return self.arrivals / parcel

    def content(self, parcel: ParcelId) -> Path:
        """The file as it came, where the drop folders lay it."""
        return self.arrivals / ARRIVED / parcel

    def opened(self, parcel: ParcelId) -> Path:
        """Where a sealed package that came in is unpacked, whole or not at all."""
        return self.arrivals / parcel / "opened"

    def table(self, parcel: ParcelId) -> Path:
        """What is read: the one data member of an opened package, else the file as it came."""
        members = sorted((self.opened(parcel) / "data").glob("*")) if self.opened(parcel).is_dir() else []
        return members[0] if members else self.content(parcel)

    def out(self, parcel: ParcelId) -> Path:
        """Where the worker writes. Cleared before each try: a half-made examination is never adopted."""
        return self.arrivals / parcel / "out"

    def part(self, parcel: ParcelId, province: str) -> Path:
        return self.out(parcel) / "parts" / f"{province}.csv"

    def workbook(self, parcel: ParcelId, province: str) -> Path:
        """A part as a workbook, where the agreement's profile is `plain-folder`."""
        return self.out(parcel) / "workbooks" / f"{province}.xlsx"

    def refused_list(self, parcel: ParcelId) -> Path:
        return self.out(parcel) / "refused.xlsx"

    def violations(self, parcel: ParcelId) -> Path:
        return self.out(parcel) / "violations.csv"

    def sealed(self, agreement: str, period: str, package: PackageId, profile: str = "openpgp") -> Path:
        """Where a package lies, in whichever profile it was sealed; where there is none yet, its place in `profile`."""
        folder = self.state / "sealed" / agreement / period
        durable.make_folder(folder)
        places = [folder / f"{package}{suffix}" for suffix in SUFFIXES.values()]
        return next(
            (p for p in places if p.exists()), folder / f"{package}{SUFFIXES.get(profile, SUFFIXES['openpgp'])}"
        )

    def batch(self, distribution: DistributionId) -> Path:
        folder = self.state / "batches" / distribution
        durable.make_folder(folder)
        return folder

    def answer(self, incoming: str) -> Path:
        """What this node signs about another gateway's batch."""
        folder = self.state / "answers" / incoming
        durable.make_folder(folder)
        return folder

    def clear_out(self, parcel: ParcelId) -> Path:
        out = self.out(parcel)
        shutil.rmtree(out, ignore_errors=True)
        durable.make_folder(out)
        return out

    def to_quarantine(self, parcel: ParcelId) -> None:
        """Move what a refused parcel left into quarantine: the file as it came, nothing that was made of it, so that
        what arrived sealed stays sealed. Idempotent."""
        source, target, content = self.parcel(parcel), self.quarantine / parcel, self.content(parcel)
        with self.removing():
            if not target.exists():
                durable.make_folder(source)
            if content.exists():
                durable.publish(content, source / "content")
            for made in (self.opened(parcel), self.out(parcel)):
                shutil.rmtree(made, ignore_errors=True)
            if source.exists() and not target.exists():
                source.rename(target)
                durable.sync_folder(self.quarantine)
                durable.sync_folder(self.arrivals)

    def removing(self) -> AbstractContextManager[None]:
        """Around every removal of what the ledger may name: it waits while a backup gathers (`removals`)."""
        return removals.removing(self.arrivals)

    def free_bytes(self) -> int:
        return shutil.disk_usage(self.state).free

    def waiting(self) -> Iterator[ParcelId]:
        """Parcels of which anything lies in the spool, whole or half."""
        made = {folder.name for folder in self.arrivals.iterdir() if folder.is_dir() and folder.name[0] != "."}
        arrived = {file.name.partition(".")[0] for file in (self.arrivals / ARRIVED).glob("*")}
        yield from map(ParcelId, sorted(made | arrived))
