"""Lays files into a party's own folder: `<root>/<party>/接收/<folder>/`.

Each file is written under a hidden name, synced, read back and compared by size and SHA-256, and only then renamed;
a reader sees it whole or not at all. What is there whole under its name is adopted; a true beginning of it, of no bytes
or of many, is what a crash or somebody's cut copy leaves, and the whole file takes its place; anything else under that
name is never overwritten.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, TypeAlias

from gateway import durable
from gateway.adapters.channels.folders import moving
from gateway.adapters.channels.folders.root import ExchangeRoot, SourceDown
from gateway.outcomes import NO_ROOM, Deferred, Fault, Ok, Outcome
from gateway.parcels import PartyId

Standing: TypeAlias = Literal["nothing", "beginning", "whole", "another", "no file"]
# What ends a delivery: another file is looked at by a person; what is no file has been put in the way.
_OUTCOMES: Mapping[Standing, Fault | Deferred | None] = {
    "whole": None,
    "another": Fault("903"),
    "no file": Deferred("701", {"reason": "name taken"}),
}


class FolderCourier:
    """`ports.Courier` for parties whose folder lies on this node's exchange root."""

    def __init__(
        self,
        root: ExchangeRoot,
        parties: Mapping[PartyId, str],
        *,
        inbox: str = "接收",
        file_mode: int = 0o640,
        folder_mode: int = 0o750,
    ) -> None:
        """`parties` maps a party to its folder under the root. The modes hold under any umask: 0640 and 0750 when
        the party's group reads, 0660 and 0770 when it also removes what it has fetched."""
        self._root = root
        self._parties = dict(parties)
        self._inbox = inbox
        self._file_mode = file_mode
        self._folder_mode = folder_mode

    def deliver(self, receiver: PartyId, folder: str, files: Mapping[str, tuple[Path, str]]) -> Outcome[None]:
        """See `ports.Courier`. Deferred 701 (root down, folder not writable, a link or folder where it or a file
        belongs), 702 (full); Fault 903 when another file has the final name, 900 when our own copy is not what it
        should be."""
        party = self._parties.get(receiver)
        if party is None:
            return Fault("900", {"reason": "no folder for this party"})
        place = f"{party}/{self._inbox}/{folder}"
        try:
            with self._root.folder(place, make_mode=self._folder_mode) as descriptor:
                for name, (source, sha256) in files.items():
                    failed = self._put(descriptor, name, source, sha256)
                    if isinstance(failed, Deferred):
                        self._root.taken(place, name)
                    if failed is not None:
                        return failed
                moving.sync(descriptor)
        except SourceDown as down:
            return Deferred("701", {"reason": down.reason})
        except OSError as error:
            full = error.errno in NO_ROOM
            return Deferred("702" if full else "701", {"errno": error.errno or 0}, 300.0 if full else 60.0)
        return Ok(None)

    def _put(self, folder: int, name: str, source: Path, sha256: str) -> Fault | Deferred | None:
        if name in (".", "..") or "/" in name or "\0" in name or name.startswith("."):
            return Fault("900", {"reason": "name of a delivery"})
        standing = _standing(folder, name, source, sha256)
        if standing in _OUTCOMES:
            return _OUTCOMES[standing]
        partial = f".{name}.part"
        moving.remove(folder, partial)
        try:
            failed: Fault | Deferred | None = self._write(folder, partial, source, sha256)
            if failed is None and not moving.rename_free(folder, partial, name):
                failed = _replace(folder, partial, name, source, sha256)
        finally:
            moving.remove(folder, partial)
        return failed

    def _write(self, folder: int, partial: str, source: Path, sha256: str) -> Fault | None:
        digest, size = hashlib.sha256(), 0
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        try:
            ours = source.open("rb")
        except OSError:
            return Fault("900", {"reason": "our copy cannot be read"})
        with ours, os.fdopen(os.open(partial, flags, self._file_mode, dir_fd=folder), "wb") as copy:
            while block := ours.read(durable.CHUNK):
                digest.update(block)
                size += len(block)
                copy.write(block)
            os.fchmod(copy.fileno(), self._file_mode)
            copy.flush()
            os.fsync(copy.fileno())
        if digest.hexdigest() != sha256:
            return Fault("900", {"reason": "our copy changed"})
        if os.stat(partial, dir_fd=folder, follow_symlinks=False).st_size != size or _digest(folder, partial) != sha256:
            raise OSError(errno.EIO, "read back differs")
        return None


def _standing(folder: int, name: str, source: Path, sha256: str) -> Standing:
    """What has the final name. Raises `OSError`."""
    there = _digest(folder, name)
    if there is None:
        return "nothing"
    if not there:
        return "no file"
    return "whole" if there == sha256 else "beginning" if _begins(folder, name, source) else "another"


def _replace(folder: int, partial: str, name: str, source: Path, sha256: str) -> Fault | Deferred | None:
    """Put `partial` in the place of a beginning. The two are swapped, and what stood there is looked at once more where
    it is now: another file that came in between goes back."""
    standing = _standing(folder, name, source, sha256)
    if standing in _OUTCOMES:
        return _OUTCOMES[standing]
    if standing == "nothing":  # taken away since
        return None if moving.rename_free(folder, partial, name) else _OUTCOMES["no file"]
    if not moving.exchange(folder, partial, name):
        os.rename(partial, name, src_dir_fd=folder, dst_dir_fd=folder)
        return None
    standing = _standing(folder, partial, source, sha256)
    if standing in ("no file", "another"):
        moving.exchange(folder, partial, name)
        return _OUTCOMES[standing]
    return None


def _begins(folder: int, name: str, source: Path) -> bool:
    """Whether a file is a true beginning of ours, and shorter. Where ours cannot be read, the writing of it says so."""
    if not os.access(source, os.R_OK):
        return True
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    with os.fdopen(descriptor, "rb") as theirs, source.open("rb") as ours:
        held = os.fstat(descriptor).st_size
        if held >= os.fstat(ours.fileno()).st_size:
            return False
        while block := theirs.read(min(durable.CHUNK, held - theirs.tell())):
            if ours.read(len(block)) != block:
                return False
        return True


def _digest(folder: int, name: str) -> str | None:
    """SHA-256 of a regular file; None when nothing has this name; empty when what has it is no regular file."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            return ""
        raise
    with os.fdopen(descriptor, "rb") as stream:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return ""
        digest = hashlib.sha256()
        while block := stream.read(durable.CHUNK):
            digest.update(block)
        return digest.hexdigest()
