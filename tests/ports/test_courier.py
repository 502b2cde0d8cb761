"""`ports.Courier`: one suite for every channel there is."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from conftest import Channel

from gateway.adapters.channels.folders import ExchangeRoot, FolderCourier
from gateway.outcomes import Deferred, Fault, Ok
from gateway.parcels import PartyId

FOLDER = "跨省流入人口个案"
NAME = "migrants-inflow_110000_440000_2026Q3_r1_0123abcd.tar.zst.gpg"


def make(folder: Path, data: bytes, name: str = "ours") -> tuple[Path, str]:
    path = folder / name
    path.write_bytes(data)
    return path, hashlib.sha256(data).hexdigest()


def lying(channel: Channel) -> dict[str, bytes]:
    """Everything in the receiver's folder, hidden names too."""
    return {p.name: p.read_bytes() for p in (channel.place / FOLDER).iterdir()}


@pytest.mark.parametrize("size", [0, 1, 32768, (1 << 20) - 1, 1 << 20, (3 << 20) + 7])
def test_a_file_arrives_whole_under_its_final_name_and_nothing_else(
    channel: Channel, tmp_path: Path, size: int
) -> None:
    data = os.urandom(size)
    assert channel.courier.deliver(channel.receiver, FOLDER, {NAME: make(tmp_path, data)}) == Ok(None)
    assert lying(channel) == {NAME: data}


def test_all_files_of_a_batch_arrive(channel: Channel, tmp_path: Path) -> None:
    files = {f"分发清单_2026Q3_第{n}批.json": make(tmp_path, b"%d" % n, f"f{n}") for n in range(5)}
    assert channel.courier.deliver(channel.receiver, FOLDER, files) == Ok(None)
    assert lying(channel) == {name: path.read_bytes() for name, (path, _) in files.items()}


def test_what_is_there_whole_is_adopted_and_not_written_again(channel: Channel, tmp_path: Path) -> None:
    files = {NAME: make(tmp_path, os.urandom(2 << 20))}
    channel.courier.deliver(channel.receiver, FOLDER, files)
    before = (channel.place / FOLDER / NAME).stat()
    assert channel.courier.deliver(channel.receiver, FOLDER, files) == Ok(None)
    after = (channel.place / FOLDER / NAME).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("other", [b"o", b"other", b"wantX", b"wanted plus"])
def test_another_file_under_the_final_name_is_never_overwritten(channel: Channel, tmp_path: Path, other: bytes) -> None:
    (channel.place / FOLDER).mkdir(parents=True)
    (channel.place / FOLDER / NAME).write_bytes(other)
    outcome = channel.courier.deliver(channel.receiver, FOLDER, {NAME: make(tmp_path, b"wante")})
    assert isinstance(outcome, Fault)
    assert outcome.code == "903"
    assert lying(channel) == {NAME: other}


@pytest.mark.parametrize("held", [0, 1, 32768, (1 << 20) - 1])
def test_a_true_beginning_under_the_final_name_is_replaced_by_the_whole(
    channel: Channel, tmp_path: Path, held: int
) -> None:
    """What a crash, a full disk or a cut copy leaves. Who has it open, or under a second name, keeps what it was."""
    data = os.urandom(1 << 20)
    (channel.place / FOLDER).mkdir(parents=True)
    left = channel.place / FOLDER / NAME
    left.write_bytes(data[:held])
    (tmp_path / "second name").hardlink_to(left)
    assert channel.courier.deliver(channel.receiver, FOLDER, {NAME: make(tmp_path, data)}) == Ok(None)
    assert lying(channel) == {NAME: data}
    assert (tmp_path / "second name").read_bytes() == data[:held]


def test_a_beginning_is_left_where_our_own_copy_is_gone(channel: Channel, tmp_path: Path) -> None:
    (channel.place / FOLDER).mkdir(parents=True)
    (channel.place / FOLDER / NAME).write_bytes(b"beg")
    outcome = channel.courier.deliver(channel.receiver, FOLDER, {NAME: (tmp_path / "missing", "0" * 64)})
    assert outcome == Fault("900", {"reason": "our copy cannot be read"})
    assert lying(channel) == {NAME: b"beg"}


def test_a_link_under_the_final_name_is_not_written_through(channel: Channel, tmp_path: Path) -> None:
    path, sha256 = make(tmp_path, b"same bytes")
    target = tmp_path / "elsewhere"
    target.write_bytes(b"same bytes")
    (channel.place / FOLDER).mkdir(parents=True)
    (channel.place / FOLDER / NAME).symlink_to(target)
    outcome = channel.courier.deliver(channel.receiver, FOLDER, {NAME: (path, sha256)})
    if isinstance(channel.courier, FolderCourier):  # our own share: it waits until the link is gone
        assert isinstance(outcome, Deferred)
        assert outcome.code == "701"
    else:
        assert isinstance(outcome, Fault)
        assert outcome.code == "903"
    assert (channel.place / FOLDER / NAME).is_symlink()


@pytest.mark.parametrize("left", [b"", b"a true", b"a false beginning", b"a true beginning and far too much of it"])
def test_what_an_earlier_try_left_never_spoils_the_file(channel: Channel, tmp_path: Path, left: bytes) -> None:
    (channel.place / FOLDER).mkdir(parents=True)
    (channel.place / FOLDER / f".{NAME}.part").write_bytes(left)
    assert channel.courier.deliver(channel.receiver, FOLDER, {NAME: make(tmp_path, b"a true beginning")}) == Ok(None)
    assert lying(channel) == {NAME: b"a true beginning"}


def test_a_link_under_the_temporary_name_is_not_written_through(channel: Channel, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    target.write_bytes(b"not ours")
    (channel.place / FOLDER).mkdir(parents=True)
    (channel.place / FOLDER / f".{NAME}.part").symlink_to(target)
    assert channel.courier.deliver(channel.receiver, FOLDER, {NAME: make(tmp_path, b"ours")}) == Ok(None)
    assert target.read_bytes() == b"not ours"
    assert lying(channel) == {NAME: b"ours"}


def test_our_own_copy_is_not_delivered_when_it_is_not_what_was_sealed(channel: Channel, tmp_path: Path) -> None:
    path, _ = make(tmp_path, b"changed since")
    outcome = channel.courier.deliver(channel.receiver, FOLDER, {NAME: (path, hashlib.sha256(b"sealed").hexdigest())})
    assert isinstance(outcome, Fault)
    assert outcome.code == "900"
    assert lying(channel) == {}
    outcome = channel.courier.deliver(channel.receiver, FOLDER, {NAME: (tmp_path / "missing", "0" * 64)})
    assert isinstance(outcome, Fault)
    assert outcome.code == "900"


@pytest.mark.parametrize("name", ["..", "../x", "a/b", ".hidden"])
def test_a_name_that_leaves_its_folder_or_hides_is_our_fault(channel: Channel, tmp_path: Path, name: str) -> None:
    outcome = channel.courier.deliver(channel.receiver, FOLDER, {name: make(tmp_path, b"x")})
    assert isinstance(outcome, Fault)
    assert [p for p in channel.place.rglob("*") if not p.is_dir()] == []


def test_a_party_without_a_channel_is_our_fault(channel: Channel, tmp_path: Path) -> None:
    outcome = channel.courier.deliver(PartyId("nobody"), FOLDER, {NAME: make(tmp_path, b"x")})
    assert isinstance(outcome, Fault)
    assert not channel.place.exists()


def test_outcomes_carry_no_names(channel: Channel, tmp_path: Path) -> None:
    (channel.place / FOLDER).mkdir(parents=True)
    (channel.place / FOLDER / NAME).write_bytes(b"other")
    outcome = channel.courier.deliver(channel.receiver, FOLDER, {NAME: make(tmp_path, b"x")})
    assert not isinstance(outcome, Ok)
    assert all(word not in repr(outcome) for word in (NAME, FOLDER, str(tmp_path)))


# ---- the folder channel alone ----------------------------------------------------------------------------------------


def test_a_root_that_is_down_gets_nothing_not_even_a_folder(tmp_path: Path) -> None:
    root = tmp_path / "exchange"
    root.mkdir()
    courier = FolderCourier(ExchangeRoot(root, tmp_path / "record"), {PartyId("p"): "p"})
    (root / ".gateway-root").unlink()
    outcome = courier.deliver(PartyId("p"), FOLDER, {NAME: make(tmp_path, b"x")})
    assert isinstance(outcome, Deferred)
    assert outcome.code == "701"
    assert list(root.iterdir()) == []


def test_modes_hold_whatever_the_umask(tmp_path: Path) -> None:
    root = tmp_path / "exchange"
    root.mkdir()
    courier = FolderCourier(
        ExchangeRoot(root, tmp_path / "record"), {PartyId("p"): "p"}, file_mode=0o660, folder_mode=0o770
    )
    old = os.umask(0o077)
    try:
        assert courier.deliver(PartyId("p"), FOLDER, {NAME: make(tmp_path, b"x")}) == Ok(None)
    finally:
        os.umask(old)
    place = root / "p" / "接收" / FOLDER
    assert [p.stat().st_mode & 0o777 for p in (place / NAME, place)] == [0o660, 0o770]


def test_a_link_planted_for_the_folder_is_not_followed(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "exchange", tmp_path / "elsewhere"
    (root / "p").mkdir(parents=True)
    elsewhere.mkdir()
    (root / "p" / "接收").symlink_to(elsewhere)
    courier = FolderCourier(ExchangeRoot(root, tmp_path / "record"), {PartyId("p"): "p"})
    assert isinstance(courier.deliver(PartyId("p"), FOLDER, {NAME: make(tmp_path, b"x")}), Deferred)
    assert list(elsewhere.iterdir()) == []
