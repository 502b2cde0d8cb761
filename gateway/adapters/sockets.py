"""Unix sockets at paths of any length: a socket's address holds 107 bytes, a node's folder may be deeper."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

_LONGEST = 100


def bind(listener: socket.socket, path: Path, mode: int = 0o600) -> None:
    """Bind with `mode`, replacing what an earlier process left."""
    path.unlink(missing_ok=True)
    previous = os.umask(0o777 & ~mode)
    try:
        _at(path, listener.bind)
    finally:
        os.umask(previous)


def connect(connection: socket.socket, path: Path) -> None:
    """Connect; raises `OSError` as `socket.connect` does."""
    _at(path, connection.connect)


def _at(path: Path, use: Callable[[str], None]) -> None:
    if len(os.fsencode(path)) <= _LONGEST:
        use(str(path))
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        use(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)
