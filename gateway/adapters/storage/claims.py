"""What the spool knows about a claim: a line in a journal, durable before the file itself is touched.

The original name is in that line, and nowhere else: it may hold personal data and goes when the parcel goes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from gateway import durable
from gateway.adapters.storage.journals import Journals
from gateway.parcels import AgreementId, Claim, ParcelId, PartyId

ARRIVED = ".arrived"
"""The folder in the spool where contents lie, each a file named by its parcel. A folder for each would cost a burst
more than all the rest, and most parcels need it later or never."""
SIDECAR_COPY = "sidecar.json"

Key = tuple[int, int, int, int]


def key_of(status: os.stat_result) -> Key:
    """What must stand still: (dev, inode, size in bytes, mtime in ns)."""
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class Record:
    """A claim as it stands in its line. `folder` is relative to the exchange root; `key` is what stood still.

    `name` is as the operating system gave it (surrogates for bytes that are not UTF-8); empty when it is not known.
    """

    parcel: ParcelId
    sender: PartyId
    agreement: AgreementId
    name: str
    first_seen: datetime
    folder: str
    key: Key
    sidecar: bool = False
    marker: bool = False

    @property
    def claim(self) -> Claim:
        return Claim(self.parcel, self.sender, self.agreement, self.first_seen, self.marker)

    def with_key(self, key: Key) -> Record:
        return replace(self, key=key)

    def encode(self) -> bytes:
        """One line of JSON, ASCII, that begins with `parcel`."""
        row = (
            self.parcel,
            self.sender,
            self.agreement,
            self.name,
            self.first_seen.isoformat(),
            self.folder,
            self.key,
            self.sidecar,
            self.marker,
        )
        return json.dumps(dict(zip(_FIELDS, row, strict=True))).encode("ascii")

    @classmethod
    def decode(cls, data: bytes) -> Record:
        """Raises `ValueError`, `KeyError` or `TypeError` for what is no claim."""
        row = json.loads(data)
        dev, inode, size, mtime = (int(n) for n in row["key"])
        return cls(
            parcel=ParcelId(row["parcel"]),
            sender=PartyId(row["sender"]),
            agreement=AgreementId(row["agreement"]),
            name=row["name"],
            first_seen=datetime.fromisoformat(row["first_seen"]),
            folder=row["folder"],
            key=(dev, inode, size, mtime),
            sidecar=bool(row["sidecar"]),
            marker=bool(row["marker"]),
        )


_FIELDS = ("parcel", "sender", "agreement", "name", "first_seen", "folder", "key", "sidecar", "marker")


class Claims:
    """The claims in one spool. A reader sees a claim whole or not at all."""

    def __init__(self, spool: Path) -> None:
        self.spool = spool
        durable.make_folder(spool)
        durable.make_folder(spool / ARRIVED)
        self._journals = Journals(spool)

    def folder(self, parcel: ParcelId) -> Path:
        """Where lies what is made of a parcel; made when there is something."""
        return self.spool / parcel

    def content(self, parcel: ParcelId) -> Path:
        """The copy of the parcel's file, once it is whole."""
        return self.spool / ARRIVED / parcel

    def write(self, records: Sequence[Record]) -> None:
        """Make claims durable, all of them or none. One that was written before is replaced."""
        if records:
            self._journals.write({record.parcel: record.encode() for record in records})

    def read(self, parcel: ParcelId) -> Record | None:
        """The claim of a parcel; None when there is none (or it is unreadable: then the file is adopted from its drop
        folder)."""
        return _decoded(self._journals.read(parcel))

    def all(self) -> Iterator[Record]:
        """Every claim in the spool, finished or not, in order of parcel id."""
        for parcel in self._journals.parcels():
            record = self.read(parcel)
            if record is not None:
                yield record

    def is_finished(self, parcel: ParcelId) -> bool:
        return self._journals.is_marked(parcel)

    def mark_finished(self, parcel: ParcelId) -> None:
        """Not synced on purpose: if a power cut undoes it, the parcel is claimed and finished once more, no harm."""
        self._journals.mark(parcel)

    def drop(self, parcel: ParcelId) -> None:
        """Erase the claim, durably: its name is gone."""
        self._journals.erase(parcel)

    def take_back(self, parcel: ParcelId) -> None:
        """Drop a claim that never came to a rename. Not synced: if a power cut undoes it, it is taken back once more.
        Anything else of the parcel stays."""
        self._journals.erase(parcel, sync=False)

    def tidy(self) -> None:
        """Remove what a crash left half written: it names files. Only while no other thread writes."""
        self._journals.tidy()


def _decoded(line: bytes) -> Record | None:
    try:
        return Record.decode(line) if line else None
    except (ValueError, KeyError, TypeError):
        return None
