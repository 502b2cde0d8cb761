"""Puts one file on a server: `.<name>.part`, resumed where it is a true beginning, read back as a whole, then renamed.

A cut transfer leaves a beginning of our bytes, and the server's process may outlive the connection: what we had asked
of it last is then carried out at any later time. So each request is one that does no harm late. A new file is opened
exclusively, because one that also truncates could empty what a later session has verified already; a file is resumed
without truncation; and a final name is never asked to be removed.

What stands under the final name is told apart:

- our file, whole: it is delivered. Its receiver may also have taken it at any moment since; that is delivery too.
- a true beginning of it, of no bytes or of many: what a crash over there, a full disk or somebody's cut copy leaves.
  Every byte of it is in our file, so nothing is lost when the whole file takes its place.
- anything else is not ours: it stays, and a person looks (903).
"""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Literal

import paramiko

from gateway import durable
from gateway.adapters.channels.sftp import remote
from gateway.outcomes import Deferred, Fault

_PATIENCE, _FULL_PATIENCE = 60.0, 300.0
_ROOM = 1 << 20


class Stop(Exception):
    """Carries an outcome out of a transfer; never leaves the courier."""

    def __init__(self, outcome: Deferred | Fault) -> None:
        super().__init__(outcome.code)
        self.outcome = outcome


def later(reason: str) -> Deferred:
    """Deferred 701 with a word of ours."""
    return Deferred("701", {"reason": reason}, _PATIENCE)


@dataclass(frozen=True, slots=True)
class Put:
    """One file on its way: `source`, `size` bytes with the digest `sha256`, into `folder` as `name`."""

    sftp: paramiko.SFTPClient
    folder: PurePosixPath
    name: str
    source: Path
    size: int
    sha256: str
    progress: Callable[[], None]

    @property
    def final(self) -> str:
        return str(self.folder / self.name)

    @property
    def part(self) -> str:
        return str(self.folder / f".{self.name}.part")

    def run(self) -> None:
        """Returns when it is delivered. Raises `Stop` where it is not, and what paramiko raises over the wire."""
        if self._standing() == "whole":
            with suppress(OSError):  # left by a rename that is two steps over there
                remote.remove(self.sftp, self.part)
            return
        self._upload()
        arrived = remote.status(self.sftp, self.part)
        if arrived is None or not self._is_whole(self.part, arrived):
            if self._standing() == "whole":  # an earlier session's rename, carried out now
                return
            full = arrived is not None and (arrived.st_size or 0) < self.size and self._is_full()
            remote.remove(self.sftp, self.part)
            raise Stop(_no_room("remote full") if full else later("verify"))
        if self._standing() == "whole":  # somebody was quicker
            remote.remove(self.sftp, self.part)
            return
        if not remote.rename(self.sftp, self.part, self.final):
            self._complete()
        self.progress()  # not looked at afterwards: the receiver may have fetched it already

    # -- what stands there -------------------------------------------------------------------------------------------

    def _standing(self) -> Literal["nothing", "beginning", "whole"]:
        """What has the final name. Stops with 903 where that is neither our file nor a beginning of it."""
        there = remote.status(self.sftp, self.final)
        self.progress()
        if there is None:
            return "nothing"
        try:
            if self._is_whole(self.final, there):
                return "whole"
            if remote.is_regular(there) and there.st_size is not None and there.st_size < self.size:
                with self.sftp.open(self.final, "rb") as theirs:
                    if self._begins(theirs, there.st_size):
                        return "beginning"
        except OSError as error:
            if error.errno == errno.ENOENT:  # taken away between the two looks
                return "nothing"
            raise
        raise Stop(Fault("903"))

    def _is_whole(self, path: str, there: paramiko.SFTPAttributes) -> bool:
        return (
            remote.is_regular(there)
            and there.st_size == self.size
            and remote.sha256(self.sftp, path, self.size, self.progress) == self.sha256
        )

    def _begins(self, theirs: paramiko.SFTPFile, held: int) -> bool:
        """Whether the first `held` bytes of an open file are ours."""
        digest, left = hashlib.sha256(), held
        with self.source.open("rb") as ours:
            while left and (block := ours.read(min(left, durable.CHUNK))):
                digest.update(block)
                left -= len(block)
        return remote.sha256_of(self.sftp, theirs, held, self.progress) == digest.hexdigest()

    # -- writing -----------------------------------------------------------------------------------------------------

    def _upload(self) -> None:
        """Bring `part` to its whole length, from what an earlier try left there of it."""
        there = remote.status(self.sftp, self.part)
        self.progress()
        if there is not None and remote.is_regular(there) and 0 < (there.st_size or 0) <= self.size:
            with self.sftp.open(self.part, "r+b") as theirs:
                if self._begins(theirs, there.st_size or 0):
                    self.write(theirs, there.st_size or 0)
                    return
        if there is not None:
            remote.remove(self.sftp, self.part)
        self._have_room(0)
        with self.sftp.open(self.part, "wbx") as theirs:
            self.write(theirs, 0)

    def _complete(self) -> None:
        """Write the rest behind a beginning under the final name: for servers that replace nothing by a rename."""
        standing = self._standing()
        if standing == "nothing":
            raise Stop(later("denied"))
        if standing == "beginning":
            with self.sftp.open(self.final, "r+b") as theirs:
                held = theirs.stat().st_size or 0
                if held > self.size or not self._begins(theirs, held):
                    raise Stop(Fault("903"))
                self.write(theirs, held)
            there = remote.status(self.sftp, self.final)
            if there is not None and not self._is_whole(self.final, there):
                raise Stop(later("verify"))
        remote.remove(self.sftp, self.part)

    def write(self, theirs: paramiko.SFTPFile, offset: int) -> None:
        """Write from `offset` on, pipelined, and have it put on the disk over there. Stops with 702 where a write is
        refused for want of room, with 900 where our copy is not what was sealed."""
        if offset:
            self._have_room(offset)
        digest = hashlib.sha256()
        theirs.set_pipelined(True)
        theirs.seek(offset)
        try:
            with self.source.open("rb") as ours:
                self._send(ours, theirs, offset, digest.update)
            remote.settle(self.sftp, theirs)
        except remote.NotOnDisk:
            remote.remove(self.sftp, self.part)  # what was read back of it would come from memory
            raise Stop(_no_room("remote full" if self._is_full() else "refused")) from None
        except OSError as error:
            if error.errno is not None or not remote.is_answering(self.sftp):
                raise
            # "Failure" without a number is all a server says of a full disk, and of a quota.
            raise Stop(_no_room("remote full" if self._is_full() else "refused")) from None
        self.progress()
        if digest.hexdigest() != self.sha256:
            remote.remove(self.sftp, self.part)
            raise Stop(Fault("900", {"reason": "our copy changed"}))

    def _send(self, ours: BinaryIO, theirs: paramiko.SFTPFile, offset: int, update: Callable[[bytes], object]) -> None:
        sent = 0
        while block := ours.read(remote.BLOCK):
            update(block)
            fresh = block[max(offset - sent, 0) :]
            sent += len(block)
            if fresh:
                theirs.write(fresh)
                self.progress()

    # -- room --------------------------------------------------------------------------------------------------------

    def _have_room(self, held: int) -> None:
        free = remote.free_bytes(self.sftp, str(self.folder))
        needed = self.size - held
        if free is not None and free < needed + _ROOM:
            detail: dict[str, str | int] = {"free_mb": free >> 20, "needed_mb": -(-needed >> 20)}
            raise Stop(Deferred("702", detail, _FULL_PATIENCE))

    def _is_full(self) -> bool:
        there = remote.status(self.sftp, self.part)
        free = remote.free_bytes(self.sftp, str(self.folder))
        return free is None or there is None or free < self.size - (there.st_size or 0) + _ROOM


def _no_room(reason: Literal["remote full", "refused"]) -> Deferred:
    """`refused`: there is room on the disk, but a quota or a limit keeps it from us."""
    return Deferred("702", {"reason": reason}, _FULL_PATIENCE)
