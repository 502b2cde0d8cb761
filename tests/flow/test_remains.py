"""What stands under our names at a receiver's server: a beginning is mended by itself, another file waits for a person,
who follows what the code says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.nodes import PERIOD, Node, planned

from gateway.adapters.channels.sshd import HOST, LocalSshd, make_key
from gateway.corridors import operating
from gateway.corridors.distribution import Delivery, Releasing
from gateway.corridors.views import parcels
from gateway.demo.people import INFLOW
from gateway.outcomes import catalogue


@dataclass
class Released:
    """A released batch whose receiver has an SFTP server."""

    node: Node
    batch: str
    package: Path
    folder: Path

    def deliver(self) -> tuple[str, str]:
        result = Delivery(self.node.running).run(self.batch)
        return result["outcome"], result["code"]

    @property
    def lies_there(self) -> Path:
        return self.folder / self.package.name


@pytest.fixture
def released(node: Node, tmp_path: Path) -> Iterator[Released]:
    node.send(planned(60))
    sealed = node.packages()[0]
    (package,) = (path for path in node.sealed() if sealed.id in path.name)
    server = LocalSshd(tmp_path / "server", make_key(node.home / "private" / "sftp-partner"))
    server.start()
    try:
        (node.home / "keys" / "partner.known_hosts").write_text(server.known_hosts_line)
        file = node.home / "config" / "parties" / f"{sealed.receiver}.toml"
        text = file.read_text("utf-8")
        at = text.index("\n[[contacts]]")
        channel = (
            f'\n[channel]\nkind = "sftp"\nhost = "{HOST}"\nport = {server.port}\nusername = "{server.username}"\n'
            'known_hosts = "partner.known_hosts"\ncredential = "sftp-partner"\n'
        )
        file.write_text(text[:at] + channel + text[at:], "utf-8")
        node.reopen()
        ids = {receiver: identity for identity, receiver in Releasing(node.running).release(INFLOW, PERIOD, 1, "test")}
        folder = server.data / node.facts.agreements[INFLOW].label
        folder.mkdir()
        yield Released(node, ids[sealed.receiver], package, folder)
    finally:
        server.stop()


def test_a_beginning_of_a_package_stops_nobody(released: Released) -> None:
    whole = released.package.read_bytes()
    released.lies_there.write_bytes(whole[: len(whole) // 2])
    assert released.deliver() == ("ok", "")
    assert released.lies_there.read_bytes() == whole


def test_the_remedy_of_903_is_followed_and_the_batch_arrives(released: Released, tmp_path: Path) -> None:
    """ "Move the files of this batch out of the receiver's folder …, then run gateway parcels retry with the id." """
    node, whole = released.node, released.package.read_bytes()
    released.lies_there.write_bytes(b"somebody else's")
    assert released.deliver() == ("fault", "903")
    assert released.deliver() == ("fault", "903")  # it stands still, and nothing was overwritten
    assert released.lies_there.read_bytes() == b"somebody else's"
    assert all("gateway parcels retry" in catalogue()["903"].remedy(language) for language in ("zh", "en"))

    shown = parcels.parcel(node.running, released.batch)
    assert shown is not None
    ids = [package["id"] for package in shown["packages"]]
    moved = [file for file in released.folder.iterdir() if any(identity in file.name for identity in ids)]
    assert moved == [released.lies_there]
    for file in moved:
        file.rename(tmp_path / file.name)
    operating.retry(node.running, released.batch, "uid:0 test")
    assert released.deliver() == ("ok", "")
    assert released.lies_there.read_bytes() == whole
