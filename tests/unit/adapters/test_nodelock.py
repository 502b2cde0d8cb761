"""The lock of a node: one holder, told by its process id, gone with it."""

from __future__ import annotations

import os
from pathlib import Path

from gateway.adapters.storage import nodelock


def test_one_process_holds_it_and_is_named(tmp_path: Path) -> None:
    state = tmp_path / "state"
    assert nodelock.holder(state) == ""
    lock = nodelock.take(state)
    assert lock is not None
    assert nodelock.take(state) is None
    assert nodelock.holder(state) == str(os.getpid())
    lock.close()
    assert nodelock.holder(state) == ""


def test_a_lock_that_is_left_behind_is_taken(tmp_path: Path) -> None:
    (tmp_path / nodelock.NAME).write_text("1\n")
    assert nodelock.holder(tmp_path) == ""
    lock = nodelock.take(tmp_path)
    assert lock is not None
    assert nodelock.holder(tmp_path) == str(os.getpid())
    lock.close()
