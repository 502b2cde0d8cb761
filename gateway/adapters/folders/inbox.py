"""The drop folders: `<root>/<party>/上报/<label>/`. The scan is the truth; an event only wakes it.

The claim, and why no crash loses or doubles a file:

1. `spool/<parcel>/claim.json` is durable (sender, agreement, name, first_seen, dev, inode, folder), *before*
2. the file is renamed in its own folder to `.taken-<parcel>` (its sidecar and marker first, so that the file's own
   rename is the one step that counts), and the folder is synced, *before*
3. the `Claim` is returned.

After a crash the first scan of each folder finds one of these, and mends it:

- `claim.json` and no `.taken-…`, nothing copied: the rename never happened. Sidecar and marker get their names back,
  the claim is dropped, the file is an arrival like any other.
- both: the claim is returned again. The daemon dedupes by parcel id; one process returns each claim once.
- `.taken-…` and no readable `claim.json`: it is adopted, its name unknown (empty).
- a claim told finished, and `.taken-…` still there: the finish is done again.

A writer may keep its descriptor, or a second link, to what we renamed. So a file is compared with what was claimed when
it is copied, after it was copied, and once more before it is removed; content that changed after the copy goes back
under a visible name of its own and is a new arrival.
"""

from __future__ import annotations

import shutil
import stat
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path, PurePosixPath

from gateway import durable
from gateway.adapters import removals
from gateway.adapters.folders import ahead, copying, moving, names, returning, taking
from gateway.adapters.folders.claims import CONTENT, Claims, Record, key_of
from gateway.adapters.folders.root import ROOT_RECORD, ExchangeRoot, SourceDown
from gateway.adapters.folders.scanning import Listing, Observation
from gateway.outcomes import Deferred, Fault, Ok, Outcome, Refused
from gateway.parcels import AgreementId, Claim, ParcelId, PartyId
from gateway.ports import Copied

Address = tuple[PartyId, AgreementId, str]
"""Sender, agreement, folder relative to the exchange root."""

NETWORK_QUIET = 30.0


class DropFolders:
    """`ports.Inbox` over folders below one exchange root."""

    def __init__(
        self,
        root: Path,
        addresses: Iterable[Address],
        spool: Path,
        *,
        quiet_seconds: float = 2.0,
        network: bool = False,
        max_file_bytes: int = 4096 << 20,
        min_free_bytes: int = 512 << 20,
        returned: str = "退回",
        monotonic: Callable[[], float] = time.monotonic,
        free: Callable[[Path], int] = copying.free_bytes,
    ) -> None:
        """On a network share (`network`) nothing is taken before it stood still for 30 s, whatever `quiet_seconds`."""
        quiet = max(quiet_seconds, NETWORK_QUIET) if network else quiet_seconds
        self._claims = Claims(spool)
        self.root = ExchangeRoot(root, spool / ROOT_RECORD)
        self._addresses = {folder: (sender, agreement) for sender, agreement, folder in addresses}
        self._observations = {folder: Observation(quiet) for folder in self._addresses}
        self._left: dict[str, Mapping[str, int]] = {}
        self._limits = copying.Limits(max_file_bytes, min_free_bytes, free)
        self._returned = returned
        self._monotonic = monotonic
        self._lock = threading.RLock()
        self._copied: dict[ParcelId, Copied] = {}
        self._unsynced: set[str] = set()
        self._records = {r.parcel: r for r in self._claims.all() if not self._claims.is_finished(r.parcel)}
        self._untold: dict[str, list[ParcelId]] = {folder: [] for folder in self._addresses}
        for record in self._records.values():
            self._untold.setdefault(record.folder, []).append(record.parcel)
        self._recovered: set[str] = set()

    # ---- what there is -----------------------------------------------------------------------------------------

    def health(self) -> Mapping[str, str]:
        """Every drop folder (relative to the root): `ok`, or `down` (root not mounted, folder missing or a link)."""
        state = dict.fromkeys(self._addresses, "down")
        for folder in self._addresses:
            with suppress(SourceDown), self.root.folder(folder):
                state[folder] = "ok"
        return state

    def left_alone(self) -> Mapping[str, Mapping[str, int]]:
        """What the last scan did not take, counted by reason per folder: those of `scanning.Listing`, `held` (could not
        be renamed), `no_room` (the spool is full)."""
        return dict(self._left)

    def pending(self) -> Sequence[Claim]:
        """Every claim that was not told finished, in order of parcel id."""
        with self._lock:
            return [self._records[p].claim for p in sorted(self._records)]

    def claim(self, parcel: ParcelId) -> Claim | None:
        """The claim of a parcel; None when the spool knows none (any more)."""
        return record.claim if (record := self._record(parcel)) else None

    def copied(self, parcel: ParcelId) -> Copied | None:
        """The copy that is in the spool, if it is whole; nothing is copied now."""
        record = self._record(parcel)
        return self._copied.get(parcel) or (copying.adopt(record, self._claims.folder(parcel)) if record else None)

    def name(self, parcel: ParcelId) -> str:
        """The file's own name, for the sender's receipt page only; empty when it is not known (any more)."""
        return names.cleaned(record.name) if (record := self._record(parcel)) and record.name else ""

    def _record(self, parcel: ParcelId) -> Record | None:
        return self._records.get(parcel) or self._claims.read(parcel)

    # ---- scanning ----------------------------------------------------------------------------------------------

    def scan(self, now: datetime, *, taking: bool = True) -> Sequence[Claim]:
        """See `ports.Inbox`. A folder that is down gives nothing and loses nothing: `health` tells it from empty. Not
        `taking`: what is ready waits in its folder (`no_room`), with the instant it was first seen."""
        claims: list[Claim] = []
        for folder, observation in self._observations.items():
            try:
                with self.root.folder(folder) as descriptor:
                    claims += self._look(folder, descriptor, observation, now, taking)
            except (SourceDown, OSError):
                observation.forget()
                self._left.pop(folder, None)
        return claims

    def _look(self, folder: str, descriptor: int, observation: Observation, now: datetime, taking: bool) -> list[Claim]:
        listing = observation.look(descriptor, now, self._monotonic())
        with self._lock:
            if folder not in self._recovered:
                if self._recover(folder, descriptor, listing):  # names have changed
                    listing = observation.look(descriptor, now, self._monotonic())
                self._recovered.add(folder)
            for parcel in listing.taken:
                self._adopt(folder, descriptor, parcel, now)
        if not taking and listing.ready:
            listing.left["no_room"] += len(listing.ready)
        elif taking:
            self._take(folder, descriptor, listing, observation, now)
        self._sync(folder, descriptor)
        self._left[folder] = dict(listing.left)
        with self._lock:
            untold, self._untold[folder] = self._untold[folder], []
            return [self._records[p].claim for p in sorted(untold) if p in self._records]

    def _sync(self, folder: str, descriptor: int) -> None:
        """Make renames and removals of many parcels durable at once."""
        with self._lock:
            dirty = folder in self._unsynced
            self._unsynced.discard(folder)
        if dirty:
            moving.sync(descriptor)

    def _recover(self, folder: str, descriptor: int, listing: Listing) -> int:
        """Undo claims of an earlier run whose rename never happened; how many there were."""
        undone = 0
        for record in [r for r in self._records.values() if r.folder == folder]:
            endings = listing.taken.get(record.parcel, set())
            if "" in endings or (self._claims.folder(record.parcel) / CONTENT).exists():
                continue
            self._undo(descriptor, record)
            undone += 1
        return undone

    def _undo(self, descriptor: int, record: Record) -> None:
        """The file keeps, or has got back, its name: so do its sidecar and marker; the claim is dropped."""
        taking.give_back(descriptor, record)
        self._claims.drop(record.parcel)
        self._records.pop(record.parcel, None)

    def _adopt(self, folder: str, descriptor: int, parcel: ParcelId, now: datetime) -> None:
        """A `.taken-…` that no live claim answers for: finish it, or make a claim for it."""
        known = self._records.get(parcel)
        if known is not None and known.folder == folder:
            return
        written = self._claims.read(parcel)
        if written is not None and written.folder == folder:
            self._remove(descriptor, written)
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
        records = {
            ready.name: Record(
                parcel=names.new_parcel(int(now.timestamp() * 1000)),
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
        }
        try:
            self._claims.write(list(records.values()))
        except OSError:  # the spool is full: nothing was touched yet, the files wait in their folder
            listing.left["no_room"] += len(records)
            for record in records.values():
                self._claims.drop(record.parcel)
            return
        for ready in listing.ready:
            record = records[ready.name]
            with self._lock:
                if taking.take(descriptor, record, ready):
                    self._know(record)
                else:
                    self._undo(descriptor, record)
                    observation.wait_again(ready.name, self._monotonic())
                    listing.left["held"] += 1
        if records:
            self._unsynced.add(folder)

    # ---- one parcel --------------------------------------------------------------------------------------------

    def copy(self, parcel: ParcelId) -> Outcome[Copied]:
        """See `ports.Inbox`. Besides: Deferred 709 when the drop folder is down, Fault 905 when the claimed file or its
        claim is gone. The sidecar's copy is `sidecar.json` beside the content."""
        record = self._record(parcel)
        if record is None:
            return Fault("905", {"parcel": parcel})
        target = self._claims.folder(parcel)
        adopted = self._copied.get(parcel) or copying.adopt(record, target)
        if adopted is not None:
            return Ok(adopted)
        try:
            with self.root.folder(record.folder) as descriptor:
                if not names.is_plain(record.name):
                    return Refused("206")
                outcome = copying.copy_claimed(descriptor, record, target, self._limits)
                if isinstance(outcome, Ok):
                    self._copied[parcel] = outcome.value
                elif isinstance(outcome, Deferred) and outcome.code == "703":
                    self._see_again(descriptor, record)
                return outcome
        except SourceDown:
            return Deferred("709", {"parcel": parcel})

    def copy_ahead(self, parcels: Sequence[ParcelId]) -> int:
        """Copy what is small of many fresh claims at once (`ahead`), before their own steps ask for it; how many."""
        known = [record for parcel in parcels if (record := self._records.get(parcel))]
        copied = ahead.copy(self.root, self._claims, known, self._limits)
        self._copied.update(copied)
        return len(copied)

    def _see_again(self, descriptor: int, record: Record) -> None:
        """It changed after the claim: from now on it has to stand still as it is now."""
        status = moving.status(descriptor, names.taken(record.parcel))
        if status is not None:
            changed = record.with_key(key_of(status))
            self._claims.write([changed])
            with self._lock:
                if record.parcel in self._records:
                    self._records[record.parcel] = changed

    def finish(self, parcel: ParcelId) -> None:
        """See `ports.Inbox`. To be called before the parcel's folder leaves the spool.

        A file that was never copied (too large, a bad name) is not removed but moved to the party's 退回 folder. What
        cannot be done now (folder down) is done by the first scan of the next run.
        """
        with self._lock:
            record = self._record(parcel)
            if record is None:
                return
            self._claims.mark_finished(parcel)
            with suppress(SourceDown, OSError), self.root.folder(record.folder) as descriptor:
                self._remove(descriptor, record)
            self._records.pop(parcel, None)
            self._copied.pop(parcel, None)

    def _remove(self, descriptor: int, record: Record) -> None:
        mine = names.taken(record.parcel)
        status = moving.status(descriptor, mine)
        if status is not None:
            copied = record.parcel in self._copied or copying.is_copied(self._claims.folder(record.parcel))
            if not copied and stat.S_ISREG(status.st_mode):
                into, target = self._returned_folder(record), self._claims.folder(record.parcel)
                returning.move(self.root, into, descriptor, mine, target, _shown(record))
            elif copied and record.key != key_of(status):
                taking.put_back_as_new(descriptor, mine, record.name)
            else:
                moving.remove(descriptor, mine)
        for ending, there in ((names.SIDECAR, record.sidecar), (names.MARKER, record.marker)):
            if there or not record.name:  # of an adopted file nothing is known
                moving.remove(descriptor, mine + ending)
        self._unsynced.add(record.folder)

    def return_original(self, parcel: ParcelId, into: str | None = None) -> Outcome[str]:
        """Lay the refused original into `into` (relative to the root; default: the party's 退回), durably, under its
        name or the next free one. The value is that name, for the receipt page only; empty when there is nothing to
        return (a link, no content). Idempotent. Deferred 702 (no space), 709 (folder down)."""
        record = self._record(parcel)
        if record is None:
            return Ok("")
        folder, target = into or self._returned_folder(record), self._claims.folder(parcel)
        try:
            if not (target / CONTENT).exists():
                with self.root.folder(record.folder) as descriptor:
                    mine = names.taken(parcel)
                    status = moving.status(descriptor, mine)
                    if status is None or not stat.S_ISREG(status.st_mode):
                        return Ok(returning.recorded(target))
                    return Ok(returning.move(self.root, folder, descriptor, mine, target, _shown(record)))
            return returning.copy(self.root, folder, target, _shown(record), self._limits)
        except SourceDown:
            return Deferred("709", {"parcel": parcel})
        except OSError as error:
            return Deferred("709", {"errno": error.errno or 0})

    def forget(self, parcel: ParcelId) -> None:
        """Remove all the spool holds of a parcel, durably: its plain content and its name are gone. Idempotent.

        Drop folders are synced first: were the claimed file to come back after a power cut, nobody would know it.
        """
        for waiting in tuple(self._unsynced):
            with suppress(SourceDown, OSError), self.root.folder(waiting) as descriptor:
                self._sync(waiting, descriptor)
        with self._lock:
            self._records.pop(parcel, None)
            folder = self._claims.folder(parcel)
            with removals.removing(self._claims.spool):
                if folder.exists():
                    shutil.rmtree(folder)
                durable.sync_folder(self._claims.spool)

    def _returned_folder(self, record: Record) -> str:
        return str(PurePosixPath(*PurePosixPath(record.folder).parts[:-2]) / self._returned)


def _shown(record: Record) -> str:
    return names.cleaned(record.name) if record.name else record.parcel
