"""The watch on real folders: events only wake, and a watch that went deaf is mended."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from gateway.adapters.channels.folders import ExchangeRoot, Watch

SECONDS = 60.0


@pytest.fixture(params=[False, True], ids=["inotify", "polling"])
def watch(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Watch]:
    (tmp_path / "a").mkdir()
    made = Watch([tmp_path / "a", tmp_path / "b"], network=request.param, poll_seconds=0.1)
    made.start()
    made.wake.clear()
    yield made
    made.stop()


def test_a_rename_into_place_wakes(watch: Watch, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x")
    (tmp_path / "x").rename(tmp_path / "a" / "x")
    assert watch.wait(SECONDS)


def test_a_file_written_in_place_wakes(watch: Watch, tmp_path: Path) -> None:
    (tmp_path / "a" / "x").write_bytes(b"x")
    assert watch.wait(SECONDS)


def test_a_hard_link_wakes(watch: Watch, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x")
    os.link(tmp_path / "x", tmp_path / "a" / "x")
    assert watch.wait(SECONDS)


def test_our_own_claims_and_removals_do_not_wake(watch: Watch, tmp_path: Path) -> None:
    (tmp_path / "a" / "x").write_bytes(b"x")
    assert watch.wait(SECONDS)
    while watch.wait(0.5):
        pass
    (tmp_path / "a" / "x").rename(tmp_path / "a" / ".taken-p")
    list((tmp_path / "a").iterdir())
    (tmp_path / "a" / ".taken-p").unlink()
    assert not watch.wait(1.0)


def test_a_folder_that_comes_later_is_taken_up_and_wakes(watch: Watch, tmp_path: Path) -> None:
    assert watch.is_deaf()
    (tmp_path / "b").mkdir()
    assert watch.wait(SECONDS)
    assert not watch.is_deaf()
    (tmp_path / "b" / "x").write_bytes(b"x")
    assert watch.wait(SECONDS)


def test_a_folder_that_was_replaced_is_watched_again(watch: Watch, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    watch.mend()
    (tmp_path / "new").mkdir()
    shutil.rmtree(tmp_path / "a")
    (tmp_path / "new").rename(tmp_path / "a")
    assert watch.is_deaf()
    assert watch.mend() == 1
    watch.wake.clear()
    assert not watch.is_deaf()
    (tmp_path / "a" / "x").write_bytes(b"x")
    assert watch.wait(SECONDS)


def test_a_folder_replaced_by_one_with_the_same_inode_is_heard_before_long(watch: Watch, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "a")
    (tmp_path / "a").mkdir()  # most file systems give the number just freed
    limit, n = time.monotonic() + SECONDS, 0
    while True:
        watch.mend()
        watch.wake.clear()
        (tmp_path / "a" / f"{n}").write_bytes(b"x")
        if watch.wake.wait(0.5):
            break
        n += 1
        assert time.monotonic() < limit


def test_a_dead_observer_is_noticed_and_replaced(watch: Watch, tmp_path: Path) -> None:
    observer = watch._observer
    assert observer is not None
    observer.stop()
    observer.join(SECONDS)
    assert watch.is_deaf()
    assert watch.mend() == 1
    watch.wake.clear()
    (tmp_path / "a" / "x").write_bytes(b"x")
    assert watch.wait(SECONDS)


def test_an_exception_in_the_handler_does_not_deafen(tmp_path: Path) -> None:
    class Broken(threading.Event):
        broken = 0

        def set(self) -> None:
            if self.broken < 1:
                self.broken += 1
                raise RuntimeError
            super().set()

    (tmp_path / "a").mkdir()
    watch = Watch([tmp_path / "a"], Broken())
    watch._folders, folders = [], watch._folders
    watch.start()
    watch._folders = folders
    try:
        assert watch._observer is not None
        watch._attend(watch._observer, folders[0])
        (tmp_path / "a" / "x").write_bytes(b"x")
        assert watch.wake.wait(SECONDS)
        assert watch._observer.is_alive()
    finally:
        watch.stop()


def test_stopped_while_it_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a change of facts does it: another thread stops the watch that the loop is just mending."""
    made: list[BaseObserver] = []
    watch = Watch([tmp_path])
    stopping = threading.Thread(target=watch.stop)

    def observer() -> BaseObserver:
        stopping.start()
        stopping.join(0.5)  # it may come through now, or wait until the mending is done
        made.append(Observer())
        return made[0]

    monkeypatch.setattr("gateway.adapters.channels.folders.watch.Observer", observer)
    watch.start()
    stopping.join(SECONDS)
    assert not stopping.is_alive()
    made[0].join(SECONDS)
    assert not made[0].is_alive()
    assert watch.mend() == 0


def test_stop_ends_every_thread(tmp_path: Path) -> None:
    before = threading.active_count()
    watch = Watch([tmp_path])
    watch.start()
    watch.stop()
    watch.stop()
    assert threading.active_count() <= before + 1  # watchdog keeps one reader for the process


@pytest.mark.parametrize("network", [False, True], ids=["inotify", "polling"])
@pytest.mark.parametrize("depth", [1, 2])
def test_a_folder_behind_a_link_is_not_watched(tmp_path: Path, network: bool, depth: int) -> None:
    (tmp_path / "exchange").mkdir()
    (tmp_path / "there" / "drop").mkdir(parents=True)
    root = ExchangeRoot(tmp_path / "exchange", tmp_path / "record")
    folder = root.path / "party" / "drop"
    if depth == 1:
        folder.parent.symlink_to(tmp_path / "there")
    else:
        folder.parent.mkdir()
        folder.symlink_to(tmp_path / "there" / "drop")
    made = Watch([folder], network=network, poll_seconds=0.1, root=root)
    try:
        made.start()
        assert made.is_deaf()
        assert not made.wake.is_set()
        (root.path / "party").unlink() if depth == 1 else folder.unlink()
        folder.mkdir(parents=True, exist_ok=True)
        assert made.mend() == 1
        assert not made.is_deaf()
        folder.rmdir()
        folder.symlink_to(tmp_path / "there" / "drop")
        assert made.mend() == 0
        assert made.is_deaf(), "planted later, it is let go"
    finally:
        made.stop()
