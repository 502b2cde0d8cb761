"""The how-to of profile `sm`, run as it stands with stock openssl, tar, zstd and coreutils: both ways."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from support.packed import CONTENT, describe, members, packed
from support.sm_peers import Peer

import gateway.receipts
from gateway.adapters.sealing.sm import SM, Pin, Software, keys
from gateway.outcomes import Ok

PAGE = Path(__file__).parents[2] / "docs/how-to/open-an-sm-package.md"


def commands(name: str) -> str:
    found = re.findall(rf"^```sh {name}\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert len(found) == 1, name
    return str(found[0])


def run(name: str, folder: Path, **variables: str) -> str:
    done = subprocess.run(
        ["bash", "-c", commands(name)],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C", **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def partner(tmp_path: Path) -> Path:
    """A folder with the keys the how-to makes."""
    folder = tmp_path / "partner"
    folder.mkdir()
    printed = run("key", folder).strip()
    assert printed == keys.read_public((folder / "own.pub.pem").read_bytes()).fingerprint
    return folder


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 700_001])
def test_openssl_opens_what_we_seal(partner: Path, tmp_path: Path, size: int) -> None:
    content = os.urandom(size)
    node = keys.new()
    theirs = keys.read_public((partner / "own.pub.pem").read_bytes())
    sealer = SM(Software([node]), {theirs.fingerprint: Pin(partner / "own.pub.pem")})
    target = tmp_path / "p.sm.tar"
    assert sealer.seal(members(content), theirs.fingerprint, target) == Ok(None)
    (partner / "node.pub.pem").write_bytes(node.public.pem)
    assert "Verified OK" in run("open", partner, FILE=str(target))
    assert (tmp_path / "p/data/cases.csv").read_bytes() == content
    assert (tmp_path / "p/datapackage.json").read_bytes() == describe(content).to_json()
    assert not list(tmp_path.rglob("session.key")), "the key goes when it has been used"


def test_the_how_to_stops_at_a_changed_package(partner: Path, tmp_path: Path) -> None:
    node = keys.new()
    theirs = keys.read_public((partner / "own.pub.pem").read_bytes())
    target = tmp_path / "p.sm.tar"
    sealer = SM(Software([node]), {theirs.fingerprint: Pin(partner / "own.pub.pem")})
    assert sealer.seal(members(), theirs.fingerprint, target) == Ok(None)
    (partner / "node.pub.pem").write_bytes(node.public.pem)
    data = bytearray(target.read_bytes())
    data[8_000] ^= 1
    target.write_bytes(data)
    with pytest.raises(AssertionError):
        run("open", partner, FILE=str(target))
    assert not (tmp_path / "p/data").exists()
    assert not list(tmp_path.rglob("session.key"))


def test_the_page_of_a_list_writes_the_script_of_the_how_to() -> None:
    assert commands("open") == Path(gateway.receipts.__file__).with_name("pages").joinpath("open-sm.sh").read_text(
        "utf-8"
    )


def test_we_open_what_openssl_makes(partner: Path, tmp_path: Path) -> None:
    node = keys.new()
    (partner / "node.pub.pem").write_bytes(node.public.pem)
    (partner / "in.tar.zst").write_bytes(packed())
    run("make", partner, PACKAGE=describe().package_id, SENDER="p1", RECEIVER="node")
    assert sorted(p.suffix for p in partner.iterdir() if "session" in p.name or p.name == "tag") == []
    theirs = keys.read_public((partner / "own.pub.pem").read_bytes())
    opener = SM(Software([node]), {theirs.fingerprint: Pin(partner / "own.pub.pem")})
    file = partner / f"{describe().package_id}.sm.tar"
    assert opener.signer(file) == Ok(theirs.fingerprint)
    opened = opener.open(file, tmp_path / "out", theirs.fingerprint)
    assert isinstance(opened, Ok), opened
    assert (tmp_path / "out/data/cases.csv").read_bytes() == CONTENT


def test_an_acknowledgement_by_openssl(partner: Path, tmp_path: Path) -> None:
    form = tmp_path / "form.receipt.json"
    form.write_bytes(b'{"received":true}')
    run("acknowledge", partner, FORM=str(form))
    theirs = keys.read_public((partner / "own.pub.pem").read_bytes())
    node = SM(Software([keys.new()]), {theirs.fingerprint: Pin(partner / "own.pub.pem")})
    signature = form.with_name(f"{form.name}.sig").read_bytes()
    assert node.verify(form.read_bytes(), signature, theirs.fingerprint) == Ok(None)
    assert node.verify(b'{"received":false}', signature, theirs.fingerprint).code == "210"


def test_stock_openssl_takes_our_key_files(tmp_path: Path) -> None:
    peer = Peer.new("x")
    (tmp_path / "k.pem").write_bytes(peer.key.pem)
    done = subprocess.run(["openssl", "pkey", "-in", tmp_path / "k.pem", "-pubout"], capture_output=True, check=True)
    assert done.stdout == peer.key.public.pem
    assert shutil.which("openssl")
    again = subprocess.run(["openssl", "pkey", "-in", tmp_path / "k.pem"], capture_output=True, check=True)
    assert keys.read_private(again.stdout) == peer.key
