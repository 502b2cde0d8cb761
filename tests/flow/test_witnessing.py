"""Two nodes witness each other over a real OpenSSH; a witness that is away, slow, or remembers more, stops nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.nodes import Node, planned
from test_tiers import found
from typer.testing import CliRunner

from gateway.adapters.channels.sshd import HOST, LocalSshd, make_key
from gateway.adapters.publishing import LogKeys
from gateway.adapters.sealing import keyring
from gateway.adapters.worker import Worker
from gateway.cli import app
from gateway.daemon.publication import Publication
from gateway.demo.partners import Partners
from gateway.founding import TierChoice
from gateway.inspection import findings
from gateway.lifecycle import Event
from gateway.log import Entry, verify
from gateway.log.note import Note, read_checkpoint
from gateway.log.quorum import Policy

NATION, PROVINCE = "000000", "440000"
PLACE = "见证"


@dataclass
class Witnessed:
    """A node whose log is cosigned, and the other node's end of it."""

    node: Node
    publication: Publication
    server: LocalSshd
    witness: Path

    @property
    def box(self) -> Path:
        return self.server.data / PLACE

    def log(self, identity: str) -> int:
        """One more entry, published; the size of the log then."""
        now = datetime.fromtimestamp(time.time(), UTC)
        with self.node.running.ledger.transaction(now) as tx:
            tx.log(Entry(id=identity, event=Event.OPERATED, time=now, actor="test", facts=self.node.facts.digest))
        self.publication.round(self.node.running)
        return int(self.publication.state()["size"])

    def ask(self) -> None:
        """A look, as if its minute were over, and the round that follows it."""
        for box in self.publication._mailboxes[1].values():
            box._looked = None
        self.publication.ask(self.node.running)
        self.publication.round(self.node.running)

    def answers(self) -> tuple[int, str]:
        """`gateway log witness --folder` at the other node, by hand: exit code and status."""
        said = CliRunner().invoke(app, ["log", "witness", "--folder", str(self.box), "--config", str(self.witness)])
        return said.exit_code, said.output.strip().rpartition(": ")[2]

    def lies_there(self) -> list[str]:
        return sorted(path.name for path in self.box.iterdir())

    @property
    def witnessed(self) -> int:
        assert self.publication.failure == ""
        return int(self.publication.state()["witnessed"])


def arrange(home: Path, other: Path, party: str, server: LocalSshd) -> None:
    """What the two administrators do: keys, policies, the party's channel, the table of the witness."""
    (home / "keys" / "its.known_hosts").write_text(server.known_hosts_line)
    file = home / "config" / "parties" / f"{party}.toml"
    channel = f'[channel]\nkind = "sftp"\nhost = "{HOST}"\nport = {server.port}\nusername = "{server.username}"\n'
    with file.open("a", encoding="utf-8") as stream:
        stream.write(f'\n{channel}known_hosts = "its.known_hosts"\ncredential = "sftp-its"\n')
    with (home / "config" / "gateway.toml").open("a", encoding="utf-8") as stream:
        stream.write(f'\n[witnesses.other]\nparty = "{party}"\n')
    key = CliRunner().invoke(app, ["log", "key", "--witness", "--config", str(other)]).output.strip()
    (home / "keys" / "witnesses.policy").write_text(f"witness other {key}\nquorum other\n")
    own = CliRunner().invoke(app, ["log", "key", "--generate", "--config", str(home)]).output.strip()
    (other / "keys" / "witnessed.policy").write_text(f"log {own}\nquorum none\n")


@pytest.fixture(params=["a province witnesses the nation", "the nation witnesses a province"])
def witnessed(
    request: pytest.FixtureRequest, home: Path, tmp_path: Path, partners: Partners, worker: Worker
) -> Iterator[Witnessed]:
    province = tmp_path / "province"
    found(province, TierChoice.PROVINCE, PROVINCE)
    asks, answers, party = (home, province, PROVINCE)
    if request.param == "the nation witnesses a province":
        asks, answers, party = (province, home, NATION)
    server = LocalSshd(tmp_path / "server", make_key(asks / "private" / "sftp-its"))
    server.start()
    try:
        arrange(asks, answers, party, server)
        assert not findings(asks, datetime(2026, 10, 20, tzinfo=UTC).date()).faults
        node = Node(asks, partners, worker)
        made = Witnessed(node, Publication(node.running, lambda: None), server, answers)
        made.publication.start()
        yield made
        node.close()
        keyring.stop_agent(asks / "private")
    finally:
        server.stop()


def test_a_cosignature_goes_and_comes_over_sftp(witnessed: Witnessed) -> None:
    first = witnessed.log("one")
    witnessed.ask()
    assert (witnessed.lies_there(), witnessed.witnessed) == (["add-checkpoint"], 0)
    asked = (witnessed.box / "add-checkpoint").stat().st_mtime_ns
    witnessed.ask()
    assert (witnessed.box / "add-checkpoint").stat().st_mtime_ns == asked, "the same request is not put twice"
    assert witnessed.answers() == (0, "200")
    assert witnessed.lies_there() == ["checkpoint.note"]
    assert witnessed.answers() == (0, "-"), "nothing is left to answer"

    second = witnessed.log("two")
    witnessed.ask()
    assert witnessed.witnessed == first
    assert witnessed.lies_there() == ["add-checkpoint"], "what was fetched is gone; the next request goes from it"
    assert (witnessed.box / "add-checkpoint").read_bytes().startswith(f"old {first}\n".encode())
    assert witnessed.answers() == (0, "200")
    witnessed.ask()
    assert (witnessed.witnessed, witnessed.lies_there()) == (second, [])

    home = witnessed.node.home
    policy = Policy.parse((home / "keys/witnesses.policy").read_text())
    key = LogKeys(home / "private", witnessed.node.facts.node.name).signers()[0].verifier
    told = verify(home / "log", [key], policy=policy)
    assert (told.witnessed, list((home / "state/cosigned").iterdir())) == (second, [])
    archived = Note.parse((home / "log/archive" / str(second)).read_bytes())
    assert archived.cosigned_at(policy.witnesses["other"]) is not None


def test_a_witness_that_is_away_or_remembers_more_stops_nothing(witnessed: Witnessed) -> None:
    first = witnessed.log("one")
    witnessed.ask()
    assert witnessed.answers() == (0, "200")
    (witnessed.box / "checkpoint.note").unlink()  # cosigned, remembered, lost on its way

    witnessed.server.stop()
    second = witnessed.log("two")
    witnessed.ask()
    assert (witnessed.witnessed, witnessed.publication._silent) == (0, ["other"])
    if witnessed.node.facts.node.party == NATION:
        assert witnessed.node.send(planned()).state == "accepted", "intake goes on"
    witnessed.server.start()

    witnessed.ask()
    assert witnessed.publication._silent == []
    assert witnessed.answers() == (0, "409")
    assert (witnessed.box / "checkpoint.size").read_bytes() == f"{first}\n".encode()
    witnessed.ask()
    assert witnessed.lies_there() == ["add-checkpoint"]
    assert witnessed.answers() == (0, "200")
    witnessed.ask()
    assert witnessed.witnessed >= second


def test_what_is_no_request_of_a_known_log_is_refused(witnessed: Witnessed, tmp_path: Path) -> None:
    witnessed.log("one")
    witnessed.ask()
    request = witnessed.box / "add-checkpoint"
    whole = request.read_bytes()
    name = read_checkpoint(whole.partition(b"\n\n")[2])[1].origin.encode()
    request.write_bytes(whole.replace(name, b"stranger"))
    assert witnessed.answers() == (1, "404")
    request.write_bytes(b"old 0\n" * 20000)
    assert witnessed.answers() == (1, "400")
    secret = tmp_path / "secret"
    secret.write_bytes(whole)
    request.symlink_to(secret)
    assert witnessed.answers() == (1, "400"), "links are not followed"
    request.unlink()
    os.symlink(secret, witnessed.box / ".checkpoint.note.part")
    request.write_bytes(whole)
    assert witnessed.answers() == (0, "200")
    assert secret.read_bytes() == whole, "nor written through"
    (witnessed.box / "checkpoint.note").write_bytes(b"nothing of the kind")
    witnessed.ask()
    assert witnessed.witnessed == 0
    assert witnessed.lies_there() == [".checkpoint.note.part", "add-checkpoint"], "what a party puts there is its own"


def test_a_witness_needs_an_endpoint_and_a_key(home: Path) -> None:
    with (home / "config" / "gateway.toml").open("a", encoding="utf-8") as stream:
        stream.write(
            '\n[witnesses.zhejiang]\nparty = "330000"\n\n[witnesses.nobody]\nparty = "nobody"\nfolder = "../x"\n'
        )
    (home / "keys" / "witnesses.policy").write_text("witness zhejiang KEY\nquorum zhejiang\n")
    told = findings(home, datetime(2026, 10, 20, tzinfo=UTC).date()).faults
    assert {fault.message for fault in told} == {
        "witnesses.zhejiang.party: party 330000 has no SFTP channel",
        "witnesses.nobody: no witness of this name in keys/witnesses.policy",
        "witnesses.nobody.party: party nobody has no file",
        "witnesses.nobody.folder: cannot be a folder at the other end",
    }
