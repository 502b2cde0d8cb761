"""A receiver's disk that is full, before a delivery or in the middle of it: a small file system under OpenSSH."""

from __future__ import annotations

import errno
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.sftp_peers import MB, NAME, Peer, deferred, in_mid_transfer, serving

from gateway.adapters.channels.sshd import LocalSshd, make_key
from gateway.outcomes import Deferred, Ok

SIZE = 8 * MB


@contextmanager
def on_a_disk_of(mebibytes: int, place: Path, options: str = "") -> Iterator[Peer]:
    server = LocalSshd(place / "server", make_key(place / "key"), options=options)
    target = server.data / "in"
    target.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(target)], check=True)
    try:
        with serving(server, place) as peer:
            yield peer
    finally:
        subprocess.run(["umount", "--lazy", str(target)], check=True)


def grow(peer: Peer, mebibytes: int) -> None:
    subprocess.run(["mount", "-o", f"remount,size={mebibytes}m", str(peer.place)], check=True)


def fill(place: Path) -> None:
    with (place / ".ballast").open("wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(bytes(1 << 16))
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise


def test_a_full_disk_is_seen_before_anything_is_sent(place: Path) -> None:
    with on_a_disk_of(6, place) as peer:
        outcome = peer.deliver(SIZE)
        assert isinstance(outcome, Deferred)
        assert (outcome.code, outcome.detail) == ("702", {"free_mb": 6, "needed_mb": 8})
        assert list(peer.place.iterdir()) == []
        grow(peer, 16)
        assert peer.deliver() == Ok(None)
        assert peer.arrived()


@pytest.mark.parametrize("options", ["-P statvfs", "-P statvfs,fsync,posix-rename"])
def test_a_full_disk_of_a_server_that_does_not_tell_is_met_in_the_middle(place: Path, options: str) -> None:
    with on_a_disk_of(6, place, options) as peer:
        deferred(peer.deliver(SIZE), "702", "remote full")
        assert not (peer.place / NAME).exists()
        grow(peer, 16)
        assert peer.deliver() == Ok(None)
        assert peer.arrived()


def test_a_disk_that_fills_up_in_the_middle(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with on_a_disk_of(16, place) as peer:
        in_mid_transfer(monkeypatch, 100, lambda: fill(peer.place))
        deferred(peer.deliver(SIZE), "702", "remote full")
        monkeypatch.undo()
        assert not (peer.place / NAME).exists()
        (peer.place / ".ballast").unlink()
        assert peer.deliver() == Ok(None)
        assert peer.arrived()


@pytest.mark.parametrize("options", ["", "-P statvfs", "-P statvfs,posix-rename"])
def test_a_beginning_on_a_full_disk_stays_until_there_is_room_for_the_whole(place: Path, options: str) -> None:
    with on_a_disk_of(12, place, options) as peer:
        path, _ = peer.file(SIZE)
        (peer.place / NAME).write_bytes(path.read_bytes()[: 7 * MB])
        outcome = peer.deliver()
        assert isinstance(outcome, Deferred)
        assert outcome.code == "702"
        assert (peer.place / NAME).stat().st_size == 7 * MB
        grow(peer, 32)
        assert peer.deliver() == Ok(None)
        assert peer.arrived()
