"""What a job may open: its own files and the program's, by the kernel's Landlock, whatever the modes of others say.

`landlock(7)`: rights are given for files and what lies below folders; everything else that the rules handle is refused.
Nothing may be executed anywhere. What is open already stays open.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable
from pathlib import Path

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_VERSION, _BENEATH = 1, 1
_WRITE_FILE, _READ_FILE, _READ_DIR, _REMOVE_DIR, _REMOVE_FILE = (1 << bit for bit in range(1, 6))
_MAKE_DIR, _MAKE_REGULAR, _REFER, _TRUNCATE = 1 << 7, 1 << 8, 1 << 13, 1 << 14
_HANDLED = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}
"""Version of the interface → how many rights over files there are; from 4 on also two over TCP, from 6 on two scopes:
abstract sockets and signals."""
_READ = _READ_FILE | _READ_DIR
_CHANGE = _READ | _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REGULAR | _REFER | _TRUNCATE
_OF_A_FILE = _READ_FILE | _WRITE_FILE | _TRUNCATE

_libc = ctypes.CDLL(None, use_errno=True)


def version() -> int:
    """The version of the interface that the kernel has; 0: none, or it is not to be used here."""
    return int(max(0, _libc.syscall(_CREATE, None, 0, _VERSION)))


def restrict(reading: Iterable[Path], changing: Iterable[Path]) -> None:
    """From here on this process opens nothing but what lies at or below these; what is not there, or
    not for this user, is left out. Needs
    `no_new_privs`. Raises `OSError`."""
    known = version()
    handled = (1 << _HANDLED[min(known, 5)]) - 1
    attributes = struct.pack("=QQQ", handled, 3 if known >= 4 else 0, 3 if known >= 6 else 0)
    rules = _call(_CREATE, attributes, 8 if known < 4 else 16 if known < 6 else 24, 0)
    try:
        for path, rights in (*((p, _READ) for p in reading), *((p, _CHANGE) for p in changing)):
            _add(rules, path, rights & handled)
        _call(_RESTRICT, rules, 0)
    finally:
        os.close(rules)


def _add(rules: int, path: Path, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, PermissionError):  # nothing that this process could open, with this rule or without
        return
    try:
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            rights &= _OF_A_FILE
        _call(_ADD, rules, _BENEATH, struct.pack("=Qi", rights, place), 0)
    finally:
        os.close(place)


def _call(number: int, *arguments: int | bytes) -> int:
    found = int(_libc.syscall(number, *arguments))
    if found < 0:
        raise OSError(ctypes.get_errno(), "Landlock refused")
    return found
