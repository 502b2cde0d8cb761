"""Which system calls a job may make: those that reading a table or a package makes (traced), and no other.

A filter of the kernel (seccomp) over the number of each call. What is not in the table is refused with `EPERM`: among
much else sockets, other programs, tracing, mounts, keys, io_uring. Threads are no processes: `clone` is allowed for
them alone, and `clone3`, whose flags no filter can see, is said not to exist, so that the C library takes `clone`.
"""

from __future__ import annotations

import ctypes
import platform
import struct
from collections.abc import Callable

_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
"""Machine → which column of `ALLOWED`, and the kernel's own number for it."""

ALLOWED: dict[str, tuple[int | None, int | None]] = {
    "access": (21, None),
    "brk": (12, 214),
    "chmod": (90, None),
    "clock_getres": (229, 114),
    "clock_gettime": (228, 113),
    "clock_nanosleep": (230, 115),
    "close": (3, 57),
    "copy_file_range": (326, 285),
    "dup": (32, 23),
    "exit": (60, 93),
    "exit_group": (231, 94),
    "faccessat": (269, 48),
    "faccessat2": (439, 439),
    "fadvise64": (221, 223),
    "fallocate": (285, 47),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fcntl": (72, 25),
    "fdatasync": (75, 83),
    "fstat": (5, 80),
    "fsync": (74, 82),
    "ftruncate": (77, 46),
    "futex": (202, 98),
    "getcwd": (79, 17),
    "getdents64": (217, 61),
    "getegid": (108, 177),
    "geteuid": (107, 175),
    "getgid": (104, 176),
    "getpid": (39, 172),
    "getppid": (110, 173),
    "getrandom": (318, 278),
    "getrusage": (98, 165),
    "gettid": (186, 178),
    "gettimeofday": (96, 169),
    "getuid": (102, 174),
    "lseek": (8, 62),
    "lstat": (6, None),
    "madvise": (28, 233),
    "membarrier": (324, 283),
    "mkdir": (83, None),
    "mkdirat": (258, 34),
    "mmap": (9, 222),
    "mprotect": (10, 226),
    "mremap": (25, 216),
    "munmap": (11, 215),
    "nanosleep": (35, 101),
    "newfstatat": (262, 79),
    "openat": (257, 56),
    "poll": (7, None),
    "ppoll": (271, 73),
    "pread64": (17, 67),
    "pwrite64": (18, 68),
    "read": (0, 63),
    "readlink": (89, None),
    "readlinkat": (267, 78),
    "readv": (19, 65),
    "recvfrom": (45, 207),
    "recvmsg": (47, 212),
    "rename": (82, None),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "restart_syscall": (219, 128),
    "rmdir": (84, None),
    "rseq": (334, 293),
    "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135),
    "rt_sigreturn": (15, 139),
    "sched_getaffinity": (204, 123),
    "sched_yield": (24, 124),
    "sendmsg": (46, 211),
    "sendto": (44, 206),
    "set_robust_list": (273, 99),
    "setitimer": (38, 103),
    "shutdown": (48, 210),
    "sigaltstack": (131, 132),
    "stat": (4, None),
    "statx": (332, 291),
    "sync_file_range": (277, 84),
    "sysinfo": (99, 179),
    "tgkill": (234, 131),
    "umask": (95, 166),
    "uname": (63, 160),
    "unlink": (87, None),
    "unlinkat": (263, 35),
    "utimensat": (280, 88),
    "write": (1, 64),
    "writev": (20, 66),
}
"""Name → number on x86_64 and aarch64 (`asm/unistd.h`)."""

_CLONE, _CLONE3, _IOCTL, _PRCTL, _PRLIMIT = (56, 220), (435, 435), (16, 29), (157, 167), (302, 261)
_CLONE_THREAD = 0x10000
_IOCTLS = (0x5401, 0x5451, 0x5421)  # TCGETS, FIOCLEX, FIONBIO: what opening a file asks
_PRCTLS = (15, 16, 0x53564D41)  # a thread's name, the name of a mapping
_LOAD, _EQUAL, _ABOVE, _ANY, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _REFUSE, _ABSENT = 0x7FFF0000, 0x00050000 | 1, 0x00050000 | 38  # EPERM, ENOSYS
_NUMBER, _ARCHITECTURE, _FIRST, _SECOND = 0, 4, 16, 24
_X32 = 0x40000000
_PR_SET_SECCOMP, _FILTER = 22, 2

_libc = ctypes.CDLL(None, use_errno=True)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def known() -> bool:
    """Whether there is a table for this machine, and the kernel has filters."""
    return platform.machine() in _ARCHITECTURES and _libc.prctl(21, 0, 0, 0, 0) >= 0


def restrict() -> None:
    """From here on this process, and no other, makes these calls alone; there is no way back. Needs `no_new_privs`.
    Raises `OSError`."""
    code = program()
    length = len(code) // 8
    told = _Program(length, code)
    if _libc.prctl(_PR_SET_SECCOMP, _FILTER, ctypes.byref(told), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "the filter of system calls was not taken")


def program() -> bytes:
    """The filter for this machine, as the kernel reads it (classic BPF, eight bytes for an instruction)."""
    column, architecture = _ARCHITECTURES[platform.machine()]
    numbers = sorted(n for n in (entry[column] for entry in ALLOWED.values()) if n is not None)
    code = [
        _do(_LOAD, 0, 0, _ARCHITECTURE),
        _do(_EQUAL, 1, 0, architecture),
        _do(_RETURN, 0, 0, _REFUSE),
        _do(_LOAD, 0, 0, _NUMBER),
        _do(_ABOVE, 0, 1, _X32),
        _do(_RETURN, 0, 0, _REFUSE),
    ]
    for number in numbers:
        code += [_do(_EQUAL, 0, 1, number), _do(_RETURN, 0, 0, _ALLOW)]
    code += _only(_CLONE[column], _FIRST, lambda: [_do(_ANY, 0, 1, _CLONE_THREAD), _do(_RETURN, 0, 0, _ALLOW)])
    code += _only(_IOCTL[column], _SECOND, lambda: _one_of(_IOCTLS))
    code += _only(_PRCTL[column], _FIRST, lambda: _one_of(_PRCTLS))
    code += _only(_PRLIMIT[column], _FIRST, lambda: _one_of((0,)))
    code += [_do(_EQUAL, 0, 1, _CLONE3[column]), _do(_RETURN, 0, 0, _ABSENT), _do(_RETURN, 0, 0, _REFUSE)]
    return b"".join(code)


def _do(code: int, then: int, otherwise: int, value: int) -> bytes:
    return struct.pack("=HBBI", code, then, otherwise, value)


def _one_of(values: tuple[int, ...]) -> list[bytes]:
    return [piece for value in values for piece in (_do(_EQUAL, 0, 1, value), _do(_RETURN, 0, 0, _ALLOW))]


def _only(number: int, argument: int, allowed: Callable[[], list[bytes]]) -> list[bytes]:
    """Where it is this call, it is judged by an argument's lower half, and by nothing after it."""
    judged = [_do(_LOAD, 0, 0, argument), *allowed(), _do(_RETURN, 0, 0, _REFUSE)]
    return [_do(_EQUAL, 0, len(judged), number), *judged]


def names() -> tuple[str, ...]:
    """What is allowed, for people; some of it with certain arguments alone."""
    return (*sorted(ALLOWED), "clone", "ioctl", "prctl", "prlimit64")


__all__ = ["ALLOWED", "known", "names", "program", "restrict"]
