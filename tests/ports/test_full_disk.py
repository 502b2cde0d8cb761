"""Disks that are really full: a tmpfs of 4 MiB, which only root can mount. Elsewhere a file size limit and the pure
Python server stand in, see `test_inbox` and `tests/peers`."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from gateway.adapters.channels.folders import DropFolders, ExchangeRoot, FolderCourier, Quiet
from gateway.adapters.channels.room import Room
from gateway.adapters.channels.sftp import Endpoint, SftpCourier, remote
from gateway.adapters.channels.sshd import HOST, LocalSshd, make_key
from gateway.daemon import sharing
from gateway.daemon.vitals import Guard
from gateway.outcomes import Deferred, Ok
from gateway.parcels import AgreementId, Claim, PartyId
from gateway.policy.facts import Intake
from gateway.ports import everything

NOW = datetime(2026, 10, 8, 9, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
PARTY = PartyId("guangdong")

if os.geteuid() == 0:

    @pytest.fixture
    def small(tmp_path: Path) -> Iterator[Path]:
        folder = tmp_path / "small"
        folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], check=True)
        yield folder
        subprocess.run(["umount", "-l", folder], check=True)

    @pytest.fixture
    def ours(tmp_path: Path) -> tuple[Path, str]:
        path = tmp_path / "ours"
        path.write_bytes(os.urandom(8 << 20))
        return path, hashlib.sha256(path.read_bytes()).hexdigest()

    def code(outcome: object) -> str:
        assert isinstance(outcome, Deferred), outcome
        return outcome.code

    def fill(path: Path) -> None:
        with suppress(OSError), path.open("wb", buffering=0) as filler:
            while True:
                filler.write(b"x" * 4096)

    def test_openssh_on_a_full_disk_defers_and_the_delivery_ends_when_there_is_room(
        small: Path, ours: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        server = LocalSshd(tmp_path / "server", make_key(tmp_path / "key"))
        server.data.rmdir()
        server.data.symlink_to(small)
        server.start()
        try:
            (tmp_path / "known_hosts").write_text(server.known_hosts_line)
            endpoint = Endpoint(HOST, server.username, tmp_path / "key", tmp_path / "known_hosts", server.port)
            courier = SftpCourier({PARTY: endpoint})
            assert code(courier.deliver(PARTY, "in", {"a.gpg": ours})) == "702"
            assert list((small / "in").iterdir()) == []  # it was not even begun
            asked = iter([None])  # others fill the disk after we have looked
            real = remote.free_bytes
            monkeypatch.setattr(remote, "free_bytes", lambda *a: next(asked, real(*a)))
            assert code(courier.deliver(PARTY, "in", {"a.gpg": ours})) == "702"
            assert not (small / "in" / "a.gpg").exists()
            subprocess.run(["mount", "-o", "remount,size=64m", small], check=True)
            assert courier.deliver(PARTY, "in", {"a.gpg": ours}) == Ok(None)
            assert (small / "in" / "a.gpg").read_bytes() == ours[0].read_bytes()
        finally:
            server.stop()

    def test_a_partys_folder_on_a_full_disk_defers_and_keeps_nothing_partial(
        small: Path, ours: tuple[Path, str], tmp_path: Path
    ) -> None:
        courier = FolderCourier(ExchangeRoot(small, tmp_path / "record"), {PARTY: "粤"})
        assert code(courier.deliver(PARTY, "f", {"a.gpg": ours})) == "702"
        assert [p.name for p in small.rglob("*") if p.is_file()] == [".gateway-root"]

    def test_a_full_spool_loses_nothing(small: Path, ours: tuple[Path, str], tmp_path: Path) -> None:
        drop = tmp_path / "exchange" / "粤" / "上报" / "l"
        drop.mkdir(parents=True)
        (drop / "a.csv").write_bytes(ours[0].read_bytes())
        address = (PARTY, AgreementId("a"), "粤/上报/l")
        inbox = DropFolders(
            tmp_path / "exchange",
            [address],
            small / "spool",
            quiet=Quiet(0),
            room=Room(min_free=0, free=lambda _: 1 << 40),
        )
        [claim] = inbox.scan(NOW)
        assert code(inbox.copy(claim.parcel)) == "702"
        assert [p.name for p in (small / "spool" / ".arrived").iterdir()] == []
        fill(small / "filler")
        (drop / "b.csv").write_bytes(b"b")
        assert inbox.scan(NOW) == []
        assert inbox.left_alone()["粤/上报/l"] == {"no_room": 1}
        assert (drop / "b.csv").exists()
        (small / "filler").unlink()
        assert len(inbox.scan(NOW)) == 1
        subprocess.run(["mount", "-o", "remount,size=64m", small], check=True)
        assert isinstance(inbox.copy(claim.parcel), Ok)

    def test_with_little_room_nothing_new_is_taken_until_there_is_clearly_more(small: Path, tmp_path: Path) -> None:
        """And the instant a file was first seen is kept: who was in time stays in time."""
        drop = tmp_path / "exchange" / "粤" / "上报" / "l"
        drop.mkdir(parents=True)
        address = (PARTY, AgreementId("a"), "粤/上报/l")
        room = Room(min_free=0)
        inbox = DropFolders(tmp_path / "exchange", [address], small / "spool", quiet=Quiet(0), room=room)
        intake, guard = Intake(min_free_mb=2, resume_free_mb=3), Guard()

        def look(minute: int) -> list[Claim]:
            free = shutil.disk_usage(small).free >> 20
            return list(
                inbox.scan(NOW.replace(minute=minute), everything if guard.judge(free, intake) else sharing.nothing)
            )

        (small / "most").write_bytes(bytes(5 << 19))
        (drop / "a.csv").write_bytes(b"a")
        assert look(1) == []
        assert not guard.open
        assert inbox.left_alone()["粤/上报/l"] == {"no_room": 1}
        (small / "most").write_bytes(bytes(3 << 19))
        assert shutil.disk_usage(small).free >> 20 == 2
        assert look(2) == [], "above the lower limit, below the upper one"
        (small / "most").unlink()
        [claim] = look(3)
        assert guard.open
        assert claim.first_seen == NOW.replace(minute=1)
