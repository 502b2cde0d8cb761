"""Stock clients put files into drop folders over lines that are slow, stand still, or break, while a daemon of another
user scans them: every file is taken whole, once, and never early; of what broke off nothing passes for whole."""

from __future__ import annotations

import codecs
import ctypes
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import users
from places import new_place
from support.slow_line import HOST, SlowLine

from gateway.adapters.channels.folders import DropFolders, Quiet
from gateway.adapters.channels.room import Room
from gateway.adapters.channels.sshd import LocalSshd, make_key
from gateway.adapters.channels.writers import Writers, unit
from gateway.outcomes import Ok
from gateway.parcels import AgreementId, PartyId
from gateway.records.truncation import is_truncated

DAEMON, ASKING = 64111, 64112
CAP_LEASE, KEEPCAPS = 28, 8
QUIET, UNFINISHED, STILL = 0.5, 2.0, 5.0
# Few long lines: no client's blocks end where a line does, so a broken upload always ends within a line.
DATA = b"".join(b"%d," % n + os.urandom(75_000).hex().encode() + b"\n" for n in range(13))
NAME = "2026Q3.csv"
NOW = datetime(2026, 10, 8, 1, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Servers:
    """Ports of the servers, and what clients need to log in."""

    root: Path
    place: Path
    sftp: int
    smb: int
    rsync: int

    @property
    def ssh(self) -> str:
        options = "-o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no -o LogLevel=ERROR -o IdentitiesOnly=yes"
        return f"ssh -o IdentityFile={self.place}/key {options}"


def run(*command: object, seconds: float = 60, **more: object) -> int:
    done = subprocess.run([str(word) for word in command], capture_output=True, timeout=seconds, check=False, **more)  # type: ignore[call-overload]
    return int(done.returncode)


def sftp(servers: Servers, port: int, folder: str) -> None:
    batch = f"put {servers.place / NAME} {folder}/{NAME}\n"
    words = servers.ssh.split()[1:]
    run("sftp", *words, "-b", "-", "-P", port, f"root@{HOST}", input=batch.encode())


def rclone(servers: Servers, port: int, folder: str) -> None:
    remote = f":sftp,host={HOST},port={port},user=root,key_file={servers.place}/key,shell_type=none:"
    options = ("--config", "/dev/null", "--retries", "2", "--low-level-retries", "2", "--retries-sleep", "1s")
    run("rclone", "copyto", *options, servers.place / NAME, f"{remote}{folder}/{NAME}")


def lftp(servers: Servers, port: int, folder: str) -> None:
    settings = (
        f"set sftp:connect-program '{servers.ssh} -a -x'; set net:reconnect-interval-base 1; set net:max-retries 3"
    )
    put = f"put {servers.place / NAME} -o {folder}/{NAME}"
    run(
        "lftp",
        "-c",
        f"{settings}; open -u root, -p {port} sftp://{HOST}; {put}",
        env={**os.environ, "HOME": "/nowhere"},
    )


def curl(servers: Servers, port: int, folder: str) -> None:
    url = f"sftp://root@{HOST}:{port}{servers.root}/{folder}/{NAME}"
    run(
        "curl",
        "-s",
        "-k",
        "--key",
        servers.place / "key",
        "--pubkey",
        servers.place / "key.pub",
        "-T",
        servers.place / NAME,
        url,
    )


def sshfs(servers: Servers, port: int, folder: str) -> None:
    at = servers.place / f"mount-{port}"
    at.mkdir()
    command = servers.ssh.removeprefix("ssh ").split()
    run("sshfs", *command, "-p", port, f"root@{HOST}:{servers.root}/{folder}", at)
    try:
        run("cp", servers.place / NAME, at / NAME)
    finally:
        run("fusermount3", "-u", "-z", at)


def rsync(servers: Servers, port: int, folder: str) -> None:
    run("rsync", "--inplace", servers.place / NAME, f"rsync://{HOST}:{port}/drop/{folder}/{NAME}")


def smbclient(servers: Servers, port: int, folder: str) -> None:
    command = f'cd "{folder}"; put {servers.place / NAME} {NAME}'
    run("smbclient", "-s", servers.place / "smb.conf", "-N", "-p", port, f"//{HOST}/drop", "-c", command)


CLIENTS: dict[str, tuple[Callable[[Servers, int, str], None], str]] = {
    "sftp": (sftp, "sftp"),
    "rclone": (rclone, "sftp"),
    "lftp": (lftp, "sftp"),
    "curl": (curl, "sftp"),
    "sshfs": (sshfs, "sftp"),
    "rsync": (rsync, "rsync"),
    "smbclient": (smbclient, "smb"),
}
LINES: dict[str, dict[str, float]] = {
    "slow": {"rate": 300_000},
    "still": {"still_at": 700_000, "still_seconds": STILL},
    "broken": {"break_at": 700_000},
}


def lease_only(task: Callable[[], object]) -> Callable[[], object]:
    """`task` with one capability, as the unit has it, kept over the change of user."""

    def kept() -> object:
        libc = ctypes.CDLL(None, use_errno=True)
        head, sets = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)(1 << CAP_LEASE, 1 << CAP_LEASE)
        assert libc.capset(head, sets) == 0, os.strerror(ctypes.get_errno())
        return task()

    return kept


def start_unit(path: Path) -> int:
    """The unit as a user of its own, in the daemon's group."""
    path.parent.mkdir()
    os.chown(path.parent, ASKING, DAEMON)
    path.parent.chmod(0o750)
    ctypes.CDLL(None).prctl(KEEPCAPS, 1, 0, 0, 0)
    pid = users.start(lease_only(lambda: unit.serve(path)), ASKING, DAEMON)
    ctypes.CDLL(None).prctl(KEEPCAPS, 0, 0, 0, 0)
    wait_for(path.exists)
    return pid


def wait_for(true: Callable[[], bool], seconds: float = 20) -> None:
    limit = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < limit
        time.sleep(0.05)


def scanning(root: Path, spool: Path, folders: list[str], asked: Path, ended: Path, told: Path) -> Callable[[], None]:
    """The daemon's side: scan until `ended` is there; a line for every file that was taken."""

    def scan() -> None:
        addresses = [(PartyId(folder), AgreementId("a"), folder) for folder in folders]
        quiet = Quiet(QUIET, unfinished=UNFINISHED, writers=Writers(asked))
        inbox = DropFolders(root, addresses, spool, quiet=quiet, room=Room(min_free=0))
        with told.open("a", encoding="utf-8") as stream:
            while not ended.exists():
                for claim in inbox.scan(NOW):
                    copied = inbox.copy(claim.parcel)
                    assert isinstance(copied, Ok), copied
                    truncated = is_truncated(copied.value.path, copied.value.name) or not copied.value.size
                    line = {"folder": claim.sender, "sha256": copied.value.sha256, "truncated": truncated}
                    stream.write(json.dumps(line) + "\n")
                    stream.flush()
                    inbox.finish(claim.parcel)
                time.sleep(0.1)

    return scan


@pytest.fixture(scope="module")
def taken() -> Iterator[dict[str, list[dict[str, object]]]]:
    """Every client on every line, all at the same time; what was taken out of each folder."""
    with new_place() as place, ExitStack() as stack:
        (place / NAME).write_bytes(DATA)
        public = make_key(place / "key")
        (place / "key.pub").write_text(public + "\n")
        sshd = LocalSshd(place / "sshd", public)
        root = sshd.data
        folders = [f"{client}-{line}" for client in CLIENTS for line in LINES]
        for path in (place / "sshd", root, *(root / folder for folder in folders)):
            path.mkdir(exist_ok=True)
            path.chmod(0o755)
            os.chown(path, DAEMON, DAEMON) if path.parent == root or path == root else None
        (place / "spool").mkdir(mode=0o700)
        os.chown(place / "spool", DAEMON, DAEMON)
        (place / "told").mkdir()
        os.chown(place / "told", DAEMON, DAEMON)
        sshd.start()
        stack.callback(sshd.stop)
        servers = Servers(root, place, sshd.port, serve_smb(place, root, stack), serve_rsync(place, root, stack))
        asked = place / "writers" / "writers.sock"
        for codec in ("ascii", "utf-8"):  # the interpreter may lie where another user cannot look them up
            codecs.lookup(codec)
        for pid in (
            start_unit(asked),
            users.start(
                scanning(root, place / "spool", folders, asked, place / "ended", place / "told" / "lines"),
                DAEMON,
                DAEMON,
            ),
        ):
            stack.callback(os.waitpid, pid, 0)
            stack.callback(os.kill, pid, signal.SIGKILL)
        with ThreadPoolExecutor(len(folders)) as pool:
            list(pool.map(lambda folder: upload(servers, folder), folders))
        time.sleep(UNFINISHED + 2)
        lines = [json.loads(line) for line in (place / "told" / "lines").read_text().splitlines()]
        yield {folder: [line for line in lines if line["folder"] == folder] for folder in folders}


def upload(servers: Servers, folder: str) -> None:
    client, _, kind = folder.partition("-")
    put, server = CLIENTS[client]
    line = SlowLine(getattr(servers, server), **LINES[kind])
    try:
        put(servers, line.address, folder)
    finally:
        line.close()
    assert line.has_broken == (kind == "broken"), f"the line of {folder} did not do what it was made for"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def serve_smb(place: Path, root: Path, stack: ExitStack) -> int:
    """Samba with one share, which is the exchange root."""
    port, own = free_port(), place / "samba"
    own.mkdir()
    folders = "".join(
        f"{name} = {own}\n"
        for name in (
            "private dir",
            "lock directory",
            "state directory",
            "cache directory",
            "pid directory",
            "ncalrpc dir",
        )
    )
    (place / "smb.conf").write_text(
        f"[global]\nsmb ports = {port}\nbind interfaces only = yes\ninterfaces = lo\nserver role = standalone\n"
        f"map to guest = bad user\nguest account = root\ndisable spoolss = yes\nload printers = no\n{folders}"
        f"[drop]\npath = {root}\nguest ok = yes\nread only = no\nforce user = root\ncreate mask = 0644\n"
    )
    smbd = subprocess.Popen(
        ["smbd", "--foreground", "--no-process-group", "--debug-stdout", "-s", str(place / "smb.conf")],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # when it ends it signals its whole process group
    )
    stack.callback(smbd.wait)
    stack.callback(smbd.terminate)
    wait_for(lambda: listens(port))
    return port


def serve_rsync(place: Path, root: Path, stack: ExitStack) -> int:
    port = free_port()
    (place / "rsyncd.conf").write_text(
        f"use chroot = no\naddress = {HOST}\nlog file = /dev/null\n[drop]\npath = {root}\nread only = no\n"
        "uid = 0\ngid = 0\n"
    )
    daemon = subprocess.Popen(
        ["rsync", "--daemon", "--no-detach", f"--port={port}", f"--config={place / 'rsyncd.conf'}"],
        stdin=subprocess.DEVNULL,
    )
    stack.callback(daemon.wait)
    stack.callback(daemon.terminate)
    wait_for(lambda: listens(port))
    return port


def listens(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


WHOLE = hashlib.sha256(DATA).hexdigest()


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("line", ["slow", "still"])
def test_taken_whole_once_and_never_early(taken: dict[str, list[dict[str, object]]], client: str, line: str) -> None:
    found = taken[f"{client}-{line}"]
    assert [(one["sha256"], one["truncated"]) for one in found] == [(WHOLE, False)]


@pytest.mark.parametrize("client", CLIENTS)
def test_of_what_broke_off_nothing_passes_for_whole(taken: dict[str, list[dict[str, object]]], client: str) -> None:
    """A client that tries again brings it whole; else what is left of it is told from the whole."""
    found = taken[f"{client}-broken"]
    assert [one for one in found if one["sha256"] != WHOLE and not one["truncated"]] == []
    assert len([one for one in found if one["sha256"] == WHOLE]) <= 1


def test_every_program_is_there() -> None:
    needed = ("sftp", "rclone", "lftp", "curl", "sshfs", "fusermount3", "rsync", "smbclient", "smbd")
    assert [program for program in needed if shutil.which(program) is None] == []
