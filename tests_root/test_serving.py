"""Partners log in over a real OpenSSH with the shipped drop-in, after `gateway parties provision --apply`."""

from __future__ import annotations

import os
import pwd
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pytest
import users
from places import new_place
from support.logs import make_log

from gateway.adapters.channels.sshd import HOST, find_sshd, make_key
from gateway.adapters.publishing import LogKeys, Witness, over_http, over_sftp
from gateway.demo import folders
from gateway.founding import TierChoice, make
from gateway.log import merkle
from gateway.log.note import Note, read_checkpoint
from gateway.log.tiles import TileTree
from gateway.policy import loading
from gateway.policy.facts import Facts
from gateway.provisioning import Folder, NotPossible, Remove, System, plan

DROPIN = Path(__file__).parents[1] / "systemd" / "sshd_config.d" / "gateway.conf"
GONGAN, MINZHENG, PREFIX, DAEMON, GROUP = "440106-gongan", "440106-minzheng", "gwt-", "gwt-daemon", "gwt-parties"


@dataclass
class Served:
    """A node that serves two departments, and the client's side of it."""

    facts: Facts
    system: System
    port: int
    place: Path

    def sftp(self, batch: str, party: str = GONGAN, *options: str, key: str = "") -> subprocess.CompletedProcess[str]:
        """The stock client with a batch of commands; stops at the first that fails."""
        known = self.place / "known_hosts"
        return subprocess.run(
            [
                *("sftp", "-b", "-", "-P", str(self.port), "-i", str(self.place / (key or f"{party}.key"))),
                *("-o", f"UserKnownHostsFile={known}", "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=yes"),
                *("-o", "BatchMode=yes", *options, f"{PREFIX}{party}@{HOST}"),
            ],
            input=batch,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def folder(self, *below: str, party: str = GONGAN) -> Path:
        return self.facts.path(self.facts.node.exchange_root).joinpath(party, *below)

    def drop(self, party: str = GONGAN) -> Path:
        agreement = next(
            a for a in self.facts.agreements.values() if self.facts.parties[party] in self.facts.senders(a)
        )
        return self.folder("上报", agreement.label, party=party)


def remove_accounts() -> None:
    for name in (f"{PREFIX}{GONGAN}", f"{PREFIX}{MINZHENG}", DAEMON):
        subprocess.run(["userdel", name], capture_output=True, check=False)
    subprocess.run(["groupdel", GROUP], capture_output=True, check=False)


@pytest.fixture(scope="module")
def serving() -> Iterator[Served]:
    with new_place() as place:
        yield from serve(place)


@pytest.fixture
def served(serving: Served) -> Iterator[Served]:
    """The same server for every test, the drop folders empty again after each."""
    yield serving
    for party in (GONGAN, MINZHENG):
        for left in serving.drop(party).iterdir():
            left.unlink()


def serve(place: Path) -> Iterator[Served]:
    remove_accounts()
    made = make(place / "node", TierChoice.COUNTY, "440106", None)
    config = made.facts.home / "config" / "gateway.toml"
    config.write_text(config.read_text("utf-8").replace('exchange_root = "exchange"', f'exchange_root = "{place}/srv"'))
    with config.open("a", encoding="utf-8") as stream:
        stream.write(f'\n[witnessing]\nparties = ["{MINZHENG}"]\n')
    (made.facts.keys / "witnessed.policy").write_text("quorum none\n")
    (made.facts.keys / "ssh").mkdir()
    for party in (GONGAN, MINZHENG):
        (made.facts.keys / "ssh" / f"{party}.pub").write_text(make_key(place / f"{party}.key") + " partner\n")
    make_key(place / "stranger.key")
    facts = loading.load(made.facts.home)
    system = System(DAEMON, GROUP, place / "keys", PREFIX)
    subprocess.run(["useradd", "--system", "--no-create-home", "--user-group", DAEMON], check=True)
    apply(facts, system)
    process = None
    try:
        with socket.socket() as probe:
            probe.bind((HOST, 0))
            port = probe.getsockname()[1]
        process = start(place, port, system)
        yield Served(facts, system, port, place)
    finally:
        if process is not None:
            process.kill()
            process.wait()
        remove_accounts()


def apply(facts: Facts, system: System) -> list[str]:
    steps = list(plan(facts, system))
    for step in steps:
        step.do()
    return [str(step) for step in steps]


def start(place: Path, port: int, system: System) -> subprocess.Popen[bytes]:
    """sshd with a configuration that includes the shipped drop-in; only names and the keys' folder are the test's."""
    dropin = DROPIN.read_text("utf-8").replace("gateway-parties", GROUP).replace("/etc/gateway/keys", str(system.keys))
    (place / "dropin.conf").write_text(dropin)
    public = make_key(place / "host_key")
    (place / "known_hosts").write_text(f"[{HOST}]:{port} {public}\n")
    (place / "sshd_config").write_text(
        f"Include {place}/dropin.conf\nPort {port}\nListenAddress {HOST}\nHostKey {place}/host_key\nPidFile none\n"
        "UsePAM no\nStrictModes yes\nPasswordAuthentication yes\nSubsystem sftp internal-sftp\n"
    )
    Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    program = find_sshd()
    assert program is not None
    with (place / "sshd.log").open("ab") as log:
        process = subprocess.Popen([program, "-D", "-e", "-f", place / "sshd_config"], stdout=log, stderr=log)
    limit = time.monotonic() + 60
    while time.monotonic() < limit and process.poll() is None:
        with suppress(OSError), socket.create_connection((HOST, port), timeout=5):
            return process
        time.sleep(0.02)
    raise AssertionError((place / "sshd.log").read_text())


def ids(name: str) -> tuple[int, int]:
    found = pwd.getpwnam(name)
    return found.pw_uid, found.pw_gid


def test_a_party_drops_and_the_daemon_takes(served: Served) -> None:
    (served.place / "mine.csv").write_bytes(b"a,b\n1,2\n")
    inside = "/" + str(served.drop().relative_to(served.folder()))
    done = served.sftp(f'put "{served.place}/mine.csv" "{inside}/mine.csv"\n')
    assert done.returncode == 0, done.stderr
    file = served.drop() / "mine.csv"
    status = file.stat()
    assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (ids(f"{PREFIX}{GONGAN}")[0], 0o640)
    assert status.st_gid == ids(DAEMON)[1]

    def take() -> str:
        file.rename(file.with_name(".taken-x"))
        text = file.with_name(".taken-x").read_text()
        file.with_name(".taken-x").unlink()
        return text

    assert users.run(take, *ids(DAEMON)) == "a,b\n1,2\n"


def test_the_daemon_lays_and_the_party_fetches_but_does_not_write(served: Served) -> None:
    def lay() -> None:
        folder = served.folder("接收", "批次")
        folder.mkdir(mode=0o770)
        (folder / "p.gpg").write_bytes(b"sealed")
        (folder / "p.gpg").chmod(0o640)

    assert users.run(lay, *ids(DAEMON)) is None
    done = served.sftp(f"get /接收/批次/p.gpg {served.place}/fetched\n")
    assert done.returncode == 0, done.stderr
    assert (served.place / "fetched").read_bytes() == b"sealed"
    for batch in ("rm /接收/批次/p.gpg", f"put {served.place}/fetched /接收/批次/q", "mkdir /mine", "mkdir /上报/mine"):
        assert served.sftp(batch + "\n").returncode != 0, batch
    assert served.folder("接收", "批次", "p.gpg").exists()


def test_a_partys_log_is_witnessed_in_its_chroot(served: Served) -> None:
    """The request is the party's to leave, the answer the daemon's, and both can read what the other wrote."""
    log = make_log(served.place / "theirs", 2)
    note, checkpoint = read_checkpoint(log.checkpoint.read_bytes())
    tree = TileTree(log.folder, checkpoint.size)
    body = over_http.request(note, lambda old: merkle.consistency(tree.node, old, checkpoint.size), 0)
    (served.place / "request").write_bytes(body)
    state = served.place / "witness"
    (state / "private").mkdir(parents=True)
    witness = Witness(state, LogKeys(state / "private", "county").witness())
    subprocess.run(["chown", "-R", DAEMON, state], check=True)
    put = served.sftp(f"put {served.place}/request /见证/add-checkpoint\n", MINZHENG)
    assert put.returncode == 0, put.stderr

    def answer() -> int | None:
        folder = folders.party_folder(served.facts, served.facts.parties[MINZHENG]) / "见证"
        return over_sftp.answer_path(witness, {log.key.name: log.key}, folder, 1_800_000_000)

    assert users.run(answer, *ids(DAEMON)) == 200
    got = f"get /见证/checkpoint.note {served.place}/cosigned\nrm /见证/checkpoint.note\nls -1 /见证\n"
    done = served.sftp(got, MINZHENG)
    assert done.returncode == 0, done.stderr
    assert "add-checkpoint" not in done.stdout
    assert Note.parse((served.place / "cosigned").read_bytes()).text == note.text
    assert served.sftp("ls /见证\n").returncode != 0, "it is made for whom it is asked for"


def test_a_party_sees_nothing_but_its_own(served: Served) -> None:
    (served.drop(MINZHENG) / "theirs.csv").write_bytes(b"x")
    seen = served.sftp("cd /\npwd\nls -1\ncd ..\nls -1\n")
    assert seen.returncode == 0
    assert MINZHENG not in seen.stdout
    assert sorted({line for line in seen.stdout.splitlines() if not line.startswith(("sftp>", "Remote"))}) == sorted(
        ["上报", "接收", "回执", "退回", "模板"]
    )
    for path in ("/etc/passwd", f"/../{MINZHENG}", str(served.folder(party=MINZHENG))):
        assert served.sftp(f"ls {path}\n").returncode != 0, path
    assert served.sftp("ls\n", MINZHENG, key=f"{GONGAN}.key").returncode != 0


@pytest.mark.parametrize("command", ["symlink /etc/passwd /上报/l", "ln /模板 x", "ln -s / /上报/x"])
def test_a_party_plants_no_links(served: Served, command: str) -> None:
    drop = "/" + str(served.drop().relative_to(served.folder()))
    assert served.sftp(f"cd {drop}\n{command}\n").returncode != 0
    assert list(served.drop().iterdir()) == []


def test_nobody_gets_a_shell_a_tunnel_or_in_by_password(served: Served) -> None:
    def ssh(*words: str) -> subprocess.CompletedProcess[str]:
        options = (
            "-o",
            f"UserKnownHostsFile={served.place}/known_hosts",
            "-o",
            "BatchMode=yes",
            "-o",
            "IdentitiesOnly=yes",
        )
        key = ("-i", str(served.place / f"{GONGAN}.key"))
        return subprocess.run(
            ["ssh", "-p", str(served.port), *options, *key, *words],
            capture_output=True,
            text=True,
            timeout=60,
            stdin=subprocess.DEVNULL,
        )

    account = f"{PREFIX}{GONGAN}@{HOST}"
    assert "uid=" not in ssh(account, "id").stdout
    assert ssh("-W", f"{HOST}:{served.port}", account).returncode != 0
    assert served.sftp("ls\n", key="stranger.key").returncode != 0
    asked = ssh("-o", "PreferredAuthentications=none", account)
    assert "(publickey)" in asked.stderr


OLD: dict[str, str] = {
    "kex": "KexAlgorithms=diffie-hellman-group14-sha256",
    "cipher": "Ciphers=aes128-cbc",
    "mac": "MACs=hmac-sha1",
    "host key": "HostKeyAlgorithms=ecdsa-sha2-nistp256",
}


@pytest.mark.parametrize("option", OLD.values(), ids=OLD)
def test_old_algorithms_are_not_spoken(served: Served, option: str) -> None:
    options = ("-o", option, *(("-o", "Ciphers=aes256-ctr") if option.startswith("MACs") else ()))
    done = served.sftp("ls\n", GONGAN, *options)
    assert done.returncode != 0
    assert "no matching" in done.stderr


def test_what_this_project_delivers_with_gets_in(served: Served) -> None:
    """A node above that pushes with paramiko."""
    from gateway.adapters.channels.sftp import Endpoint, SftpCourier
    from gateway.durable import sha256_file
    from gateway.outcomes import Ok
    from gateway.parcels import PartyId

    drop = str(served.drop().relative_to(served.folder()))
    endpoint = Endpoint(
        HOST, f"{PREFIX}{GONGAN}", served.place / f"{GONGAN}.key", served.place / "known_hosts", served.port
    )
    (served.place / "batch").write_bytes(os.urandom(4096))
    files = {"b.gpg": (served.place / "batch", sha256_file(served.place / "batch")[0])}
    assert SftpCourier({PartyId("me"): endpoint}).deliver(PartyId("me"), drop, files) == Ok(None)
    assert (served.drop() / "b.gpg").stat().st_size == 4096


def test_options_in_a_key_file_are_refused(served: Served) -> None:
    file = served.facts.keys / "ssh" / f"{GONGAN}.pub"
    plain = file.read_text()
    file.write_text('command="/bin/sh" ' + plain)
    with pytest.raises(NotPossible, match=GONGAN):
        list(plan(served.facts, served.system))
    file.write_text(plain)


def test_again_changes_nothing_and_a_key_that_is_no_fact_any_more_goes(served: Served) -> None:
    def marks() -> list[tuple[str, int, int, int]]:
        paths = sorted(served.folder().rglob("*"))
        return [(str(p), p.stat().st_mode, p.stat().st_uid, p.stat().st_gid) for p in paths]

    before = marks()
    again = apply(served.facts, served.system)
    assert marks() == before
    assert not any(line.startswith(("useradd", "rm ")) for line in again)
    assert not any(".gateway-root" in line for line in again)
    (served.facts.keys / "ssh" / f"{GONGAN}.pub").unlink()
    steps = list(plan(served.facts, served.system))
    assert Remove(served.system.keys / f"{PREFIX}{GONGAN}") in steps
    for step in steps:
        step.do()
    assert served.sftp("ls\n").returncode != 0
    assert served.sftp("ls\n", MINZHENG).returncode == 0


def test_a_link_planted_before_the_account_changes_nobodys_hands(served: Served) -> None:
    """A party without an account may have had its folder to itself: what it left there is not followed."""
    theirs = served.place / "somebody"
    theirs.mkdir(mode=0o700)
    root = served.facts.path(served.facts.node.exchange_root)
    (root / "left").mkdir()
    (root / "left" / "上报").symlink_to(theirs)
    for below in ("left/上报", "left/上报/流动人口"):
        with pytest.raises(NotPossible, match="left/上报"):
            Folder(root, PurePosixPath(below), DAEMON, DAEMON, 0o2770).do()
    found = theirs.stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (0, 0, 0o700)
    assert list(theirs.iterdir()) == []
