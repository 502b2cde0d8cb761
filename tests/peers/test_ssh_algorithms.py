"""Which servers can be talked to: OpenSSH that offers one algorithm alone, TinySSH, and servers that send nonsense."""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from support.sftp_peers import Peer, serving
from typer.testing import CliRunner

from gateway.adapters.channels.sftp import SftpCourier, reach
from gateway.adapters.channels.sshd import HOST, LocalSshd, PythonSftpd, in_python, make_key, openssh
from gateway.cli import app
from gateway.founding import TierChoice, make
from gateway.outcomes import Deferred, Ok
from gateway.parcels import PartyId


@contextmanager
def offering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: str) -> Iterator[Peer]:
    """An OpenSSH whose configuration has these lines on algorithms."""
    monkeypatch.setattr(openssh, "_ALGORITHMS", lines + "\n")
    with serving(LocalSshd(tmp_path / "server", make_key(tmp_path / "key")), tmp_path) as peer:
        yield peer


@pytest.mark.parametrize(
    "offered",
    [
        "KexAlgorithms curve25519-sha256",
        "KexAlgorithms curve25519-sha256@libssh.org",
        "KexAlgorithms ecdh-sha2-nistp384",
        "KexAlgorithms diffie-hellman-group16-sha512",
        "KexAlgorithms diffie-hellman-group-exchange-sha256",
        "Ciphers aes256-gcm@openssh.com",
        "Ciphers aes128-ctr\nMACs hmac-sha2-512-etm@openssh.com",
    ],
)
def test_a_server_that_offers_one_of_ours_is_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, offered: str
) -> None:
    with offering(tmp_path, monkeypatch, offered) as peer:
        assert peer.deliver(1000) == Ok(None)
        assert peer.arrived()


def test_the_registered_name_of_x25519_is_what_was_agreed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with offering(tmp_path, monkeypatch, "KexAlgorithms curve25519-sha256,ecdh-sha2-nistp256") as peer:
        found = reach(peer.endpoint)
        assert isinstance(found, Ok)
        assert found.value["kex"] == "curve25519-sha256"
        assert found.value["host_key"] == "ssh-ed25519"


def test_the_host_key_is_pinned_over_the_registered_name_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with offering(tmp_path, monkeypatch, "KexAlgorithms curve25519-sha256") as peer:
        peer.endpoint.known_hosts.write_text(f"[{HOST}]:{peer.server.port} {make_key(tmp_path / 'another')}\n")
        outcome = peer.deliver(1000)
        assert isinstance(outcome, Deferred)
        assert outcome.code == "705"
        assert not peer.place.exists()


PARTY = "440106-gongan"
SNTRUP = "sntrup761x25519-sha512@openssh.com"
CHACHA = "chacha20-poly1305@openssh.com"
UMAC = "umac-128-etm@openssh.com"


@pytest.mark.parametrize(
    ("configured", "kind", "offered"),
    [
        (f"KexAlgorithms {SNTRUP}", "kex", SNTRUP),
        ("KexAlgorithms diffie-hellman-group14-sha1", "kex", "diffie-hellman-group14-sha1"),
        (f"Ciphers {CHACHA}", "cipher", CHACHA),
        ("Ciphers aes256-cbc,3des-cbc", "cipher", "aes256-cbc, 3des-cbc"),
        (f"Ciphers aes256-ctr\nMACs {UMAC},hmac-sha1", "mac", f"{UMAC}, hmac-sha1"),
    ],
)
def test_a_server_with_none_of_ours_is_told_apart_and_what_it_offers_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, configured: str, kind: str, offered: str
) -> None:
    with offering(tmp_path, monkeypatch, configured) as peer:
        outcome = peer.deliver(1000)
        assert isinstance(outcome, Deferred)
        assert outcome.code == "712"
        assert set(outcome.detail) == {f"{kind}_offered", f"{kind}_spoken"}
        assert outcome.detail[f"{kind}_offered"] == offered


def test_all_that_stands_in_the_way_is_named_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = f"KexAlgorithms {SNTRUP}\nCiphers {CHACHA}\nMACs {UMAC}"
    with offering(tmp_path, monkeypatch, lines) as peer:
        outcome = peer.deliver(1000)
        assert isinstance(outcome, Deferred)
        assert {name for name in outcome.detail if name.endswith("_offered")} == {
            "kex_offered",
            "cipher_offered",
            "mac_offered",
        }


@contextmanager
def relaying(tmp_path: Path, *command: str) -> Iterator[int]:
    """A port where one connection is handed to a program that serves its standard input."""
    with socket.create_server((HOST, 0)) as listener:
        listener.settimeout(60)

        def accept() -> None:
            connection, _ = listener.accept()
            connection.settimeout(None)
            with connection, (tmp_path / "server.log").open("wb") as log:
                subprocess.run(command, stdin=connection, stdout=connection, stderr=log, timeout=60, check=False)

        thread = threading.Thread(target=accept)
        thread.start()
        yield int(listener.getsockname()[1])
        thread.join()


def test_tinyssh_is_told_apart_by_its_cipher_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It speaks X25519 under both names, and ChaCha20-Poly1305 and nothing else."""
    subprocess.run(["/usr/sbin/tinysshd-makekey", str(tmp_path / "keys")], check=True, capture_output=True)
    with (
        offering(tmp_path, monkeypatch, "") as peer,
        relaying(tmp_path, "/usr/sbin/tinysshd", str(tmp_path / "keys")) as port,
    ):
        outcome = reach(replace(peer.endpoint, port=port))
    assert isinstance(outcome, Deferred)
    assert (outcome.code, outcome.detail.get("cipher_offered")) == ("712", CHACHA)
    assert "kex_offered" not in outcome.detail


# ---- servers that send nonsense --------------------------------------------------------------------------------------


def kexinit(kex: bytes) -> bytes:
    """A packet of RFC 4253 before encryption, with one list of the server's own."""
    lists = [kex, b"ssh-ed25519", *[b"aes256-ctr"] * 2, *[b"hmac-sha2-256"] * 2, *[b"none"] * 2, b"", b""]
    payload = bytes([20]) + bytes(16) + b"".join(struct.pack(">I", len(x)) + x for x in lists) + bytes(5)
    padding = 4 + (8 - (len(payload) + 9) % 8)
    return struct.pack(">IB", len(payload) + padding + 1, padding) + payload + bytes(padding)


def greeted_with(tmp_path: Path, packet: bytes) -> Deferred:
    """What comes of an endpoint that greets, sends this and waits for us to hang up."""
    make_key(tmp_path / "key")
    (tmp_path / "known_hosts").write_text("")
    with socket.create_server((HOST, 0)) as listener:
        listener.settimeout(60)

        def serve() -> None:
            connection, _ = listener.accept()
            with connection, suppress(OSError):  # it may be hung up on in mid-sentence
                connection.sendall(b"SSH-2.0-peer\r\n" + packet)
                while connection.recv(4096):
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        endpoint = Peer.endpoint_of(tmp_path, int(listener.getsockname()[1]))
        outcome = SftpCourier({PartyId("p"): endpoint}).deliver(PartyId("p"), "in", {"x": (tmp_path / "key", "0" * 64)})
        thread.join()
    assert isinstance(outcome, Deferred), outcome
    return outcome


def test_of_a_servers_words_only_names_of_algorithms_go_further(tmp_path: Path) -> None:
    names = [b"\x1b[31mred", b"<script>", b"a b", b"x" * 65, b"'; --", b"kex-strict-s-v00@openssh.com", b"good-1@x.org"]
    outcome = greeted_with(tmp_path, kexinit(b",".join(names)))
    assert (outcome.code, outcome.detail["kex_offered"]) == ("712", "good-1@x.org")


def test_a_list_without_end_is_cut(tmp_path: Path) -> None:
    outcome = greeted_with(tmp_path, kexinit(b",".join(b"k%d" % n for n in range(3000))))
    assert outcome.code == "712"
    assert len(str(outcome.detail["kex_offered"])) < 200


@pytest.mark.parametrize("packet", [kexinit("密钥".encode("gb18030")), b"\0\0\0\x0c\x04" + bytes(20), b"HTTP/1.1 400"])
def test_what_cannot_be_read_is_the_servers_doing_and_not_our_fault(tmp_path: Path, packet: bytes) -> None:
    outcome = greeted_with(tmp_path, packet)
    assert (outcome.code, outcome.detail) == ("701", {"reason": "handshake"})


def test_answers_in_another_encoding_are_understood_by_their_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = ["成功", "文件尾", "没有那个文件", "权限不够", "失败", "错误", "无连接", "连接中断", "不支持"]
    monkeypatch.setattr(in_python.paramiko.sftp_server, "SFTP_DESC", [text.encode("gb18030") for text in said])
    with serving(PythonSftpd(tmp_path / "server", make_key(tmp_path / "key")), tmp_path) as peer:
        assert peer.deliver(1000) == Ok(None)
        assert peer.arrived()


# ---- what an operator sees -------------------------------------------------------------------------------------------


def node_with(tmp_path: Path, peer: Peer) -> Path:
    """A node whose party PARTY has this server."""
    home = tmp_path / "node"
    make(home, TierChoice.COUNTY, "440106", None)
    (home / "keys" / "partner.known_hosts").write_text(peer.server.known_hosts_line)
    (home / "private" / "sftp-partner").write_bytes(peer.endpoint.key.read_bytes())
    file = home / "config" / "parties" / f"{PARTY}.toml"
    text = file.read_text("utf-8")
    channel = (
        f'[channel]\nkind = "sftp"\nhost = "{HOST}"\nport = {peer.server.port}\nusername = "{peer.server.username}"\n'
        'known_hosts = "partner.known_hosts"\ncredential = "sftp-partner"\n\n'
    )
    at = text.index("[[contacts]]")
    file.write_text(text[:at] + channel + text[at:], "utf-8")
    return home


def test_the_remedy_of_712_names_what_to_enable_and_enabling_it_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with offering(tmp_path, monkeypatch, f"Ciphers {CHACHA}") as peer:
        home = node_with(tmp_path, peer)
        command = ["parties", "reach", PARTY, "--config", str(home)]
        told = CliRunner().invoke(app, [*command, "--lang", "en"])
        assert told.exit_code == 1
        assert f"offered: {CHACHA}" in told.stderr
        spoken = told.stderr.split("spoken: ")[1].split("\n")[0]
        peer.server.stop()
        monkeypatch.setattr(openssh, "_ALGORITHMS", f"Ciphers {CHACHA},{spoken.split(', ')[0]}\n")
        peer.server.port = peer.endpoint.port
        peer.server.start()
        done = CliRunner().invoke(app, [*command, "--json"])
        assert done.exit_code == 0, done.stderr
        found = json.loads(done.stdout)
        assert (found["code"], found["cipher"], found["folder"]) == ("100", spoken.split(", ")[0], "yes")


def test_reaching_says_what_else_stands_in_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with offering(tmp_path, monkeypatch, "") as peer:
        home = node_with(tmp_path, peer)
        command = ["parties", "reach", PARTY, "--config", str(home), "--lang", "en"]
        peer.server.stop()
        told = CliRunner().invoke(app, command)
        assert (told.exit_code, "nobody answers there" in told.stderr) == (1, True)
        assert CliRunner().invoke(app, ["parties", "reach", "440106-minzheng", "--config", str(home)]).exit_code == 2
