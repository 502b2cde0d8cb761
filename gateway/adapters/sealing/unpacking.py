"""Where a package is opened: what is decrypted goes into a file without a name, which is gone with the process; what is
unpacked from it into a folder of ours beside the target, removed on refusal, renamed into place after the whole
judgement. What an earlier run left when it was killed is removed by the next one."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway import durable
from gateway.packages import Descriptor

_PREFIX, _SUFFIX = ".opening-", ".tmp"


@dataclass(frozen=True, slots=True)
class OpenedPackage:
    """A package whose signature, recipient, members and digests were all proved. `members` are the data members' paths
    under `folder`, in the descriptor's order; `signer` is the pin it was judged by."""

    folder: Path
    descriptor: Descriptor
    members: tuple[str, ...]
    signer: str


@contextlib.contextmanager
def folder_beside(into: Path) -> Iterator[Path]:
    """A new folder (0700) on the file system of `into`, removed at the end in any case, and what dead runs left
    there with it. Raises `FileExistsError` where `into` holds something."""
    if into.exists() and any(into.iterdir()):
        raise FileExistsError(errno.EEXIST, "the folder to open into is not empty")
    durable.make_folder(into.parent)
    _sweep(into.parent)
    work, lock = _make(into.parent)
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)
        os.close(lock)


@contextlib.contextmanager
def unnamed(folder: Path) -> Iterator[int]:
    """An open file without a name (0600), on the file system of `folder`."""
    flags = os.O_RDWR | os.O_CLOEXEC
    try:
        descriptor = os.open(folder, flags | os.O_TMPFILE, 0o600)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL):
            raise
        descriptor, name = tempfile.mkstemp(dir=folder)  # a file system that knows no such files
        Path(name).unlink()
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _make(parent: Path) -> tuple[Path, int]:
    """A folder, and the lock on it (a descriptor), which tells `_sweep` of other runs that it is in use. A sweep that
    came before the lock has removed the folder: then another one is made."""
    while True:
        work = Path(tempfile.mkdtemp(prefix=_PREFIX, suffix=_SUFFIX, dir=parent))
        with contextlib.suppress(OSError):
            lock = os.open(work, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            with contextlib.suppress(OSError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if work.stat().st_ino == os.fstat(lock).st_ino:
                    return work, lock
            os.close(lock)


def publish(tree: Path, into: Path, descriptor: Descriptor, signer: str) -> OpenedPackage:
    """Put a judged tree in place by one rename."""
    durable.publish(tree, into)
    return OpenedPackage(into, descriptor, tuple(r.path for r in descriptor.resources), signer)


def _sweep(folder: Path) -> None:
    """Remove what was left by runs that are dead: a run that is alive holds the lock."""
    for left in folder.glob(f"{_PREFIX}*{_SUFFIX}"):
        with contextlib.suppress(OSError):
            descriptor = os.open(left, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left, ignore_errors=True)
            finally:
                os.close(descriptor)
