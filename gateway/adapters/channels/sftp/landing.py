"""The last steps of a fetched file, here on our own disk, and how a crash between them is mended.

A fetch writes `.f-<token>-<name>.part` in the folder where the file is wanted (a rename crosses no file system), and:

1. the temporary file is whole, verified and synced, its folder too, *before*
2. the memory says `landing`, *before*
3. it gets its final name, and the folder is synced, *before*
4. the memory says `landed`.

So a file that is `landing` and still has its temporary name has not arrived, and one that is `landing` without it has:
nobody else touches hidden names in these folders, and the intake may have taken the file a moment after step 3.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime

from gateway import durable
from gateway.adapters.channels.folders import ExchangeRoot, SourceDown, moving, names
from gateway.adapters.channels.sftp import offered
from gateway.adapters.channels.sftp.memory import Memory
from gateway.outcomes import Deferred, Fault

FOLDER_MODE, FILE_MODE = 0o770, 0o640
_TEMPORARY = re.compile(r"\.f-([0-9a-f]{24})-(.+)\.part", re.DOTALL)


class Halt(Exception):
    """Ends a round for a reason that is not the partner's; carries the outcome, and never leaves the collector."""

    def __init__(self, outcome: Deferred | Fault) -> None:
        super().__init__(outcome.code)
        self.outcome = outcome


@contextmanager
def ours() -> Iterator[None]:
    """What fails inside is our disk or share, not the connection: `Halt` with Deferred 702 or 709."""
    try:
        yield
    except SourceDown:
        raise Halt(Deferred("709", {"reason": "root down"})) from None
    except OSError as error:
        raise Halt(Deferred.by(error)) from None


def temporary(token: str, name: str) -> str:
    return f".f-{token}-{name}.part"


def land(folder: int, token: str, name: str, sha256: str) -> bool:
    """Give a whole temporary file in the open folder its final name, never over another file.

    A package whose name is taken waits (False): the intake is about to take the one that is there. Anything else is
    dropped when the same bytes are there, and numbered when they differ: nobody takes it away.
    """
    mine = temporary(token, name)
    if not moving.rename_free(folder, mine, name):
        if offered.is_package(name):
            return False
        if _sha256(folder, name) == sha256:
            moving.remove(folder, mine)
        else:
            while not moving.rename_free(folder, mine, names.numbered(name, "", lambda n: moving.exists(folder, n))):
                pass
    moving.sync(folder)
    return True


def mend(root: ExchangeRoot, memory: Memory, place: str, folders: Collection[str], now: datetime) -> int:
    """Finish what was landing when the node stopped or a name was taken; remove temporary files that are not
    known. How many still wait for their name. Raises `Halt`."""
    landing = {row.token: row for row in memory.landing(place)}
    waiting, found = 0, set[str]()
    for relative in {*folders, *(row.folder for row in landing.values())}:
        with ours(), root.folder(relative, make_mode=FOLDER_MODE) as folder:
            for token, name in _temporaries(folder):
                found.add(token)
                if token in landing:
                    if land(folder, token, name, landing[token].sha256):
                        memory.landed(token, now)
                    else:
                        waiting += 1
                else:
                    row = memory.get(token)
                    if row is None or row.state == "landed":
                        moving.remove(folder, temporary(token, name))
    for token in landing.keys() - found:
        memory.landed(token, now)
    return waiting


def clear(root: ExchangeRoot, memory: Memory, folders: Collection[str], wanted: Collection[str]) -> None:
    """Remove beginnings of files that the partner no longer offers as they were. `wanted`: tokens it still offers."""
    for relative in folders:
        with ours(), root.folder(relative, make_mode=FOLDER_MODE) as folder:
            for token, name in _temporaries(folder):
                row = memory.get(token)
                if token not in wanted and (row is None or row.state == "fetching"):
                    moving.remove(folder, temporary(token, name))
                    memory.forget(token)


def open_part(folder: int, name: str, offset: int) -> int:
    """The temporary file, cut to its first `offset` bytes; made where it is missing, and where something else has its
    name: a link is not followed, and another file's second link not written through."""
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(name, flags | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder)
    except FileExistsError:
        if not _is_ours(moving.status(folder, name)):
            moving.remove(folder, name)
        descriptor = os.open(name, flags | os.O_CREAT, 0o600, dir_fd=folder)
    if not _is_ours(os.fstat(descriptor)):  # put there at this moment
        os.close(descriptor)
        raise OSError(errno.EBUSY, "something else has the name of a temporary file")
    os.ftruncate(descriptor, offset)
    return descriptor


def held(folder: int, name: str, synced: int) -> int:
    """How many bytes of an earlier try may stay: what was synced, if the file still has them."""
    there = moving.status(folder, name)
    return synced if there is not None and _is_ours(there) and there.st_size >= synced else 0


def _is_ours(there: os.stat_result | None) -> bool:
    """A regular file of one name."""
    return there is not None and stat.S_ISREG(there.st_mode) and there.st_nlink == 1


def read_back(descriptor: int, size: int, take: Callable[[bytes], object], start: int = 0) -> None:
    """Hand `take` the bytes from `start` to `size` of an open file."""
    while start < size and (block := os.pread(descriptor, min(size - start, durable.CHUNK), start)):
        take(block)
        start += len(block)


def _temporaries(folder: int) -> list[tuple[str, str]]:
    with os.scandir(folder) as entries:
        return [match.groups() for entry in entries if (match := _TEMPORARY.fullmatch(entry.name))]  # type: ignore[misc]


def _sha256(folder: int, name: str) -> str:
    """Of a regular file; empty for anything else."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return ""
    try:
        status, digest = os.fstat(descriptor), hashlib.sha256()
        if not stat.S_ISREG(status.st_mode):
            return ""
        read_back(descriptor, status.st_size, digest.update)
        return digest.hexdigest()
    finally:
        os.close(descriptor)
