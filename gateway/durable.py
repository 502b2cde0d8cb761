"""The one place that writes files so that they stay written.

Order of system calls: create a temporary beside the target (0600 unless told), write, fsync, rename, fsync the folder.
A reader sees the old file or the new one, whole. An fsync that fails is fatal to the write and raises `OSError`.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import stat
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

CHUNK = 1 << 20
_AHEAD = 8 * CHUNK
_WRITE = 2  # SYNC_FILE_RANGE_WRITE of <fcntl.h>
_TEMPORARY = re.compile(r"\..+\.[0-9]+(?:\.[0-9]+)?\.tmp|\.[0-9a-f]{24}\.tmp", re.DOTALL)
"""A target's name, the process, and for what is sealed the thread; or a name made up."""
_LIBC = ctypes.CDLL(None, use_errno=True)


class Writer:
    """Writes to an open file and lets the disk begin meanwhile, so that the fsync at the end has little left to wait
    for: a file of 256 MiB waits 5 ms instead of 100. It promises nothing by itself; `sync` does."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._written = self._begun = 0

    def write(self, data: bytes) -> None:
        """Append all of `data`."""
        view = memoryview(data)
        while view:
            count = os.write(self._descriptor, view)
            self._written += count
            view = view[count:]
        if self._written - self._begun >= _AHEAD:
            # Its result does not matter: what it could not begin, fsync writes, and fsync reports what failed.
            length = self._written - self._begun
            _LIBC.sync_file_range(self._descriptor, ctypes.c_int64(self._begun), ctypes.c_int64(length), _WRITE)
            self._begun = self._written

    def sync(self) -> None:
        os.fsync(self._descriptor)


def write_bytes(target: Path, data: bytes, mode: int = 0o600) -> None:
    """Write `data` to `target` atomically and durably."""

    def fill(stream: BinaryIO) -> None:
        stream.write(data)

    write(target, fill, mode)


def write(target: Path, fill: Callable[[BinaryIO], None], mode: int = 0o600) -> None:
    """Let `fill` write a temporary beside `target`, then put it in place. On any error nothing is left behind."""
    temporary = target.with_name(f".{target.name[:200]}.{os.getpid()}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, mode)
        with os.fdopen(descriptor, "wb") as stream:
            fill(stream)
            stream.flush()
            os.fsync(stream.fileno())
        publish(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def is_left(status: os.stat_result | None, before_ns: int) -> bool:
    """Whether a file is one of this user's own that nobody has written to or renamed since."""
    return (
        status is not None
        and stat.S_ISREG(status.st_mode)
        and status.st_uid == os.geteuid()
        and max(status.st_mtime_ns, status.st_ctime_ns) < before_ns
    )


def tidy(top: Path, before_ns: int, passed_over: Collection[str] = ()) -> int:
    """Remove the temporaries below `top` that a process left when it was killed in the midst of a write, ours and
    unchanged since `before_ns`. No link is followed; folders of these names are passed over. How many there were."""
    gone = 0
    for _, folders, files, descriptor in os.fwalk(top):
        folders[:] = [name for name in folders if name not in passed_over]
        for name in filter(_TEMPORARY.fullmatch, files):
            with suppress(FileNotFoundError):
                if is_left(os.stat(name, dir_fd=descriptor, follow_symlinks=False), before_ns):
                    os.unlink(name, dir_fd=descriptor)
                    gone += 1
    return gone


def publish(temporary: Path, target: Path) -> None:
    """Rename a file that is already synced to its final name, and sync the folder."""
    temporary.rename(target)
    sync_folder(target.parent)


def sync_file(path: Path) -> None:
    """Make a file's content durable that another process wrote."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Make a folder's entries (creations, renames, removals) durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_file_system(folder: Path) -> None:
    """syncfs(2): everything written so far on `folder`'s file system is on the disk. For many small files at once."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if _LIBC.syncfs(descriptor) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    finally:
        os.close(descriptor)


def make_folder(folder: Path, mode: int = 0o700) -> None:
    """Create `folder` and its parents if missing, durably."""
    missing = []
    probe = folder
    while not probe.exists():
        missing.append(probe)
        probe = probe.parent
    for path in reversed(missing):
        path.mkdir(mode=mode, exist_ok=True)
        sync_folder(path.parent)


def remove(path: Path) -> None:
    """Remove a file if it is there, durably."""
    path.unlink(missing_ok=True)
    if path.parent.exists():
        sync_folder(path.parent)


def sha256_file(path: Path) -> tuple[str, int]:
    """SHA-256 (hex) and size in bytes of a file, read in chunks."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as stream:
        while block := stream.read(CHUNK):
            digest.update(block)
            size += len(block)
    return digest.hexdigest(), size
