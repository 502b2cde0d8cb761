"""Removals in the node's storage wait while a backup gathers what it needs: database first, then files.

A lock of the kernel on one file, so that it holds between threads and processes and ends with the process that held it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK = ".removals"


@contextmanager
def removing(spool: Path) -> Iterator[None]:
    """Around every removal of what the ledger may name. Any number at once; waits while they are `paused`."""
    with _locked(spool, fcntl.LOCK_SH):
        yield


@contextmanager
def paused(spool: Path) -> Iterator[None]:
    """Nothing is removed meanwhile."""
    with _locked(spool, fcntl.LOCK_EX):
        yield


@contextmanager
def _locked(spool: Path, how: int) -> Iterator[None]:
    descriptor = os.open(spool / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)
