"""A read lease is granted only while no process on this machine has the file open for writing, or mapped so.

It is taken and given back at once; nothing is held. That answers for every writer whose writes go through this kernel:
programs, sshd's sftp-server and smbd alike. Source: fcntl(2), "Leases" (the file's owner, or CAP_LEASE).
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import signal
from enum import Enum

_LIBC = ctypes.CDLL(None, use_errno=True)
# Magic numbers of statfs(2) whose writers all pass this kernel: ext, XFS, Btrfs, tmpfs, ramfs, F2FS, bcachefs, ZFS,
# overlay. On a network share, or a file system in user space, a writer elsewhere is not seen.
_LOCAL = frozenset(
    (0xEF53, 0x58465342, 0x9123683E, 0x01021994, 0x858458F6, 0xF2F52010, 0xCA451A4E, 0x2FC12FC1, 0x794C7630)
)


class Writing(Enum):
    """`UNKNOWN`: not to be told here (a share), `FORBIDDEN`: this process may not ask."""

    NO = b"n"
    YES = b"y"
    UNKNOWN = b"?"
    FORBIDDEN = b"f"


def ask(descriptor: int) -> Writing:
    """Whether anybody writes the regular file behind a descriptor opened for reading alone.

    A writer that comes in this very moment waits for a few microseconds, and the kernel signals us: with a signal that
    is ignored by default, where its own choice would end the process.
    """
    if not is_local(descriptor):
        return Writing.UNKNOWN
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        if error.errno == errno.EAGAIN:
            return Writing.YES
        return Writing.FORBIDDEN if error.errno in (errno.EACCES, errno.EPERM) else Writing.UNKNOWN
    fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return Writing.NO


def is_local(descriptor: int) -> bool:
    """Whether every write to this file system goes through this kernel."""
    found = (ctypes.c_long * 64)()  # struct statfs is 120 bytes; its first field is the type
    if _LIBC.fstatfs(descriptor, found) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return found[0] & 0xFFFFFFFF in _LOCAL
