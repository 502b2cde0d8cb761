"""Copies a claimed file into the spool: never through a link, never blocking, never a file that moved meanwhile."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import stat
from pathlib import Path
from typing import BinaryIO

from gateway import durable
from gateway.adapters.channels.folders import names
from gateway.adapters.channels.room import Room
from gateway.adapters.storage.claims import SIDECAR_COPY, Key, Record, key_of
from gateway.outcomes import Deferred, Fault, Ok, Outcome, Refused
from gateway.ports import Copied

_MB = 1 << 20
_SIDECAR_LIMIT = 1 << 20
PARTIAL, _FACTS = ".part", ".json"


class Halt(Exception):
    """Carries an outcome out of nested reading and writing; never leaves this folder of modules."""

    def __init__(self, outcome: Refused | Deferred) -> None:
        super().__init__(outcome.code)
        self.outcome = outcome


def adopt(record: Record, content: Path) -> Copied | None:
    """The copy that is there already. It has its name only once it is whole. Size and hash are computed again
    where they are not known."""
    if not content.exists():
        return None
    try:
        facts = json.loads(_beside(content, _FACTS).read_bytes())
        size, sha256 = int(facts["size"]), str(facts["sha256"])
        intact = content.stat().st_size == size
    except (OSError, ValueError, KeyError, TypeError):
        intact = False
    if not intact:
        sha256, size = durable.sha256_file(content)
    return Copied(size=size, sha256=sha256, name=record.name, path=content)


def is_copied(content: Path) -> bool:
    """A whole copy is, or was, there: its source may be removed."""
    return content.exists() or _beside(content, _FACTS).exists()


def remove(content: Path) -> None:
    """Remove a copy, what is known of it, and half a copy. Durably; idempotent."""
    for path in (content, _beside(content, _FACTS), _beside(content, PARTIAL)):
        path.unlink(missing_ok=True)
    durable.sync_folder(content.parent)


def _beside(content: Path, ending: str) -> Path:
    return content.with_name(content.name + ending)


def copy_claimed(folder: int, record: Record, content: Path, target: Path, room: Room) -> Outcome[Copied]:
    """Copy `.taken-<parcel>` in the open drop folder to `content`, its sidecar into the folder `target`. On anything
    but `Ok` no partial copy stays."""
    name = names.taken(record.parcel)
    try:
        if record.sidecar:
            _copy_sidecar(folder, name + names.SIDECAR, target)
        with open_regular(folder, name) as source:
            before = os.fstat(source.fileno())
            if before.st_size > room.max_file:
                return Refused("216", {"limit_mb": room.max_file // _MB})
            _need_room(content.parent, before.st_size, room)
            if key_of(before) != record.key:
                return Deferred("703", retry_after=5.0)
            sha256 = _copy(source, before.st_size, content, key_of(before))
        return Ok(Copied(size=before.st_size, sha256=sha256, name=record.name, path=content))
    except Halt as halt:
        return halt.outcome
    except FileNotFoundError:
        return Fault("905", {"parcel": record.parcel})
    except OSError as error:
        return Deferred.by(error)


def open_regular(folder: int, name: str) -> BinaryIO:
    """O_NOFOLLOW, and O_NONBLOCK so that a FIFO without a writer does not hold us."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):  # a link; a socket, or a device without a driver
            raise Halt(Refused("205")) from None
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise Halt(Refused("205"))
    return os.fdopen(descriptor, "rb")


def _need_room(folder: Path, size: int, room: Room) -> None:
    free = room.free(folder)
    if free < size + room.min_free:
        raise Halt(Deferred("702", {"free_mb": free // _MB, "needed_mb": -(-(size + room.min_free) // _MB)}, 300.0))


def _copy(source: BinaryIO, size: int, content: Path, key: Key) -> str:
    """Reads at most `size` bytes and one more: a file that grows cannot fill the disk. It must look to the end like the
    one that was claimed (`key`)."""
    partial = _beside(content, PARTIAL)
    digest, left = hashlib.sha256(), size
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as copy:
            while left and (block := source.read(min(left, durable.CHUNK))):
                digest.update(block)
                copy.write(block)
                left -= len(block)
            if left or source.read(1) or key_of(os.fstat(source.fileno())) != key:
                raise Halt(Deferred("703", retry_after=5.0))
            copy.flush()
            os.fsync(copy.fileno())
        sha256 = digest.hexdigest()
        durable.publish(partial, content)
        # Only spares hashing again; not worth a sync of its own.
        _beside(content, _FACTS).write_text(json.dumps({"size": size, "sha256": sha256}), "ascii")
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return sha256


def _copy_sidecar(folder: int, name: str, target: Path) -> None:
    if (target / SIDECAR_COPY).exists():
        return
    with open_regular(folder, name) as source:
        data = source.read(_SIDECAR_LIMIT + 1)
    if len(data) > _SIDECAR_LIMIT:
        raise Halt(Refused("216", {"limit_mb": _SIDECAR_LIMIT // _MB}))
    durable.make_folder(target)
    durable.write_bytes(target / SIDECAR_COPY, data)
