"""What lies at the other end: digests, room, folders, renames. Every step tells the supervisor that something moved.

Large files are read in segments of 32 MiB on a reopened handle: paramiko's prefetch can fall back to synchronous reads
and hold a whole file in memory (#2519).
"""

from __future__ import annotations

import errno
import hashlib
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import PurePosixPath

import paramiko
from paramiko.sftp import CMD_EXTENDED, CMD_EXTENDED_REPLY

SEGMENT = 32 << 20
BLOCK = 32768
SMALL = 1 << 20


def status(sftp: paramiko.SFTPClient, path: str) -> paramiko.SFTPAttributes | None:
    """lstat; None when nothing has this name."""
    try:
        return sftp.lstat(path)
    except OSError as error:
        if error.errno == errno.ENOENT:
            return None
        raise


def is_regular(attributes: paramiko.SFTPAttributes) -> bool:
    return attributes.st_mode is not None and stat.S_ISREG(attributes.st_mode)


def sha256(sftp: paramiko.SFTPClient, path: str, size: int, progress: Callable[[], None]) -> str:
    """SHA-256 of the first `size` bytes as the server gives them back; of fewer when the file is shorter."""
    digest, offset = hashlib.sha256(), 0
    while offset < size:
        length = min(SEGMENT, size - offset)
        got = 0
        with sftp.open(path, "rb") as remote:
            if size < SMALL:
                blocks: Iterator[bytes] = iter([remote.read(length)])
            else:
                blocks = iter(remote.readv([(at, min(BLOCK, offset + length - at)) for at in _steps(offset, length)]))
            with suppress(EOFError):  # cut short under us: the digest will tell
                for block in blocks:
                    progress()
                    digest.update(block)
                    got += len(block)
                    if not block or got == length:
                        break
        if got < length:
            break
        offset += got
    return digest.hexdigest()


def _steps(offset: int, length: int) -> range:
    return range(offset, offset + length, BLOCK)


def free_bytes(sftp: paramiko.SFTPClient, path: str) -> int | None:
    """Bytes we may still write there, by OpenSSH's `statvfs@openssh.com`; None where the server does not know it."""
    try:
        kind, message = sftp._request(CMD_EXTENDED, "statvfs@openssh.com", path)  # type: ignore[attr-defined]
    except OSError:
        return None
    if kind != CMD_EXTENDED_REPLY:
        return None
    _, fragment, _, _, available = (message.get_int64() for _ in range(5))
    return int(fragment * available)


def make_folders(sftp: paramiko.SFTPClient, folder: str, progress: Callable[[], None]) -> None:
    """Make a folder and its parents where they are missing."""
    path = PurePosixPath(folder)
    for part in [*reversed(path.parents), path]:
        name = str(part)
        if name in (".", "/") or status(sftp, name) is not None:
            continue
        try:
            sftp.mkdir(name)
        except OSError:
            if status(sftp, name) is None:  # else somebody else made it just now
                raise
        progress()


def remove(sftp: paramiko.SFTPClient, path: str) -> None:
    """Remove a file if it is there."""
    try:
        sftp.remove(path)
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise


def rename(sftp: paramiko.SFTPClient, old: str, new: str) -> None:
    """`posix-rename@openssh.com`, or the plain rename where the server does not know it (it fails on an existing name,
    and says no more than "Failure")."""
    try:
        sftp.posix_rename(old, new)
    except OSError as error:
        if error.errno is not None:
            raise
        sftp.rename(old, new)
