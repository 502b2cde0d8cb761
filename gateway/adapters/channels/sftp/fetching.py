"""Fetches one file: resumed where it stopped, segment by segment, compared, and only then given its name."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Literal

import paramiko

from gateway.adapters.channels.folders import ExchangeRoot, moving
from gateway.adapters.channels.sftp import landing, remote
from gateway.adapters.channels.sftp.landing import Halt, ours
from gateway.adapters.channels.sftp.memory import Memory, Remembered, State
from gateway.outcomes import Deferred

SEGMENT = 32 << 20
"""Bytes between two syncs: what a crash can cost at most."""
SMALL = 8 << 20
"""Up to here a file that no list vouches for is read a second time."""
_TAIL = 1 << 20

Result = Literal["landed", "again", "waiting", "changed", "differing"]


class Wire(Exception):
    """The connection or the server failed: not our disk. `__cause__` is paramiko's error."""


@contextmanager
def wire() -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, paramiko.SSHException, paramiko.sftp.SFTPError, ValueError) as error:
        raise Wire from error


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file at the other end as it was listed, and where it goes. `sha256`: what a distribution list says of it."""

    token: str
    place: str
    name: str
    remote: PurePosixPath
    folder: str
    size: int
    mtime: int
    sha256: str = ""


class Fetch:
    """Fetches files over one connection. `room` says how many bytes may still be written where a descriptor points."""

    def __init__(
        self,
        sftp: paramiko.SFTPClient,
        progress: Callable[[], None],
        root: ExchangeRoot,
        memory: Memory,
        now: datetime,
        room: Callable[[int], int],
    ) -> None:
        self._sftp = sftp
        self._progress = progress
        self._root = root
        self._memory = memory
        self._now = now
        self._room = room

    def run(self, wanted: Wanted) -> Result:
        """`landed`; `again` (these bytes landed before under this name); `waiting` (whole, its name is still taken);
        `changed` (it moved under us: next time); `differing` (it is not what the list or its second reading says).

        Raises `Halt` for our own disk, `Wire` for the connection; what was fetched until then stays for next time.
        """
        with ours(), self._root.folder(wanted.folder, make_mode=landing.FOLDER_MODE) as folder:
            return self._fetch(folder, wanted)

    def _fetch(self, folder: int, wanted: Wanted) -> Result:
        known, part = self._memory.get(wanted.token), landing.temporary(wanted.token, wanted.name)
        offset = landing.held(folder, part, known.synced) if known and known.synced <= wanted.size else 0
        if self._room(folder) < wanted.size - offset:
            raise Halt(Deferred("702", {"needed_mb": -(-(wanted.size - offset) >> 20)}, 300.0))
        descriptor = landing.open_part(folder, part, offset)
        try:
            if offset and not wanted.sha256 and not self._continues(descriptor, offset, wanted):
                os.ftruncate(descriptor, 0)
                offset = 0
            sha256 = self._download(descriptor, offset, wanted)
            verdict = self._judge(descriptor, sha256, offset, wanted)
            if verdict is None:
                os.fchmod(descriptor, landing.FILE_MODE)
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if verdict is None and self._memory.has_landed(wanted.place, wanted.name, sha256):
            self._keep(wanted, "landed", wanted.size, sha256)
            verdict = "again"
        if verdict is not None:
            moving.remove(folder, part)
            self._memory.forget(wanted.token)
            return verdict
        moving.sync(folder)
        self._keep(wanted, "landing", wanted.size, sha256)
        if not landing.land(folder, wanted.token, wanted.name, sha256):
            return "waiting"
        self._memory.landed(wanted.token, self._now)
        return "landed"

    def _download(self, descriptor: int, offset: int, wanted: Wanted) -> str:
        """SHA-256 of the whole file. When the connection ends, what is there is synced and remembered."""
        digest, position, synced = hashlib.sha256(), offset, offset
        landing.read_back(descriptor, offset, digest.update)
        os.lseek(descriptor, offset, os.SEEK_SET)
        try:
            for block in self._blocks(wanted, offset, wanted.size):
                _write(descriptor, block)
                digest.update(block)
                position += len(block)
                if position - synced >= SEGMENT and position < wanted.size:
                    os.fdatasync(descriptor)
                    self._keep(wanted, "fetching", position)
                    synced = position
        except BaseException:
            with suppress(OSError):
                os.fdatasync(descriptor)
                self._keep(wanted, "fetching", position)
            raise
        return digest.hexdigest() if position == wanted.size else ""

    def _continues(self, descriptor: int, offset: int, wanted: Wanted) -> bool:
        """The end of what we hold is what lies there still: a file may be replaced within one second."""
        digest, start = hashlib.sha256(), max(offset - _TAIL, 0)
        theirs = hashlib.sha256()
        landing.read_back(descriptor, offset, digest.update, start)
        for block in self._blocks(wanted, start, offset):
            theirs.update(block)
        return theirs.digest() == digest.digest()

    def _judge(self, descriptor: int, sha256: str, offset: int, wanted: Wanted) -> Result | None:
        """None when the file may land. A resumed one that differs from its list is fetched again, from its start."""
        with wire():
            there = remote.status(self._sftp, str(wanted.remote))
        self._progress()
        if there is None or (there.st_size, there.st_mtime or 0) != (wanted.size, wanted.mtime):
            return "changed"
        if not sha256 or os.fstat(descriptor).st_size != wanted.size:
            return "changed"
        if wanted.sha256:
            return None if sha256 == wanted.sha256 else "changed" if offset else "differing"
        if wanted.size <= SMALL:
            again = hashlib.sha256()
            for block in self._blocks(wanted, 0, wanted.size):
                again.update(block)
            return None if again.hexdigest() == sha256 else "changed"
        return None

    def _blocks(self, wanted: Wanted, start: int, end: int) -> Iterator[bytes]:
        blocks = remote.blocks(self._sftp, str(wanted.remote), start, end)
        while True:
            with wire():
                block = next(blocks, None)
            if block is None:
                return
            self._progress()
            yield block

    def _keep(self, wanted: Wanted, state: State, synced: int, sha256: str = "") -> None:
        file = Remembered(wanted.token, wanted.folder, state, synced, sha256)
        self._memory.keep(wanted.place, wanted.name, file, self._now)


def _write(descriptor: int, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[os.write(descriptor, view) :]
