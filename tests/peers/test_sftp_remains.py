"""What cut transfers leave with a receiver, and what becomes of it: real lines that break, processes that are killed,
servers that outlive their connection, that replace nothing, or that are full."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import paramiko
import pytest
from support.logs import START, make_log
from support.sftp_peers import MB, NAME, Peer, deferred, in_mid_transfer, serving
from support.slow_line import SlowLine

from gateway.adapters.channels import sshd
from gateway.adapters.channels.sftp import remote
from gateway.adapters.channels.sshd import LocalSshd, make_key, openssh
from gateway.adapters.publishing.over_sftp import Mailbox
from gateway.log.note import read_checkpoint
from gateway.outcomes import Deferred, Fault, Ok

SIZE = 2 * MB


@contextmanager
def sshd_with(tmp_path: Path, options: str = "") -> Iterator[Peer]:
    server = LocalSshd(tmp_path / "server", make_key(tmp_path / "key"), options=options)
    with serving(server, tmp_path) as peer:
        yield peer


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Peer]:
    with sshd_with(tmp_path) as made:
        yield made


@contextmanager
def line(peer: Peer, **kind: float) -> Iterator[SlowLine]:
    """A relay to the server whose port is pinned too."""
    made = SlowLine(peer.server.port, **kind)
    with peer.endpoint.known_hosts.open("a") as pins:
        pins.write(peer.server.known_hosts_line.replace(f":{peer.server.port} ", f":{made.address} "))
    try:
        yield made
    finally:
        made.close()


def wait(holds: Callable[[], bool]) -> None:
    limit = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < limit, "it did not come about"
        time.sleep(0.02)


def leave(peer: Peer, held: int) -> Path:
    """So many bytes of our file under its final name."""
    path, _ = peer.file(SIZE)
    peer.place.mkdir(exist_ok=True)
    (peer.place / NAME).write_bytes(path.read_bytes()[:held])
    return peer.place / NAME


# ---- what is left where ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("break_at", [10_000, 500_000, 2_000_000, 2_150_000])
def test_a_line_that_breaks_leaves_at_most_a_beginning_and_no_final_name(peer: Peer, break_at: int) -> None:
    path, _ = peer.file(SIZE)
    with line(peer, break_at=break_at) as broken:
        outcome = peer.deliver(port=broken.address)
        assert broken.has_broken or outcome == Ok(None)
    if broken.has_broken:
        assert isinstance(outcome, Deferred)
        assert outcome.code == "701"
        assert not (peer.place / NAME).exists()
        if peer.part.exists():
            held = peer.part.read_bytes()
            assert path.read_bytes().startswith(held)
    assert peer.deliver() == Ok(None)
    assert peer.arrived()


def test_a_kill_of_ours_in_mid_upload_leaves_a_beginning_that_is_resumed(peer: Peer) -> None:
    path, sha256 = peer.file(SIZE)
    with line(peer, rate=400_000) as slow:
        endpoint = replace(peer.endpoint, port=slow.address)
        script = (
            "from pathlib import Path, PosixPath\n"
            "from gateway.adapters.channels.sftp import Endpoint, SftpCourier\n"
            f"SftpCourier({{'p': {endpoint!r}}}).deliver('p', 'in', {{{NAME!r}: ({path!r}, {sha256!r})}})\n"
        )
        ours = subprocess.Popen([sys.executable, "-c", script])
        try:
            wait(lambda: peer.part.exists() and peer.part.stat().st_size > 0)
        finally:
            ours.kill()
            ours.wait()
    assert not (peer.place / NAME).exists()
    assert peer.deliver() == Ok(None)
    assert peer.arrived()


# ---- a beginning under the final name --------------------------------------------------------------------------------


@pytest.mark.parametrize("options", ["", "-P posix-rename", "-P posix-rename,statvfs,fsync"])
@pytest.mark.parametrize("held", [0, 1, SIZE - 1])
def test_a_true_beginning_is_mended_also_where_a_rename_replaces_nothing(
    tmp_path: Path, options: str, held: int
) -> None:
    with sshd_with(tmp_path, options) as peer:
        leave(peer, held)
        assert peer.deliver() == Ok(None)
        assert peer.arrived()


@pytest.mark.parametrize("options", ["", "-P posix-rename"])
@pytest.mark.parametrize("spoil", ["first", "last", "longer", "other"])
def test_what_is_not_ours_stays_as_it_is(tmp_path: Path, options: str, spoil: str) -> None:
    with sshd_with(tmp_path, options) as peer:
        left = leave(peer, SIZE - 1)
        held = bytearray(left.read_bytes())
        if spoil == "first":
            held[0] ^= 1
        elif spoil == "last":
            held[-1] ^= 1
        elif spoil == "longer":
            held = bytearray((peer.home / "ours").read_bytes() + b"x")
        else:
            held = bytearray(b"somebody else's")
        left.write_bytes(held)
        assert peer.deliver() == Fault("903")
        assert left.read_bytes() == held
        left.rename(peer.home / "moved away")
        assert peer.deliver() == Ok(None)
        assert peer.arrived()


def test_what_takes_the_place_of_a_beginning_while_we_write_stays(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    left = leave(peer, 1000)
    in_mid_transfer(monkeypatch, 30, lambda: left.write_bytes(b"somebody else's"))
    assert peer.deliver() == Fault("903")
    assert left.read_bytes() == b"somebody else's"


def test_where_nothing_is_replaced_the_beginning_is_looked_at_as_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the writing another file comes."""
    with sshd_with(tmp_path, "-P posix-rename") as peer:
        left = leave(peer, 1000)
        real = paramiko.SFTPClient.open

        def opened(self: paramiko.SFTPClient, name: str, mode: str = "r", *more: object) -> paramiko.SFTPFile:
            if name.endswith(f"/{NAME}") and "+" in mode:
                left.write_bytes(b"somebody else's")
            return real(self, name, mode, *more)  # type: ignore[arg-type]

        monkeypatch.setattr(paramiko.SFTPClient, "open", opened)
        assert peer.deliver() == Fault("903")
        assert left.read_bytes() == b"somebody else's"


@pytest.mark.parametrize("held", [0, 1000, SIZE])
def test_what_the_receiver_takes_away_between_two_looks_is_no_trouble(
    peer: Peer, monkeypatch: pytest.MonkeyPatch, held: int
) -> None:
    """It has the whole then, or gets it now: never nothing."""
    left = leave(peer, held)
    taken = peer.home / "taken"
    real = remote.status

    def status(sftp: paramiko.SFTPClient, path: str) -> paramiko.SFTPAttributes | None:
        found = real(sftp, path)
        if path.endswith(f"/{NAME}") and left.exists() and not taken.exists():
            left.rename(taken)
        return found

    monkeypatch.setattr(remote, "status", status)
    assert peer.deliver() == Ok(None)
    assert peer.arrived()


# ---- servers that outlive their connection ---------------------------------------------------------------------------


def is_gone(pid: int) -> bool:
    """Ended; who is left to its own parent is a zombie until that looks."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_what_an_earlier_session_asked_for_last_spoils_nothing_when_it_is_done_late(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server's process stands still and the line is gone, with our request to open the file in its queue. A second
    session delivers; just before its rename the first one's request is carried out."""
    real_open, real_answer, real_rename = (
        paramiko.SFTPClient.open,
        paramiko.SFTPClient._read_response,  # type: ignore[attr-defined]
        remote.rename,
    )
    stopped: list[int] = []

    def opened(self: paramiko.SFTPClient, name: str, mode: str = "r", *more: object) -> paramiko.SFTPFile:
        if name.endswith(".part"):
            stopped.append(stop_session(peer))
            monkeypatch.setattr(paramiko.SFTPClient, "_read_response", hang_up)
        return real_open(self, name, mode, *more)  # type: ignore[arg-type]

    def hang_up(self: paramiko.SFTPClient, *_: object) -> None:
        self.get_channel().get_transport().close()  # type: ignore[union-attr] # the request is on its way
        raise EOFError

    def renamed(sftp: paramiko.SFTPClient, old: str, new: str) -> bool:
        os.kill(stopped[0], signal.SIGCONT)
        wait(lambda: is_gone(stopped[0]))
        return bool(real_rename(sftp, old, new))

    monkeypatch.setattr(paramiko.SFTPClient, "open", opened)
    deferred(peer.deliver(SIZE), "701", "dropped")
    monkeypatch.setattr(paramiko.SFTPClient, "open", real_open)
    monkeypatch.setattr(paramiko.SFTPClient, "_read_response", real_answer)
    monkeypatch.setattr(remote, "rename", renamed)
    outcome = peer.deliver()
    assert (peer.place / NAME).stat().st_size == SIZE
    assert outcome == Ok(None)
    assert peer.arrived()


def test_a_second_session_delivers_while_the_first_one_s_process_holds_the_file_open(
    peer: Peer, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped: list[int] = []
    with line(peer) as first:

        def cut() -> None:
            stopped.append(stop_session(peer))
            first.cut()

        in_mid_transfer(monkeypatch, 40, cut)
        deferred(peer.deliver(SIZE, port=first.address), "701", "dropped")
        monkeypatch.undo()
    assert any(os.path.samefile(f"/proc/{stopped[0]}/fd/{fd}", peer.part) for fd in open_files(stopped[0]))
    assert peer.deliver() == Ok(None)
    os.kill(stopped[0], signal.SIGCONT)
    wait(lambda: is_gone(stopped[0]))
    assert peer.arrived()


def stop_session(peer: Peer) -> int:
    """Stop the process that serves files, which is the newest and deepest; the one that has its connection goes on."""
    pid = sshd.descendants(peer.server.pid or 0)[-1]
    os.kill(pid, signal.SIGSTOP)
    return pid


def open_files(pid: int) -> list[str]:
    """Its descriptors of files that have a name."""
    folder = Path(f"/proc/{pid}/fd")
    return [fd.name for fd in folder.iterdir() if os.readlink(fd).startswith("/")]


# ---- room ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", ["", "-P statvfs"])
def test_a_limit_of_ours_over_there_is_told_from_a_server_that_denies_us(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: str
) -> None:
    """The disk has room, yet a write beyond a mebibyte is refused, as by a quota: "Failure" is all that is said."""
    program = tmp_path / "sshd"
    program.write_text(f"#!/bin/bash\ntrap '' XFSZ\nulimit -f 1024\nexec {openssh.find_sshd()} \"$@\"\n")
    program.chmod(0o700)
    with monkeypatch.context() as limited:
        limited.setattr(openssh, "find_sshd", lambda: str(program))
        with sshd_with(tmp_path, options) as peer:
            deferred(peer.deliver(SIZE), "702", "remote full" if options else "refused")
            assert not (peer.place / NAME).exists()
    with sshd_with(tmp_path) as peer:
        assert peer.deliver() == Ok(None)
        assert peer.arrived()


def test_the_file_is_on_the_servers_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a power failure leaves a short file under a name that we hold for delivered. As strace sees the server."""
    trace, program = tmp_path / "trace", tmp_path / "sshd"
    tracing = f"strace -f -y -e trace=fsync,rename -o {trace}"
    program.write_text(f'#!/bin/sh\nexec {tracing} {openssh.find_sshd()} "$@"\n')
    program.chmod(0o700)
    monkeypatch.setattr(openssh, "find_sshd", lambda: str(program))

    def seen() -> list[str]:
        return [call for call in trace.read_text().splitlines() if f".{NAME}.part" in call]

    with sshd_with(tmp_path) as peer:
        assert peer.deliver(SIZE) == Ok(None)
        wait(lambda: any("rename" in call for call in seen()))
        assert ["fsync" in call for call in seen()] == [True, False]


# ---- a witness's mailbox ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", ["", "-P posix-rename"])
def test_a_later_request_to_a_witness_takes_the_place_of_the_earlier_one(tmp_path: Path, options: str) -> None:
    asking = make_log(tmp_path / "log", 5)

    def no_proof(_: int) -> list[bytes]:
        return []

    with sshd_with(tmp_path, options) as peer:
        mailbox = Mailbox(peer.endpoint, "in", seconds=0)
        earlier, _ = read_checkpoint(asking.checkpoint.read_bytes())
        assert mailbox.ask(earlier, no_proof, 0, tmp_path / "incoming") is False
        asking.grow(5, 2, START)
        note, _ = read_checkpoint(asking.checkpoint.read_bytes())
        assert note.text != earlier.text
        assert mailbox.ask(note, no_proof, 0, tmp_path / "incoming") is False
        assert [path.name for path in peer.place.iterdir()] == ["add-checkpoint"]
        assert note.text.encode() in (peer.place / "add-checkpoint").read_bytes()
