"""Many small records about parcels that become durable at once: `spool/.claims/<number>-<chance>.jsonl`.

Ten thousand claims in files of their own are ten thousand inodes to make and to remove again, more than copying the
files themselves costs. So what is written together is one file, a line for each parcel, put in place whole and never
added to. Two things happen to a line later, in place, so that a line never moves:

- its first byte becomes `x`: it is marked;
- all of it becomes blanks, synced: the record is erased. A journal without lines is removed.

Where a parcel has two lines (a crash between writing the new and erasing the old one), the later journal is right.
"""

from __future__ import annotations

import os
import re
import secrets
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gateway import durable
from gateway.parcels import ParcelId

FOLDER = ".claims"
_PLAIN, _MARKED = b"-", b"x"
_NAME = re.compile(r"(\d{12})-[0-9a-f]{8}\.jsonl")
_LINE = re.compile(rb'([-x])(\{"parcel": "([a-z2-7]{26})".*\})')


@dataclass(frozen=True, slots=True)
class _Place:
    journal: Path
    offset: int
    length: int


class Journals:
    """The journals of one spool. Another instance over the same spool may mark and erase meanwhile: what is read comes
    from the disk."""

    def __init__(self, spool: Path) -> None:
        self._folder = spool / FOLDER
        durable.make_folder(self._folder)
        self._lock = threading.Lock()
        self._places: dict[ParcelId, _Place] = {}
        self._live: dict[Path, set[ParcelId]] = {}
        self._load()

    def _load(self) -> None:
        """Take up journals not known yet, in the order they were written."""
        for path in sorted(self._folder.glob("*.jsonl")):
            if path in self._live or not _NAME.fullmatch(path.name):
                continue
            try:
                lines = path.read_bytes().splitlines(keepends=True)
            except FileNotFoundError:  # another instance has erased the last of it
                continue
            live, offset = self._live.setdefault(path, set()), 0
            for line in lines:
                if match := _LINE.fullmatch(line.rstrip(b"\n")):
                    parcel = ParcelId(match[3].decode())
                    if old := self._forget(parcel):
                        self._blank(parcel, old)
                    self._places[parcel] = _Place(path, offset, len(line))
                    live.add(parcel)
                offset += len(line)
            if not live:
                path.unlink(missing_ok=True)
                del self._live[path]

    def _forget(self, parcel: ParcelId) -> _Place | None:
        """Strike a parcel from memory; where its line was."""
        place = self._places.pop(parcel, None)
        if place is not None:
            self._live[place.journal].discard(parcel)
        return place

    def parcels(self) -> list[ParcelId]:
        """Every parcel with a line, in order."""
        with self._lock:
            return sorted(self._places)

    def write(self, records: Mapping[ParcelId, bytes]) -> None:
        """One journal with a line for each record (a JSON object that begins with `parcel`), durable; lines they had
        before are erased. Raises `OSError`, and nothing was written."""
        lines = [_PLAIN + data + b"\n" for data in records.values()]
        with self._lock:
            last = max((int(path.name[:12]) for path in self._live), default=0)
            path = self._folder / f"{last + 1:012}-{secrets.token_hex(4)}.jsonl"
            durable.write_bytes(path, b"".join(lines))
            self._live[path] = set(records)
            offset, replaced = 0, []
            for parcel, line in zip(records, lines, strict=True):
                if old := self._places.get(parcel):
                    replaced.append((parcel, old))
                    self._live[old.journal].discard(parcel)
                self._places[parcel] = _Place(path, offset, len(line))
                offset += len(line)
            for parcel, old in replaced:
                self._blank(parcel, old)

    def read(self, parcel: ParcelId) -> bytes:
        """The record of a parcel; empty when there is none."""
        return self._line(parcel)[1:].rstrip(b"\n")

    def is_marked(self, parcel: ParcelId) -> bool:
        return self._line(parcel).startswith(_MARKED)

    def _line(self, parcel: ParcelId) -> bytes:
        with self._lock:
            place = self._places.get(parcel)
            if place is None:
                self._load()
                place = self._places.get(parcel)
        if place is None:
            return b""
        try:
            descriptor = os.open(place.journal, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return b""
        try:
            line = os.pread(descriptor, place.length, place.offset)
        finally:
            os.close(descriptor)
        return line if _names(line, parcel) else b""

    def mark(self, parcel: ParcelId) -> None:
        """Not synced."""
        with self._lock:
            if place := self._places.get(parcel):
                self._overwrite(parcel, place, _MARKED, sync=False)

    def erase(self, parcel: ParcelId, *, sync: bool = True) -> None:
        """Durably, with `sync`. Idempotent."""
        with self._lock:
            if parcel not in self._places:
                self._load()
            if place := self._forget(parcel):
                self._blank(parcel, place, sync=sync)

    def _blank(self, parcel: ParcelId, place: _Place, *, sync: bool = True) -> None:
        self._overwrite(parcel, place, b" " * (place.length - 1), sync=sync)
        if not self._live[place.journal]:  # a removal that a power cut undoes brings back blanks
            place.journal.unlink(missing_ok=True)
            del self._live[place.journal]

    @staticmethod
    def _overwrite(parcel: ParcelId, place: _Place, data: bytes, *, sync: bool) -> None:
        with suppress(FileNotFoundError):  # another instance has erased the last of it
            descriptor = os.open(place.journal, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                if _names(os.pread(descriptor, place.length, place.offset), parcel):
                    os.pwrite(descriptor, data, place.offset)
                if sync:
                    os.fdatasync(descriptor)
            finally:
                os.close(descriptor)

    def tidy(self) -> None:
        """Remove journals that were never put in place."""
        for half in self._folder.glob(".*.tmp"):
            durable.remove(half)


def _names(line: bytes, parcel: ParcelId) -> bool:
    return line[1:].startswith(b'{"parcel": "' + parcel.encode() + b'"')
