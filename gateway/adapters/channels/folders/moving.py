"""Renames inside one folder that never overwrite, and a folder's sync that works on shares too."""

from __future__ import annotations

import ctypes
import errno
import os
from contextlib import suppress

_LIBC = ctypes.CDLL(None, use_errno=True)
_NOREPLACE, _EXCHANGE = 1, 2
_UNSUPPORTED = {errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP}


def rename_free(folder: int, old: str, new: str, into: int | None = None) -> bool:
    """Rename within an open folder (or `into` another); False, and nothing done, when `new` is taken.

    renameat2(RENAME_NOREPLACE) is atomic; a file system without it (some network shares) gets a look first.
    Raises `OSError`.
    """
    into = folder if into is None else into
    if _LIBC.renameat2(folder, os.fsencode(old), into, os.fsencode(new), _NOREPLACE) == 0:
        return True
    error = ctypes.get_errno()
    if error == errno.EEXIST:
        return False
    if error not in _UNSUPPORTED:
        raise OSError(error, os.strerror(error))
    if exists(into, new):
        return False
    os.rename(old, new, src_dir_fd=folder, dst_dir_fd=into)
    return True


def exchange(folder: int, one: str, other: str) -> bool:
    """Swap two names of an open folder, atomically; False, and nothing done, on a file system that cannot. Raises
    `OSError`."""
    if _LIBC.renameat2(folder, os.fsencode(one), folder, os.fsencode(other), _EXCHANGE) == 0:
        return True
    error = ctypes.get_errno()
    if error not in _UNSUPPORTED:
        raise OSError(error, os.strerror(error))
    return False


def exists(folder: int, name: str) -> bool:
    """Whether anything has this name, a dangling link too."""
    return status(folder, name) is not None


def status(folder: int, name: str) -> os.stat_result | None:
    """lstat; None when nothing has this name."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def remove(folder: int, name: str) -> None:
    """Unlink if it is there; a folder of that name is left alone."""
    with suppress(FileNotFoundError, IsADirectoryError):
        os.unlink(name, dir_fd=folder)


def sync(folder: int) -> None:
    """fsync an open folder; some shares know no such thing, and say EINVAL."""
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
