"""Claims what stands still in the drop folders. The scan is the truth; an event only wakes it.

The claim, and why no crash loses or doubles a file:

1. the claims of one scan are durable in the spool's journal (sender, agreement, name, first_seen, dev, inode, folder),
   *before*
2. each file is renamed in its own folder to `.taken-<parcel>` (its sidecar and marker first, so that the file's own
   rename is the one step that counts), and the folder is synced, *before*
3. the `Claim` is returned.

After a crash the first scan of each folder finds one of these, and mends it:

- a claim and no `.taken-…`, nothing copied: the rename never happened. Sidecar and marker get their names back, the
  claim is dropped, the file is an arrival like any other.
- both: the claim is returned again. The daemon dedupes by parcel id; one process returns each claim once.
- `.taken-…` and no readable claim: it is adopted, its name unknown (empty).
- a claim that is finished, and `.taken-…` still there: the finish is done again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime

from gateway.adapters.channels.folders import moving, names, taking
from gateway.adapters.channels.folders.queued import Queued
from gateway.adapters.channels.folders.root import ExchangeRoot, SourceDown
from gateway.adapters.channels.folders.scanning import Listing, Observation, Quiet, Ready
from gateway.adapters.channels.writers import Writing
from gateway.adapters.storage.claims import Claims, Record, key_of
from gateway.parcels import AgreementId, Claim, ParcelId, PartyId
from gateway.ports import Share

Address = tuple[PartyId, AgreementId, str]
"""Sender, agreement, folder relative to the exchange root."""


class Claiming:
    """The claims of one process: what it saw and took, and has not finished yet."""

    def __init__(
        self,
        root: ExchangeRoot,
        claims: Claims,
        addresses: Iterable[Address],
        quiet: Quiet,
        remove: Callable[[int, Record], None],
    ) -> None:
        """`remove` ends what an earlier run did not: it takes a finished claim's file out of its open folder."""
        self._root = root
        self._claims = claims
        self._addresses = {folder: (sender, agreement) for sender, agreement, folder in addresses}
        self._queued = Queued(claims.spool)
        self._observations = {folder: Observation(quiet, self._queued.read(folder)) for folder in self._addresses}
        self._left: dict[str, Mapping[str, int]] = {}
        self._monotonic, self._writers = quiet.monotonic, quiet.writers
        self._remove = remove
        self.lock = threading.RLock()
        self._unsynced: set[str] = set()
        self._records = {r.parcel: r for r in claims.all() if not claims.is_finished(r.parcel)}
        self._untold: dict[str, list[ParcelId]] = {folder: [] for folder in self._addresses}
        for record in self._records.values():
            self._untold.setdefault(record.folder, []).append(record.parcel)
        self._recovered: set[str] = set()

    # ---- what there is -----------------------------------------------------------------------------------------

    def health(self) -> Mapping[str, str]:
        """See `DropFolders.health`."""
        state = dict.fromkeys(self._addresses, "down")
        for folder in self._addresses:
            with suppress(SourceDown), self._root.folder(folder):
                state[folder] = "ok"
        return state

    def left_alone(self) -> Mapping[str, Mapping[str, int]]:
        """See `DropFolders.left_alone`."""
        return dict(self._left)

    def pending(self) -> Sequence[Claim]:
        """Every claim that is not finished, in order of parcel id."""
        with self.lock:
            return [self._records[p].claim for p in sorted(self._records)]

    def pending_record(self, parcel: ParcelId) -> Record | None:
        """The record of a claim that is not finished."""
        return self._records.get(parcel)

    def record(self, parcel: ParcelId) -> Record | None:
        """The record of a claim, finished or not."""
        return self._records.get(parcel) or self._claims.read(parcel)

    # ---- scanning ----------------------------------------------------------------------------------------------

    def scan(self, now: datetime, share: Share) -> Sequence[Claim]:
        """See `DropFolders.scan`."""
        claims: list[Claim] = []
        for folder, observation in self._observations.items():
            try:
                with self._root.folder(folder) as descriptor:
                    claims += self._look(folder, descriptor, observation, now, share)
            except (SourceDown, OSError):
                observation.forget()
                self._left.pop(folder, None)
        return claims

    def _look(self, folder: str, descriptor: int, observation: Observation, now: datetime, share: Share) -> list[Claim]:
        listing = observation.look(descriptor, now, self._monotonic())
        with self.lock:
            if folder not in self._recovered:
                if self._recover(folder, descriptor, listing):  # names have changed
                    listing = observation.look(descriptor, now, self._monotonic())
                self._recovered.add(folder)
            for parcel in listing.taken:
                self._adopt(folder, descriptor, parcel, now)
        waiting = self._wait(folder, listing, share)
        self._take(folder, descriptor, listing, observation, now)
        with suppress(OSError):  # a full disk: what waits is known until the node stops
            self._queued.keep(folder, waiting)
        self._sync(folder, descriptor)
        self._left[folder] = dict(listing.left)
        with self.lock:
            untold, self._untold[folder] = self._untold[folder], []
            return [self._records[p].claim for p in sorted(untold) if p in self._records]

    def _wait(self, folder: str, listing: Listing, share: Share) -> list[Ready]:
        """Leave what is more than its sender's share, of the files that came last; what waits."""
        if not listing.ready:
            return []
        free, reason = share(*self._addresses[folder], len(listing.ready))
        if free >= len(listing.ready):
            return []
        listing.ready.sort(key=lambda ready: (ready.first_seen, ready.name))
        waiting = listing.ready[free:]
        del listing.ready[free:]
        listing.left[reason] += len(waiting)
        return waiting

    def _recover(self, folder: str, descriptor: int, listing: Listing) -> int:
        """Undo claims of an earlier run whose rename never happened; how many there were."""
        undone = 0
        for record in [r for r in self._records.values() if r.folder == folder]:
            endings = listing.taken.get(record.parcel, set())
            if "" in endings or self._claims.content(record.parcel).exists():
                continue
            self._undo(descriptor, record)
            undone += 1
        return undone

    def _undo(self, descriptor: int, record: Record) -> None:
        """The file keeps, or has got back, its name: so do its sidecar and marker; the claim is dropped."""
        taking.give_back(descriptor, record)
        self._claims.take_back(record.parcel)
        self._records.pop(record.parcel, None)

    def _adopt(self, folder: str, descriptor: int, parcel: ParcelId, now: datetime) -> None:
        """A `.taken-…` that belongs to no claim in memory: finish it, or make a claim for it."""
        known = self._records.get(parcel)
        if known is not None and known.folder == folder:
            return
        written = self._claims.read(parcel)
        if written is not None and written.folder == folder:
            self._remove(descriptor, written)
            self._unsynced.add(folder)
            return
        status = moving.status(descriptor, names.taken(parcel))
        if status is None:
            return  # its finish came in between
        if written is not None or known is not None:  # the id of a parcel elsewhere: not to be mixed up with it
            fresh = names.new_parcel(int(now.timestamp() * 1000))
            moving.rename_free(descriptor, names.taken(parcel), names.taken(fresh))
            parcel = fresh
        sender, agreement = self._addresses[folder]
        record = Record(parcel, sender, agreement, "", now, folder, key_of(status))
        self._claims.write([record])
        self._know(record)

    def _know(self, record: Record) -> None:
        self._records[record.parcel] = record
        self._untold[record.folder].append(record.parcel)

    def _take(self, folder: str, descriptor: int, listing: Listing, observation: Observation, now: datetime) -> None:
        sender, agreement = self._addresses[folder]
        stamp = int(now.timestamp() * 1000)
        records = [
            Record(
                parcel=names.new_parcel(stamp),
                sender=sender,
                agreement=agreement,
                name=ready.name,
                first_seen=ready.first_seen,
                folder=folder,
                key=ready.key,
                sidecar=ready.sidecar,
                marker=ready.marker,
            )
            for ready in listing.ready
        ]
        try:
            self._claims.write(records)
        except OSError:  # the spool is full: nothing was touched yet, the files wait in their folder
            listing.left["no_room"] += len(records)
            return
        with self.lock:
            renamed = self._rename(descriptor, records, listing)
            for record, ready, taken in zip(records, listing.ready, renamed, strict=True):
                if taken:
                    self._know(record)
                else:
                    self._undo(descriptor, record)
                    observation.wait_again(ready.name, self._monotonic())
                    listing.left["held"] += 1
        if records:
            self._unsynced.add(folder)

    def _rename(self, descriptor: int, records: Sequence[Record], listing: Listing) -> list[bool]:
        """Whether each file has its claimed name now. Under it nobody opens it any more, so who writes it is asked once
        again: a writer that came since the scan keeps it, under its own name."""
        taken = [taking.take(descriptor, r, ready) for r, ready in zip(records, listing.ready, strict=True)]
        mine = [names.taken(record.parcel) for record, done in zip(records, taken, strict=True) if done]
        writing = self._writers.of(descriptor, mine)
        for number, record in enumerate(records):
            if taken[number] and writing.get(names.taken(record.parcel)) is Writing.YES:
                taking.let_go(descriptor, names.taken(record.parcel), record.name)
                taken[number] = False
        return taken

    # ---- one claim ---------------------------------------------------------------------------------------------

    def see_again(self, descriptor: int, record: Record) -> None:
        """It changed after the claim: from now on it has to stand still as it is now."""
        status = moving.status(descriptor, names.taken(record.parcel))
        if status is not None:
            changed = record.with_key(key_of(status))
            self._claims.write([changed])
            with self.lock:
                if record.parcel in self._records:
                    self._records[record.parcel] = changed

    def finish(self, record: Record) -> None:
        """Mark a claim finished and remove its file. What cannot be removed now (folder down) is removed by the first
        scan of the next run."""
        with self.lock:
            self._claims.mark_finished(record.parcel)
            with suppress(SourceDown, OSError), self._root.folder(record.folder) as descriptor:
                self._remove(descriptor, record)
                self._unsynced.add(record.folder)
            self._records.pop(record.parcel, None)

    def drop(self, parcel: ParcelId) -> None:
        """Erase a claim, durably; of its name nothing is left."""
        with self.lock:
            self._records.pop(parcel, None)
            self._claims.drop(parcel)

    def sync(self) -> None:
        """Make what was renamed and removed in the drop folders durable, where they are up."""
        for waiting in tuple(self._unsynced):
            with suppress(SourceDown, OSError), self._root.folder(waiting) as descriptor:
                self._sync(waiting, descriptor)

    def _sync(self, folder: str, descriptor: int) -> None:
        """Make renames and removals of many parcels durable at once."""
        with self.lock:
            dirty = folder in self._unsynced
            self._unsynced.discard(folder)
        if dirty:
            moving.sync(descriptor)
