"""The how-to for auditors, its commands run as they stand on the page: on a log of more than one bundle that grew by
many checkpoints, and on one in which an id is used twice."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.auditors import Authority, authority
from support.logs import START, archive, parcel_entries, write_log
from support.logs import Log as Published
from support.nodes import copy_node

from gateway import wiring
from gateway.adapters.ledger import Ledger
from gateway.adapters.publishing import LogKeys, Publisher
from gateway.lifecycle import Event
from gateway.log import Entry, timestamps
from gateway.log.note import Note, read_checkpoint
from gateway.log.tiles import TileTree

__all__ = ["authority"]
PAGE = Path(__file__).parents[2] / "docs/how-to/verify-the-log.md"
KEY = re.compile(r"national\+[0-9a-f]{8}\+\S+")


def blocks(section: str) -> list[str]:
    """The commands of a section of the page, block by block."""
    (text,) = re.findall(rf"^## {section}\n(.*?)(?=^## |\Z)", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def typed(block: str, folder: Path, key: str) -> subprocess.CompletedProcess[str]:
    """A block as a person types it: with the key that they hold."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", KEY.sub(key, block)],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture(scope="module")
def node(template: Path, authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Published:
    """The node `NODE` of the page: 300 entries and a token over them, then 35 more in five checkpoints."""
    folder = tmp_path_factory.mktemp("audit")
    copy_node(template, folder / "NODE")
    facts = wiring.load(folder / "NODE")
    (folder / "NODE" / "state").mkdir(exist_ok=True)
    keys = LogKeys(folder / "NODE" / "private", facts.node.name)
    ledger = Ledger(wiring.database_url(facts))
    ledger.migrate()
    publisher = Publisher(ledger, folder / "NODE" / "log", facts.node.name, keys.signers)
    made = Published(folder / "NODE" / "log", folder, keys.generate(), ledger, publisher)
    started = Event.STARTED  # a rehearsal's clock: the authority's is the world's
    for number in range(6):
        ledger.append(
            [Entry(id=f"n{number}", event=started, time=START, actor="gateway", facts=facts.digest,
                   counts={"rehearsal": 1})], START,
        )  # fmt: skip
    made.grow(0, 42, START)
    text = Note.parse(made.checkpoint.read_bytes()).text.encode()
    archive(made, 300).with_suffix(".tsr").write_bytes(authority.reply(timestamps.request(text)))
    for number in range(42, 47):
        made.grow(number, 1, START)
    made.ledger.close()
    return made


@pytest.fixture(scope="module")
def exported(node: Published, authority: Authority) -> Path:
    """What the administrator hands over, with the authority's certificate that the auditor has."""
    export, *_ = blocks("With stock tools")
    done = typed(export, node.home, str(node.key))
    assert done.returncode == 0, done.stderr
    (node.home / "OUT" / "tsa.pem").write_bytes(authority.certificates)
    return node.home / "OUT"


def test_bundles_of_earlier_checkpoints_lie_beside_the_newest(exported: Path) -> None:
    """What the other tests stand on."""
    assert len(list((exported / "log/tile/entries/001.p").iterdir())) == 6


def test_an_honest_log_passes_every_command(node: Published, exported: Path) -> None:
    _, signature, root, token = blocks("With stock tools")
    assert "Verified Successfully" in typed(signature, node.home, str(node.key)).stdout
    said = typed(root, exported, str(node.key))
    assert (said.returncode, said.stdout.split()[1], said.stdout.split()[3:]) == (0, "335", ["OK"])
    stamped = typed(token, exported, str(node.key))
    assert (stamped.returncode, stamped.stdout) == (0, "Verification: OK\n"), stamped.stderr
    (verify,) = blocks("With this project")
    (quarter,) = blocks("One quarter")
    for block in (verify.replace(" LOG ", " OUT/log "), quarter):
        done = typed(block, node.home, str(node.key))
        assert done.returncode == 0, done.stdout + done.stderr


def test_an_id_that_is_used_twice_is_named(node: Published, exported: Path, tmp_path: Path) -> None:
    """Written anew and signed by the log's own key: the root alone would be right."""
    tree = TileTree(exported / "log", read_checkpoint((exported / "log/checkpoint").read_bytes())[1].size)
    bodies = [tree.entry(number) for number in range(tree.size)]
    write_log(tmp_path / "log", [*bodies, bodies[20]], node.signer)
    (tmp_path / "check_root.py").write_bytes((exported / "check_root.py").read_bytes())
    _, _, root, _ = blocks("With stock tools")
    said = typed(root, tmp_path, str(node.key))
    twice = next(entry.id for entry in parcel_entries(2, START) if entry.event is Event.RECEIVED)
    assert (said.returncode, said.stdout.splitlines()[1:]) == (1, [f"TWICE {twice}"])
