"""Channels to deliver through: a folder of the exchange root, a real OpenSSH, the pure-Python server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.adapters.channels.folders import ExchangeRoot, FolderCourier
from gateway.adapters.channels.sftp import Endpoint, SftpCourier
from gateway.adapters.channels.sshd import HOST, LocalSshd, PythonSftpd, make_key
from gateway.parcels import PartyId
from gateway.ports import Courier

RECEIVER = PartyId("guangdong")


@dataclass
class Channel:
    """A courier, and where on this disk its deliveries to `receiver` end up."""

    courier: Courier
    receiver: PartyId
    place: Path


@pytest.fixture(params=["folder", "openssh", "paramiko"])
def channel(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Channel]:
    if request.param == "folder":
        root = tmp_path / "exchange"
        root.mkdir()
        courier = FolderCourier(ExchangeRoot(root, tmp_path / "record"), {RECEIVER: "粤"})
        yield Channel(courier, RECEIVER, root / "粤" / "接收")
        return
    public = make_key(tmp_path / "key")
    server = (LocalSshd if request.param == "openssh" else PythonSftpd)(tmp_path / "the server", public)
    server.start()
    try:
        (tmp_path / "known_hosts").write_text(server.known_hosts_line)
        endpoint = Endpoint(
            host=HOST,
            port=server.port,
            username=server.username,
            key=tmp_path / "key",
            known_hosts=tmp_path / "known_hosts",
            remote_folder="收/件",
        )
        yield Channel(SftpCourier({RECEIVER: endpoint}), RECEIVER, server.data / "收" / "件")
    finally:
        server.stop()
