"""What the spool knows about a claim: `spool/<parcel>/claim.json`, durable before the file itself is touched.

The original name is in it, and nowhere else: it may hold personal data and goes when the parcel goes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path

from gateway import durable
from gateway.parcels import AgreementId, Claim, ParcelId, PartyId

CLAIM = "claim.json"
CONTENT = "content"
CONTENT_FACTS = "content.json"
SIDECAR_COPY = "sidecar.json"
FINISHED = "finished"

Key = tuple[int, int, int, int]
_GROUP = 8


def key_of(status: os.stat_result) -> Key:
    """What must stand still: (dev, inode, size in bytes, mtime in ns)."""
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class Record:
    """A claim as it stands in `claim.json`. `folder` is relative to the exchange root; `key` is what stood still.

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
        return Claim(self.parcel, self.sender, self.agreement, self.first_seen)

    def with_key(self, key: Key) -> Record:
        return replace(self, key=key)

    def encode(self) -> bytes:
        row = {field.name: getattr(self, field.name) for field in fields(self)}
        row["first_seen"] = self.first_seen.isoformat()
        return json.dumps(row, ensure_ascii=True, sort_keys=True).encode("ascii")

    @classmethod
    def decode(cls, data: bytes) -> Record:
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


class Claims:
    """The claims in one spool. A reader sees a claim whole or not at all."""

    def __init__(self, spool: Path) -> None:
        self.spool = spool
        durable.make_folder(spool)

    def folder(self, parcel: ParcelId) -> Path:
        return self.spool / parcel

    def write(self, records: Sequence[Record]) -> None:
        """Make claims durable. Many at once cost one flush of the file system instead of four per claim."""
        if len(records) <= _GROUP:
            for record in records:
                durable.make_folder(self.folder(record.parcel))
                durable.write_bytes(self.folder(record.parcel) / CLAIM, record.encode())
            return
        for record in records:
            folder = f"{self.spool}/{record.parcel}"
            with suppress(FileExistsError):
                os.mkdir(folder, 0o700)  # noqa: PTH102 - thousands of them
            descriptor = os.open(f"{folder}/{CLAIM}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(descriptor, "wb") as stream:
                stream.write(record.encode())
        durable.flush_file_system(self.spool)

    def read(self, parcel: ParcelId) -> Record | None:
        """The claim of a parcel; None when there is none (or a crash left it unreadable: then the file was not touched
        yet, or is adopted from its drop folder)."""
        try:
            return Record.decode((self.folder(parcel) / CLAIM).read_bytes())
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def all(self) -> Iterator[Record]:
        """Every claim in the spool, finished or not, in order of parcel id."""
        for folder in sorted(self.spool.iterdir()):
            if not folder.name.startswith("."):
                record = self.read(ParcelId(folder.name))
                if record is not None:
                    yield record

    def is_finished(self, parcel: ParcelId) -> bool:
        return (self.folder(parcel) / FINISHED).exists()

    def mark_finished(self, parcel: ParcelId) -> None:
        """Not synced on purpose: if a power cut undoes it, the parcel is claimed and finished once more, no harm."""
        with suppress(FileNotFoundError):  # the parcel's folder has moved on already
            (self.folder(parcel) / FINISHED).touch(mode=0o600)

    def drop(self, parcel: ParcelId) -> None:
        """Take a claim back that never came to a rename. Leaves whatever else lies in the parcel's folder."""
        folder = self.folder(parcel)
        durable.remove(folder / CLAIM)
        if folder.exists() and not any(folder.iterdir()):
            folder.rmdir()
