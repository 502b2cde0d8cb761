"""How much room what comes in may take on our disks."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


def free_bytes(path: Path) -> int:
    """Bytes an ordinary user may still write on the file system of `path`."""
    status = os.statvfs(path)
    return status.f_bavail * status.f_frsize


@dataclass(frozen=True, slots=True)
class Room:
    """In bytes: what one file may have, and what is to stay free. `free` says how much is left where a path lies."""

    max_file: int = 4096 << 20
    min_free: int = 512 << 20
    free: Callable[[Path], int] = free_bytes
