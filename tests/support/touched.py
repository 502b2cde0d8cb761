"""What is opened, listed or changed below a folder, told by the kernel: inotify on every folder and file of it."""

from __future__ import annotations

import ctypes
import os
import struct
from pathlib import Path

_LIBC = ctypes.CDLL(None, use_errno=True)
_OPEN, _ATTRIB, _CREATE, _DELETE, _MOVED, _MODIFY = 0x20, 0x4, 0x100, 0x200, 0xC0, 0x2
_MASK = _OPEN | _ATTRIB | _CREATE | _DELETE | _MOVED | _MODIFY
_HEAD = struct.Struct("iIII")


class Touched:
    """Listens from the moment it is made."""

    def __init__(self, top: Path) -> None:
        self._descriptor = _LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        assert self._descriptor >= 0
        self._paths: dict[int, Path] = {}
        for path in [top, *sorted(top.rglob("*"))]:
            watch = _LIBC.inotify_add_watch(self._descriptor, os.fsencode(path), _MASK)
            assert watch >= 0, os.strerror(ctypes.get_errno())
            self._paths[watch] = path
        self.so_far()  # what making the list itself has opened

    def so_far(self) -> list[str]:
        """What was touched since the last look: `path/name`, each once."""
        found: dict[str, None] = {}
        while True:
            try:
                data = os.read(self._descriptor, 1 << 16)
            except BlockingIOError:
                return list(found)
            while data:
                watch, _mask, _cookie, length = _HEAD.unpack_from(data)
                name = data[_HEAD.size : _HEAD.size + length].rstrip(b"\0")
                data = data[_HEAD.size + length :]
                if watch in self._paths:
                    found[str(self._paths[watch] / os.fsdecode(name))] = None

    def close(self) -> None:
        os.close(self._descriptor)
