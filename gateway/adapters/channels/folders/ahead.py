"""Copying many small claimed files at once: two flushes of the file system in all, instead of three syncs for each.

A burst of thousands of files would otherwise cost its senders' patience: on a disk that syncs 500 times a second ten
thousand files take a minute. What is large, or has a sidecar, or has anything in its way, is left to its own step.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from gateway import durable
from gateway.adapters.channels.folders import names
from gateway.adapters.channels.folders.copying import PARTIAL
from gateway.adapters.channels.folders.root import ExchangeRoot, SourceDown
from gateway.adapters.channels.room import Room
from gateway.adapters.storage.claims import ARRIVED, Claims, Record, key_of
from gateway.parcels import ParcelId
from gateway.ports import Copied

FEW, LARGEST = 8, 1 << 20
_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def copy(root: ExchangeRoot, claims: Claims, records: Sequence[Record], room: Room) -> dict[ParcelId, Copied]:
    """Copy what can be copied of `records`; returns the copies, whole and durable. Their size and hash are not written
    down: after a restart they are computed again from the copy."""
    fit = [r for r in records if r.key[2] <= min(LARGEST, room.max_file) and not r.sidecar]
    fit = [r for r in fit if names.is_plain(r.name)]
    if len(fit) <= FEW or room.free(claims.spool) < sum(r.key[2] for r in fit) + room.min_free:
        return {}
    copied: dict[ParcelId, Copied] = {}
    arrived = claims.spool / ARRIVED
    for folder in dict.fromkeys(record.folder for record in fit):
        mine = [record for record in fit if record.folder == folder]
        with suppress(SourceDown, OSError), root.folder(folder) as descriptor, _opened(arrived) as target:
            for record in mine:
                if sha256 := _copy(descriptor, record, target):
                    copied[record.parcel] = Copied(record.key[2], sha256, record.name, arrived / record.parcel)
    return copied if copied and _publish(claims, list(copied)) else {}


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    """A descriptor of a folder of ours: names are looked up from there, not from the root for every file."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _copy(folder: int, record: Record, target: int) -> str:
    """One file into the open folder `target`, under its temporary name, not synced: its SHA-256; empty when it is not
    the one that was claimed.
    Calls of the system and no more: streams, paths and threads for each would cost more than its bytes."""
    try:
        source = os.open(names.taken(record.parcel), _READ, dir_fd=folder)
        try:
            status = os.fstat(source)
            if key_of(status) != record.key or not stat.S_ISREG(status.st_mode):
                return ""
            data = os.read(source, record.key[2] + 1)
            if len(data) != record.key[2] or key_of(os.fstat(source)) != record.key:
                return ""
        finally:
            os.close(source)
        copied = os.open(record.parcel + PARTIAL, _NEW, 0o600, dir_fd=target)
        try:
            whole = os.write(copied, data) == len(data)
        finally:
            os.close(copied)
    except OSError:
        return ""
    return hashlib.sha256(data).hexdigest() if whole else ""


def _publish(claims: Claims, parcels: Sequence[ParcelId]) -> bool:
    """Content first, its name after: a name is never durable before what it names."""
    try:
        durable.flush_file_system(claims.spool)
        with _opened(claims.spool / ARRIVED) as arrived:
            for parcel in parcels:
                os.rename(parcel + PARTIAL, parcel, src_dir_fd=arrived, dst_dir_fd=arrived)
        durable.flush_file_system(claims.spool)
    except OSError:
        for parcel in parcels:  # whether they are durable is not known: each is copied again by its own step
            claims.content(parcel).unlink(missing_ok=True)
        return False
    return True
