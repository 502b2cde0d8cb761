"""The SFTP courier against a real OpenSSH that is stopped, killed, replaced, full, or meddled with in mid-transfer."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import threading
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.sftp_peers import MB, NAME, RECEIVER, Peer, deferred, in_mid_transfer, serving

from gateway import durable
from gateway.adapters.channels import sshd
from gateway.adapters.channels.sftp import SftpCourier, remote
from gateway.adapters.channels.sshd import HOST, LocalSshd, PythonSftpd, in_python, make_key
from gateway.outcomes import Deferred, Fault, Ok


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Peer]:
    with serving(LocalSshd(tmp_path / "server", make_key(tmp_path / "key")), tmp_path) as made:
        yield made


# ---- who answers -----------------------------------------------------------------------------------------


def test_a_changed_host_key_stops_delivery_before_anything_is_sent(peer: Peer) -> None:
    peer.server.stop()
    peer.server.renew_host_key()
    peer.server.port = peer.endpoint.port
    peer.server.start()
    deferred(peer.deliver(), "705")
    assert not peer.place.exists()
    peer.pin()
    assert peer.deliver() == Ok(None)


def test_a_host_that_is_not_pinned_is_never_learned(peer: Peer) -> None:
    known = peer.endpoint.known_hosts
    for text in ("", "# nothing\n", peer.server.known_hosts_line.replace(f"[{HOST}]:{peer.server.port}", HOST)):
        known.write_text(text)
        deferred(peer.deliver(), "705")
        assert known.read_text() == text


def test_known_hosts_that_cannot_be_read_is_our_fault(peer: Peer) -> None:
    assert peer.deliver(known_hosts=peer.home / "missing") == Fault("900", {"reason": "known_hosts"})
    peer.endpoint.known_hosts.write_text(f"[{HOST}]:{peer.server.port} ssh-ed25519 AAAA!\n")
    assert isinstance(peer.deliver(), (Fault, Deferred))


def test_a_login_that_is_refused_is_deferred(peer: Peer) -> None:
    make_key(peer.home / "another")
    deferred(peer.deliver(key=peer.home / "another"), "701", "login")
    assert peer.deliver(key=peer.home / "missing") == Fault("900", {"reason": "key"})


def test_a_server_that_is_down_is_deferred_and_served_when_it_is_back(peer: Peer) -> None:
    peer.server.stop()
    deferred(peer.deliver(), "701", "connect")
    peer.server.port = peer.endpoint.port
    peer.server.start()
    assert peer.deliver() == Ok(None)
    assert peer.arrived()


# ---- meddling in mid-transfer ----------------------------------------------------------------------------


def test_a_server_that_stops_answering_does_not_hold_us_and_the_rest_is_sent_later(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_mid_transfer(monkeypatch, 100, lambda: peer.server.signal_all(signal.SIGSTOP))
    deferred(peer.deliver(16 * MB, stall_seconds=1.5), "701", "stall")
    monkeypatch.undo()
    peer.server.signal_all(signal.SIGCONT)
    assert not any(t.name == "sftp-supervisor" for t in threading.enumerate())
    assert peer.deliver() == Ok(None)
    assert peer.arrived()


def test_a_server_that_never_greets_does_not_hold_us(peer: Peer) -> None:
    peer.server.signal_all(signal.SIGSTOP)
    deferred(peer.deliver(stall_seconds=1.5), "701", "stall")
    peer.server.signal_all(signal.SIGCONT)


@pytest.mark.parametrize("moves", [1, 2, 4, 150, 255, 262, 300, 400, 513, 516])
def test_a_session_killed_at_any_moment_is_deferred_and_the_next_try_ends_whole(
    peer: Peer, monkeypatch: pytest.MonkeyPatch, moves: int
) -> None:
    def kill() -> None:
        for pid in sshd.descendants(peer.server.pid or 0):
            os.kill(pid, signal.SIGKILL)

    in_mid_transfer(monkeypatch, moves, kill)
    outcome = peer.deliver(8 * MB)
    monkeypatch.undo()
    if not isinstance(outcome, Ok):  # the very last move of all is after the rename
        assert isinstance(outcome, Deferred)
        assert outcome.code == "701"
    assert peer.deliver() == Ok(None)
    assert peer.arrived()


def test_a_true_beginning_is_kept_and_only_the_rest_is_sent(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    path, _ = peer.file(8 * MB)
    peer.place.mkdir()
    peer.part.write_bytes(path.read_bytes()[: 6 * MB + 5])
    inode = peer.part.stat().st_ino
    written = []
    real = remote.paramiko.SFTPFile.write
    monkeypatch.setattr(
        remote.paramiko.SFTPFile, "write", lambda self, data: (written.append(len(data)), real(self, data))[1]
    )
    assert peer.deliver() == Ok(None)
    assert sum(written) == 2 * MB - 5
    assert (peer.place / NAME).stat().st_ino == inode
    assert peer.arrived()


@pytest.mark.parametrize("moves", [100, 255, 270, 400])
def test_a_file_cut_short_under_us_is_never_delivered_short(
    peer: Peer, monkeypatch: pytest.MonkeyPatch, moves: int
) -> None:
    in_mid_transfer(monkeypatch, moves, lambda: os.truncate(peer.part, 1000))
    outcome = peer.deliver(8 * MB)
    monkeypatch.undo()
    assert not isinstance(outcome, Fault)
    assert isinstance(outcome, Deferred) or peer.arrived()
    assert peer.deliver() == Ok(None)
    assert peer.arrived()


def test_a_byte_changed_on_the_way_is_found_by_reading_back(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    def spoil() -> None:
        with peer.part.open("r+b") as stream:
            stream.seek(12345)
            stream.write(b"\0\0\0\0")

    in_mid_transfer(monkeypatch, 259, spoil)  # all is written, nothing is read back yet
    deferred(peer.deliver(8 * MB), "701", "verify")
    assert list(peer.place.iterdir()) == []


# ---- room ------------------------------------------------------------------------------------------------


def test_a_server_that_says_failure_when_it_is_full_defers_with_its_own_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pure-Python server with a quota: its answer is the bare "Failure" that OpenSSH gives for ENOSPC."""
    real = in_python._Handle.write

    def write(handle: object, offset: int, data: bytes) -> int:
        return real(handle, offset, data) if offset + len(data) <= MB else in_python.paramiko.sftp.SFTP_FAILURE

    monkeypatch.setattr(in_python._Handle, "write", write, raising=False)
    with serving(PythonSftpd(tmp_path / "server", make_key(tmp_path / "key")), tmp_path) as peer:
        deferred(peer.deliver(8 * MB), "702", "remote full")
        assert not (peer.place / NAME).exists()
        monkeypatch.undo()
        assert peer.deliver() == Ok(None)
        assert peer.arrived()


def test_a_file_larger_than_the_room_over_there_is_not_begun(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    path, sha256 = peer.home / "ours", "0" * 64
    with path.open("wb") as stream:
        stream.truncate(1 << 43)  # sparse: 8 TB
    outcome = SftpCourier({RECEIVER: peer.endpoint}).deliver(RECEIVER, "in", {NAME: (path, sha256)})
    assert isinstance(outcome, Deferred)
    assert outcome.code == "702"
    assert list(peer.place.iterdir()) == []


# ---- large, many, silent ---------------------------------------------------------------------------------


def test_a_file_of_many_windows_is_read_back_in_little_memory(peer: Peer) -> None:
    with (peer.home / "ours").open("wb") as stream:
        stream.truncate(48 * MB + 7)
    sha256, _ = durable.sha256_file(peer.home / "ours")
    files = {NAME: (peer.home / "ours", sha256)}
    tracemalloc.start()
    try:
        assert SftpCourier({RECEIVER: peer.endpoint}).deliver(RECEIVER, "in", files) == Ok(None)
        assert tracemalloc.get_traced_memory()[1] < 24 * MB
    finally:
        tracemalloc.stop()
    assert peer.arrived()


def test_all_files_of_a_call_go_over_one_connection(peer: Peer) -> None:
    files = {f"{n}.gpg": peer.file(1000) for n in range(20)}
    assert SftpCourier({RECEIVER: peer.endpoint}).deliver(RECEIVER, "in", files) == Ok(None)
    assert (peer.server.home / "sshd.log").read_text().count("Accepted publickey") == 1


def test_nothing_is_logged_of_files_hosts_or_keys(peer: Peer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    assert peer.deliver(1000) == Ok(None)
    peer.server.stop()
    peer.deliver(1000)
    assert [r for r in caplog.records if r.name.startswith(("paramiko", "gateway.sftp"))] == []


def test_stock_sftp_fetches_what_was_delivered(peer: Peer) -> None:
    """The receiver's own program, OpenSSH's client, over the same server."""
    assert peer.deliver(1 * MB) == Ok(None)
    options = ["StrictHostKeyChecking=yes", f"UserKnownHostsFile={peer.endpoint.known_hosts}", "BatchMode=yes"]
    command = ["sftp", "-q", "-P", str(peer.server.port), "-i", str(peer.endpoint.key)]
    for option in options:
        command += ["-o", option]
    fetched = peer.home / "fetched"
    subprocess.run([*command, f"{peer.server.username}@{HOST}:in/{NAME}", str(fetched)], check=True, timeout=60)
    assert fetched.read_bytes() == (peer.home / "ours").read_bytes()


# ---- into another node's drop folder ---------------------------------------------------------------------

BATCH = (
    NAME,
    "分发清单_2026Q3_第1批_440000.json",
    "分发清单_2026Q3_第1批_440000.json.sig",
    "分发清单_2026Q3_第1批_440000.html",
    "签收单_2026Q3_跨省流入人口个案_第1批_440000.receipt.json",
    "交接单_2026Q3_第1批_440000.html",
)


def lies_there(peer: Peer) -> list[str]:
    return sorted(str(p.relative_to(peer.server.data)) for p in peer.server.data.rglob("*") if p.is_file())


def test_only_packages_go_into_a_drop_folder_and_signatures_into_the_one_for_them(peer: Peer) -> None:
    """The folder is the one that the other node makes for us; the signature of an acknowledgement is no submission."""
    endpoint = replace(peer.endpoint, folder="上报/{label}", packages_only=True, acknowledge="签收")
    courier = SftpCourier({RECEIVER: endpoint})
    label, file = "跨省流入人口个案", peer.file(1000)
    assert courier.deliver(RECEIVER, label, dict.fromkeys(BATCH, file)) == Ok(None)
    assert lies_there(peer) == [f"上报/{label}/{NAME}"]
    assert courier.deliver(RECEIVER, "签收", {"签收单.receipt.json.sig": file}) == Ok(None)
    assert lies_there(peer) == sorted(["上报/签收/签收单.receipt.json.sig", f"上报/{label}/{NAME}"])


def test_a_batch_without_a_package_has_nothing_for_a_drop_folder(peer: Peer) -> None:
    endpoint = replace(peer.endpoint, packages_only=True)
    peer.server.stop()  # and nobody is asked
    files = dict.fromkeys(BATCH[1:], peer.file(1000))
    assert SftpCourier({RECEIVER: endpoint}).deliver(RECEIVER, "in", files) == Ok(None)


def test_by_default_everything_goes_into_a_folder_of_the_label_s_name(peer: Peer) -> None:
    endpoint = replace(peer.endpoint, remote_folder="收/件")
    assert SftpCourier({RECEIVER: endpoint}).deliver(RECEIVER, "甲", dict.fromkeys(BATCH, peer.file(10))) == Ok(None)
    assert lies_there(peer) == sorted(f"收/件/甲/{name}" for name in BATCH)
