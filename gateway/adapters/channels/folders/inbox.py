"""The drop folders: `<root>/<party>/上报/<label>/`. `claiming` takes what stands still there; here it is copied into
the spool, and its original removed or returned.

A writer may keep its descriptor, or a second link, to what we renamed. So a file is compared with what was claimed when
it is copied, after it was copied, and once more before it is removed; content that changed after the copy goes back
under a visible name of its own and is a new arrival.
"""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path, PurePosixPath

from gateway import durable
from gateway.adapters.channels.folders import ahead, copying, moving, names, returning, taking
from gateway.adapters.channels.folders.claiming import Address, Claiming
from gateway.adapters.channels.folders.root import ROOT_RECORD, ExchangeRoot, SourceDown
from gateway.adapters.channels.folders.scanning import Quiet
from gateway.adapters.channels.room import Room
from gateway.adapters.storage import removals
from gateway.adapters.storage.claims import Claims, Record, key_of
from gateway.outcomes import Deferred, Fault, Ok, Outcome, Refused
from gateway.parcels import Claim, ParcelId
from gateway.ports import Copied, Share, everything


class DropFolders:
    """`ports.Inbox` over folders below one exchange root."""

    def __init__(
        self,
        root: Path,
        addresses: Iterable[Address],
        spool: Path,
        *,
        quiet: Quiet,
        room: Room,
        returned: str = "退回",
    ) -> None:
        """`root` is the exchange root, `spool` where the node keeps claims and copies; `returned` is the folder of a
        party where refused originals go. Reads the claims of earlier runs."""
        self._claims = Claims(spool)
        self.root = ExchangeRoot(root, spool / ROOT_RECORD)
        self._room = room
        self._returned = returned
        self._copied: dict[ParcelId, Copied] = {}
        self._claiming = Claiming(self.root, self._claims, addresses, quiet, self._remove)

    # ---- what there is -----------------------------------------------------------------------------------------

    def health(self) -> Mapping[str, str]:
        """Every drop folder (relative to the root): `ok`, or `down` (root not mounted, folder missing or a link)."""
        return self._claiming.health()

    def left_alone(self) -> Mapping[str, Mapping[str, int]]:
        """What the last scan did not take, counted by reason per folder: those of `scanning.Listing`, `held` (could not
        be renamed), `no_room` (the spool is full), and those that `share` gives."""
        return self._claiming.left_alone()

    def pending(self) -> Sequence[Claim]:
        """Every claim that is not finished, in order of parcel id."""
        return self._claiming.pending()

    def claim(self, parcel: ParcelId) -> Claim | None:
        """The claim of a parcel; None when the spool knows none (any more)."""
        return record.claim if (record := self._claiming.record(parcel)) else None

    def copied(self, parcel: ParcelId) -> Copied | None:
        """The copy that is in the spool, if it is whole; nothing is copied now."""
        record = self._claiming.record(parcel)
        return self._copied.get(parcel) or (copying.adopt(record, self._claims.content(parcel)) if record else None)

    def name(self, parcel: ParcelId) -> str:
        """The file's own name, for the sender's receipt page only; empty when it is not known (any more)."""
        record = self._claiming.record(parcel)
        return names.cleaned(record.name) if record and record.name else ""

    def scan(self, now: datetime, share: Share = everything) -> Sequence[Claim]:
        """See `ports.Inbox`. A folder that is down gives nothing and loses nothing: `health` tells it from empty. What
        waits in its folder keeps the instant it was first seen, also when the node is started again."""
        return self._claiming.scan(now, share)

    def tidy(self) -> None:
        """Before the first scan: remove claims that a crash left half written. The files they name were not touched."""
        self._claims.tidy()

    # ---- one parcel --------------------------------------------------------------------------------------------

    def copy(self, parcel: ParcelId) -> Outcome[Copied]:
        """See `ports.Inbox`. Besides: Deferred 709 when the drop folder is down, Fault 905 when the claimed file or its
        claim is gone. The sidecar's copy is `sidecar.json` in the parcel's folder."""
        record = self._claiming.record(parcel)
        if record is None:
            return Fault("905", {"parcel": parcel})
        if (known := self._copied.get(parcel)) is not None:
            return Ok(known)
        content, target = self._claims.content(parcel), self._claims.folder(parcel)
        if (adopted := copying.adopt(record, content)) is not None:
            return Ok(adopted)
        try:
            with self.root.folder(record.folder) as descriptor:
                if not names.is_plain(record.name):
                    return Refused("206")
                outcome = copying.copy_claimed(descriptor, record, content, target, self._room)
                if isinstance(outcome, Ok):
                    self._copied[parcel] = outcome.value
                elif isinstance(outcome, Deferred) and outcome.code == "703":
                    self._claiming.see_again(descriptor, record)
                return outcome
        except SourceDown:
            return Deferred("709", {"parcel": parcel})

    def copy_ahead(self, parcels: Sequence[ParcelId]) -> int:
        """See `ports.Inbox`, and `ahead` for how."""
        known = [record for parcel in parcels if (record := self._claiming.pending_record(parcel))]
        copied = ahead.copy(self.root, self._claims, known, self._room)
        self._copied.update(copied)
        return len(copied)

    def finish(self, parcel: ParcelId) -> None:
        """See `ports.Inbox`. To be called before the parcel's folder leaves the spool.

        A file that was never copied (too large, a bad name) is not removed but moved to the party's 退回 folder. What
        cannot be done now (folder down) is done by the first scan of the next run.
        """
        record = self._claiming.record(parcel)
        if record is not None:
            self._claiming.finish(record)
            self._copied.pop(parcel, None)

    def _remove(self, descriptor: int, record: Record) -> None:
        mine = names.taken(record.parcel)
        status = moving.status(descriptor, mine)
        if status is not None:
            copied = record.parcel in self._copied or copying.is_copied(self._claims.content(record.parcel))
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

    def return_original(self, parcel: ParcelId) -> Outcome[str]:
        """See `ports.Inbox`. Into the party's 退回, under its own name or the next free one; of a link, or where there
        is no content, nothing is returned."""
        record = self._claiming.record(parcel)
        if record is None:
            return Ok("")
        folder, target = self._returned_folder(record), self._claims.folder(parcel)
        try:
            content = self._claims.content(parcel)
            if not content.exists():
                with self.root.folder(record.folder) as descriptor:
                    mine = names.taken(parcel)
                    status = moving.status(descriptor, mine)
                    if status is None or not stat.S_ISREG(status.st_mode):
                        return Ok(returning.recorded(target))
                    return Ok(returning.move(self.root, folder, descriptor, mine, target, _shown(record)))
            return returning.copy(self.root, folder, content, target, _shown(record), self._room)
        except SourceDown:
            return Deferred("709", {"parcel": parcel})
        except OSError as error:
            return Deferred("709", {"errno": error.errno or 0})

    def forget(self, parcel: ParcelId) -> None:
        """Remove all the spool holds of a parcel, durably: its plain content and its name are gone. Idempotent.

        Drop folders are synced first: if a power cut brought the claimed file back, nothing would be known of it.
        """
        self._claiming.sync()
        folder = self._claims.folder(parcel)
        with removals.removing(self._claims.spool):
            copying.remove(self._claims.content(parcel))
            if folder.exists():
                shutil.rmtree(folder)
                durable.sync_folder(self._claims.spool)
            self._claiming.drop(parcel)

    def _returned_folder(self, record: Record) -> str:
        return str(PurePosixPath(*PurePosixPath(record.folder).parts[:-2]) / self._returned)


def _shown(record: Record) -> str:
    return names.cleaned(record.name) if record.name else record.parcel
