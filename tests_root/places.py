"""Folders for tests with other users."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def new_place() -> Iterator[Path]:
    """A folder below one that is root's alone, as sshd asks of a chroot."""
    made = Path(tempfile.mkdtemp(prefix="gw-", dir="/var/lib"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)
