"""A party's SFTP server, our endpoint for it, and a file to deliver there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from gateway.adapters.channels.sftp import Endpoint, SftpCourier
from gateway.adapters.channels.sftp.session import Supervisor
from gateway.adapters.channels.sshd import HOST, LocalSshd, PythonSftpd
from gateway.outcomes import Deferred, Outcome
from gateway.parcels import PartyId

RECEIVER = PartyId("guangdong")
NAME = "migrants-inflow_110000_440000_2026Q3_r1_0123abcd.tar.zst.gpg"
MB = 1 << 20


@dataclass
class Peer:
    """A server, our endpoint for it, and one file to deliver."""

    server: LocalSshd | PythonSftpd
    endpoint: Endpoint
    home: Path

    @staticmethod
    def endpoint_of(home: Path, port: int, username: str = "gateway", stall_seconds: float = 60.0) -> Endpoint:
        """With the key and the pins that lie in `home`."""
        return Endpoint(HOST, username, home / "key", home / "known_hosts", port, stall_seconds=stall_seconds)

    @property
    def place(self) -> Path:
        return self.server.data / "in"

    @property
    def part(self) -> Path:
        return self.place / f".{NAME}.part"

    def file(self, size: int) -> tuple[Path, str]:
        path = self.home / "ours"
        if not path.exists():
            path.write_bytes(os.urandom(size))
        return path, hashlib.sha256(path.read_bytes()).hexdigest()

    def deliver(self, size: int = 8 * MB, **endpoint: object) -> Outcome[None]:
        courier = SftpCourier({RECEIVER: replace(self.endpoint, **endpoint)})  # type: ignore[arg-type]
        return courier.deliver(RECEIVER, "in", {NAME: self.file(size)})

    def pin(self) -> None:
        self.endpoint.known_hosts.write_text(self.server.known_hosts_line)

    def arrived(self) -> bool:
        return sorted(p.name for p in self.place.iterdir()) == [NAME] and (
            (self.place / NAME).read_bytes() == (self.home / "ours").read_bytes()
        )


@contextmanager
def serving(server: LocalSshd | PythonSftpd, home: Path) -> Iterator[Peer]:
    """Stalls are ended after a minute: a test of one asks for less."""
    server.start()
    try:
        peer = Peer(server, Peer.endpoint_of(home, server.port, server.username), home)
        peer.pin()
        yield peer
    finally:
        server.stop()


def in_mid_transfer(monkeypatch: pytest.MonkeyPatch, moves: int, act: Callable[[], None]) -> None:
    """Do `act` once, when progress was told of for the `moves`-th time."""
    real, seen = Supervisor.progress, iter(range(1, moves + 1))

    def progress(supervisor: Supervisor) -> None:
        if next(seen, None) == moves:
            act()
        real(supervisor)

    monkeypatch.setattr(Supervisor, "progress", progress)


def deferred(outcome: Outcome[None], code: str, reason: str | None = None) -> None:
    assert isinstance(outcome, Deferred), outcome
    assert (outcome.code, outcome.detail.get("reason")) == (code, reason)
