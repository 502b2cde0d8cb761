"""What a process gives up before it touches an untrusted file (Linux; each step is tried, and its result returned)."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import socket
import sys
from collections.abc import Iterable
from pathlib import Path

from gateway.adapters.worker import landlock, syscalls

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 1, 38

_ZIP_FLOOR, _OLD_FLOOR, _WORKBOOK_FACTOR = 384 << 20, 160 << 20, 40

_libc = ctypes.CDLL(None, use_errno=True)


def isolate(*, unit: bool = False) -> dict[str, bool]:
    """Once, in the worker: no new privileges, no core dumps, a network namespace with nothing in it.

    Returns what was done: `no_network` is false where the kernel refuses a namespace (some containers);
    `own_files_alone` and `own_calls_alone` say whether the kernel has what `enclose` asks of it for every job. A `unit`
    of the service manager has its network taken away before it starts (`PrivateNetwork=yes`) and may make no namespace:
    there `no_network` says whether that holds.
    """
    done = {"no_new_privileges": _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0}
    uid, gid = os.getuid(), os.getgid()
    if unit:
        done["no_network"] = _alone()
    else:
        done["no_network"] = _libc.unshare(CLONE_NEWNET if uid == 0 else CLONE_NEWUSER | CLONE_NEWNET) == 0
    if uid != 0 and not unit and done["no_network"]:
        # In a fresh user namespace one is nobody until mapped; the files in the spool must stay ours.
        for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            Path(f"/proc/self/{name}").write_text(text)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    done["own_files_alone"] = landlock.version() > 0
    done["own_calls_alone"] = syscalls.known()
    return done


def enclose(reading: Iterable[Path] = (), changing: Iterable[Path] = ()) -> None:
    """In the process of one job, before it looks at what came from outside: it opens nothing but these files and the
    program's own, and makes no system call but those that reading takes; as far as the kernel can hold that. Raises
    `OSError`."""
    if landlock.version() > 0:
        landlock.restrict((*_program(), *reading), changing)
    if syscalls.known():
        syscalls.restrict()


def _program() -> tuple[Path, ...]:
    """Where code is that a job may still have to load, and what it asks of itself."""
    roots = {Path(sys.prefix), Path(sys.base_prefix), Path(__file__).parents[2], Path("/usr/lib"), Path("/lib64")}
    return (*sorted(roots), Path("/usr/share/zoneinfo"), Path("/etc/localtime"), Path("/proc/self"))


def _alone() -> bool:
    """Whether no socket of the internet's families may be made, or there is no interface but a loopback."""
    try:
        for family in (socket.AF_INET, socket.AF_INET6):
            socket.socket(family, socket.SOCK_DGRAM).close()
    except OSError:
        return True
    try:
        return {name for _, name in socket.if_nameindex()} <= {"lo"}
    except OSError:
        return False


def die_with(parent: int) -> None:
    """In the forked child: end when the worker ends, by a signal too. Left alone, the child would go on writing where
    the next try of the same parcel writes."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the kernel was asked
        os._exit(1)


def limit(memory_mb: int, work: int, clock: int, file_mb: int) -> None:
    """Limit the process, per job, in the forked child: memory and the size of files in MiB, seconds of work and on the
    clock. The kernel ends what goes on beyond them, with `SIGXCPU` and `SIGALRM`, also inside of a library's code."""
    _at_most(resource.RLIMIT_AS, memory_mb << 20)
    _at_most(resource.RLIMIT_CPU, work, 5)
    _at_most(resource.RLIMIT_FSIZE, file_mb << 20)
    _at_most(resource.RLIMIT_NOFILE, 256)
    signal.setitimer(signal.ITIMER_REAL, clock)


def _at_most(which: int, soft: int, more: int = 0) -> None:
    """A limit, and the hard one `more` above it; never above the one that this process was started with, which nobody
    may raise."""
    hard = resource.getrlimit(which)[1]
    allowed = soft + more if hard == resource.RLIM_INFINITY else min(soft + more, hard)
    resource.setrlimit(which, (min(soft, allowed), allowed))


def memory_for(size: int, *, zipped: bool) -> None:
    """Less memory, where a small workbook is read: what it may hold once expanded, and no more. What a library maps
    and never touches counts too, so there is a floor; a higher one for what is `zipped`, which may be a package of a
    text table, read in threads."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    allowed = mapped + (_ZIP_FLOOR if zipped else _OLD_FLOOR) + _WORKBOOK_FACTOR * size
    resource.setrlimit(resource.RLIMIT_AS, (allowed if soft < 0 else min(soft, allowed), hard))
