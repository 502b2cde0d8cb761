"""What only root can try: other users for real, OpenSSH with a chroot. `make test-root` runs it; CI does where it is
root. Nothing here is skipped: as an ordinary user these tests fail and say so."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from places import new_place


@pytest.fixture(autouse=True)
def as_root() -> None:
    assert os.geteuid() == 0, "these tests change users and need root: make test runs all others"


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that other users may pass through, with nobody's rights above it but root's."""
    with new_place() as made:
        yield made
