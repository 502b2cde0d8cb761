"""One daemon to a node: the lock its process holds on `state/daemon.lock`, which the kernel drops with the process."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO, Final

NAME: Final = "daemon.lock"


def take(state: Path) -> IO[str] | None:
    """The open lock of a node's `state/`, with this process's id in it; None where another process holds it."""
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = (state / NAME).open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock


def holder(state: Path) -> str:
    """The id of the process that holds the lock of a node's `state/`, in decimal digits; empty where none does."""
    try:
        with (state / NAME).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return ""
    except BlockingIOError:
        return (state / NAME).read_text("ascii").strip()
    return ""
