"""`gateway keys`, `gateway seal` and `gateway open` as a person runs them: two nodes, real gpg, real processes."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.openpgp_peers import StockGpg
from typer.testing import CliRunner

from gateway.adapters.sealing import keyring
from gateway.cli import app

ROOT = Path(__file__).parents[2]
NATIONAL, SHANDONG = "000000", "370000"
ROWS = "name,note\r\n" + "".join(f'MARKER-{n},"a, ""b""\r\nc"\r\n' for n in range(50))
SHAPE = {"ok", "code", "package", "agreement", "sender", "origin", "receiver", "period", "kind", "revision", "files"}


@dataclass
class Command:
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


def gateway(*arguments: object) -> Command:
    done = subprocess.run(
        [sys.executable, "-m", "gateway", *map(str, arguments)], capture_output=True, text=True, check=False
    )
    return Command(done.returncode, done.stdout, done.stderr)


def inside(*arguments: object) -> Command:
    """The same command without a process of its own, which takes a second to start."""
    done = CliRunner().invoke(app, [str(word) for word in arguments])
    return Command(done.exit_code, done.stdout, done.stderr)


def make_node(folder: Path, party: str) -> Path:
    """The shipped facts, without any key of theirs, seen from `party`."""
    shutil.copytree(ROOT / "config", folder / "config")
    shutil.copytree(ROOT / "schemas", folder / "schemas")
    (folder / "keys").mkdir()
    for file in (folder / "config/parties").glob("*.toml"):
        lines = file.read_text("utf-8").splitlines(keepends=True)
        file.write_text("".join(line for line in lines if not line.startswith("key =")), "utf-8")
    text = (folder / "config/gateway.toml").read_text("utf-8")
    (folder / "config/gateway.toml").write_text(text.replace(f'party = "{NATIONAL}"', f'party = "{party}"'), "utf-8")
    return folder


@dataclass
class Nodes:
    national: Path
    shandong: Path
    fingerprints: dict[str, str]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    base = tmp_path_factory.mktemp("nodes")
    made = Nodes(make_node(base / "n", NATIONAL), make_node(base / "s", SHANDONG), {})
    for node, party in ((made.national, NATIONAL), (made.shandong, SHANDONG)):
        done = gateway("keys", "generate", "--config", node)
        assert done.code == 0, done.err
        made.fingerprints[party] = done.out.strip()
    for node, party, other in (
        (made.national, SHANDONG, made.shandong),
        (made.shandong, NATIONAL, made.national),
    ):
        exported = gateway("keys", "export", "--config", other)
        assert exported.code == 0, exported.err
        (base / "key.asc").write_text(exported.out)
        done = gateway(
            *("keys", "import", base / "key.asc", "--party", party),
            *("--fingerprint", made.fingerprints[party], "--config", node, "--json"),
        )
        assert done.document == {"ok": True, "code": "100", "party": party, "fingerprint": made.fingerprints[party]}
    yield made
    keyring.stop_agent(made.national / "private")
    keyring.stop_agent(made.shandong / "private")


def seal(nodes: Nodes, folder: Path, *more: object, **changes: str) -> Command:
    file = folder / "山东省张三名单.csv"
    file.write_text(ROWS, "utf-8", newline="")
    chosen = {"agreement": "migrants-inflow", "to": SHANDONG, "period": "2026Q3", **changes}
    options = [word for key, value in chosen.items() for word in (f"--{key}", value)]
    return gateway("seal", file, *options, "--config", nodes.national, "--out", folder / "out", "--json", *more)


def test_from_one_node_to_the_other(nodes: Nodes, tmp_path: Path) -> None:
    sealed = seal(nodes, tmp_path)
    assert sealed.code == 0, sealed.err
    document = sealed.document
    assert set(document) == SHAPE
    assert (document["ok"], document["sender"], document["receiver"]) == (True, NATIONAL, SHANDONG)
    [file] = document["files"]
    assert Path(file).name == f"{document['package']}.tar.zst.gpg"
    opened = gateway("open", file, "--config", nodes.shandong, "--out", tmp_path / "in", "--json")
    assert opened.code == 0, opened.err
    assert {**opened.document, "files": []} == {**document, "files": []}
    [member] = opened.document["files"]
    assert Path(member).read_bytes() == ROWS.encode()
    descriptor = json.loads((tmp_path / "in/datapackage.json").read_bytes())
    assert descriptor["gateway:records"] == 50, "a line break inside quotes is no record"
    assert "张三" not in json.dumps(descriptor, ensure_ascii=False) + document["package"] + sealed.err
    assert not keyring.agent_runs(nodes.national / "private"), "no agent stays behind a command"
    assert not keyring.agent_runs(nodes.shandong / "private")


def test_an_agent_that_ran_before_stays(nodes: Nodes, tmp_path: Path) -> None:
    private = nodes.national / "private"
    home = ["--homedir", str(keyring.home(private))]
    subprocess.run(["gpg-connect-agent", *home, "/bye"], check=True, capture_output=True)
    try:
        assert seal(nodes, tmp_path).code == 0
        assert keyring.agent_runs(private)
    finally:
        keyring.stop_agent(private)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"agreement": "unknown"}, "222"),
        ({"to": "nobody"}, "222"),
        ({"to": NATIONAL}, "222"),
        ({"period": "2026-10"}, "223"),
        ({"period": "soon"}, "223"),
        ({"to": "110000"}, "707"),
    ],
)
def test_what_may_not_be_sealed(nodes: Nodes, tmp_path: Path, changes: dict[str, str], code: str) -> None:
    done = seal(nodes, tmp_path, **changes)
    assert done.code == 1, done.err
    assert (done.document["ok"], done.document["code"], done.document["files"]) == (False, code, [])
    assert set(done.document) == SHAPE
    assert f"[{code}]" in done.err
    assert not list(tmp_path.glob("out/*"))


def refused(file: Path, node: Path, into: Path, code: str, run: Callable[..., Command] = gateway) -> None:
    done = run("open", file, "--config", node, "--out", into, "--json")
    assert done.code == 1, done.err
    assert (done.document["ok"], done.document["code"], done.document["files"]) == (False, code, [])
    assert set(done.document) == SHAPE
    assert not into.exists() or not list(into.iterdir())


def test_a_sealed_package_opens_nowhere_else(nodes: Nodes, tmp_path: Path) -> None:
    file = Path(seal(nodes, tmp_path).document["files"][0])
    refused(file, nodes.national, tmp_path / "in", "212")


def test_the_signer_must_be_the_sender_and_the_receiver_us(nodes: Nodes, tmp_path: Path) -> None:
    """A partner re-seals what it got from somebody else: the signature is good, the descriptor names others."""
    file = Path(seal(nodes, tmp_path).document["files"][0])
    opened = gateway("open", file, "--config", nodes.shandong, "--out", tmp_path / "in", "--json")
    assert opened.code == 0
    archive = subprocess.run(
        ["sh", "-c", "tar cf - datapackage.json data | zstd -1 -q"],
        cwd=tmp_path / "in",
        capture_output=True,
        check=True,
    ).stdout
    for signer, code in ((SHANDONG, "211"), (NATIONAL, "212")):
        private = (nodes.shandong if signer == SHANDONG else nodes.national) / "private"
        (tmp_path / "key").write_bytes(keyring.public_key(nodes.national / "private"))
        command = ["gpg", "--homedir", str(keyring.home(private)), "--batch", "--trust-model", "always"]
        command += ["--pinentry-mode", "loopback", "--passphrase-file", str(private / "passphrase")]
        command += ["--sign", "--encrypt", "--recipient-file", str(tmp_path / "key")]
        forwarded = tmp_path / "forwarded.gpg"
        forwarded.write_bytes(subprocess.run(command, input=archive, capture_output=True, check=True).stdout)
        keyring.stop_agent(private)
        refused(forwarded, nodes.national, tmp_path / f"in-{code}", code)


def test_open_wants_an_empty_folder(nodes: Nodes, tmp_path: Path) -> None:
    file = Path(seal(nodes, tmp_path).document["files"][0])
    (tmp_path / "in").mkdir()
    (tmp_path / "in/mine").write_text("mine")
    assert gateway("open", file, "--config", nodes.shandong, "--out", tmp_path / "in", "--json").code == 2
    assert [p.name for p in (tmp_path / "in").iterdir()] == ["mine"]
    (tmp_path / "in/mine").unlink()
    assert gateway("open", file, "--config", nodes.shandong, "--out", tmp_path / "in", "--json").code == 0


def test_keys_list_and_check(nodes: Nodes) -> None:
    rows = {row["party"]: row for row in gateway("keys", "list", "--config", nodes.national, "--json").document["keys"]}
    assert len(rows) == len(list((nodes.national / "config/parties").glob("*.toml")))
    assert rows[NATIONAL]["own"]
    assert (rows[NATIONAL]["state"], rows[SHANDONG]["state"], rows["110000"]["state"]) == ("ok", "ok", "unpinned")
    assert rows[SHANDONG]["fingerprint"] == nodes.fingerprints[SHANDONG]
    assert rows[SHANDONG]["days_left"] in (728, 729, 730)
    assert nodes.fingerprints[SHANDONG] in gateway("keys", "list", "--config", nodes.national).out
    done = gateway("keys", "check", "--config", nodes.national, "--json")
    assert (done.code, done.document) == (0, {"ok": True, "problems": []})


def test_keys_check_names_every_problem(nodes: Nodes, tmp_path: Path) -> None:
    stock = StockGpg(tmp_path / "stock")
    node = make_node(tmp_path / "n", NATIONAL)
    try:
        keys = {
            "110000": ("expired", stock.generate("a", when="20240101T000000!", expires="1y")),
            "120000": ("revoked", stock.generate("b")),
            "130000": ("expiring", stock.generate("c", expires="30d")),
            "140000": ("mismatch", stock.generate("d")),
            "150000": ("missing", stock.generate("e")),
            "210000": ("private", stock.generate("f")),
            "220000": ("ok", stock.generate("g")),
        }
        for party, (state, fingerprint) in keys.items():
            public = stock.public(fingerprint)
            (tmp_path / "key.asc").write_bytes(public)
            keyring.import_partner(node / "keys", node / "config/parties", tmp_path / "key.asc", party, fingerprint)
            if state == "revoked":
                stock.revoke(fingerprint)
                (node / f"keys/{party}.asc").write_bytes(stock.public(fingerprint))
            elif state == "mismatch":
                (node / f"keys/{party}.asc").write_bytes(stock.public(keys["220000"][1]))
            elif state == "missing":
                (node / f"keys/{party}.asc").unlink()
            elif state == "private":
                (node / f"keys/{party}.asc").write_bytes(stock.run("--armor", "--export-secret-keys", fingerprint))
    finally:
        stock.close()
    done = gateway("keys", "check", "--config", node, "--json")
    assert done.code == 1
    found = {problem["party"]: problem["state"] for problem in done.document["problems"]}
    expected = {party: state for party, (state, _) in keys.items() if state != "ok"}
    assert found == {NATIONAL: "unusable", **expected}
    for party in expected:
        assert party in done.err


def test_import_refuses_another_key(nodes: Nodes, tmp_path: Path) -> None:
    file = tmp_path / "key.asc"
    file.write_bytes(keyring.public_key(nodes.shandong / "private"))
    options = ("--party", "110000", "--config", nodes.national, "--json")
    done = gateway("keys", "import", file, "--fingerprint", nodes.fingerprints[NATIONAL], *options)
    assert done.code == 1
    assert done.document == {"ok": False, "code": "217", "party": "110000", "fingerprint": None}
    assert gateway("keys", "import", tmp_path / "none", "--fingerprint", "0" * 40, *options).code == 2
    assert os.listdir(nodes.national / "keys").count("110000.asc") == 0


def test_a_second_key_is_not_generated(nodes: Nodes) -> None:
    assert gateway("keys", "generate", "--config", nodes.national).code == 3


def test_profile_sm_both_ways_by_hand(nodes: Nodes, tmp_path: Path) -> None:
    """`seal` and `open` under an agreement of profile `sm`; and what each of them refuses."""
    both = {NATIONAL: tmp_path / "n", SHANDONG: tmp_path / "s"}
    for party, home in both.items():
        make_node(home, party)
        for file in (home / "config/agreements").glob("migrants-*.toml"):
            text = file.read_text("utf-8").replace('profile = "openpgp"', 'profile = "sm"')
            file.write_text(text.replace('receivers = "routed"', f'receivers = ["{NATIONAL}", "{SHANDONG}"]'), "utf-8")
            lines = [line for line in file.read_text("utf-8").splitlines() if not line.startswith("route_by")]
            file.write_text("\n".join(lines) + "\n", "utf-8")
    pins = {p: inside("keys", "generate", "--profile", "sm", "--config", home).out.strip() for p, home in both.items()}

    def sealed(sender: str, receiver: str, into: str) -> Command:
        (tmp_path / "a.csv").write_text(ROWS, "utf-8", newline="")
        chosen = ("--agreement", "migrants-inflow", "--to", receiver, "--period", "2026Q3", "--out", tmp_path / into)
        return inside("seal", tmp_path / "a.csv", *chosen, "--config", both[sender], "--json")

    assert sealed(NATIONAL, SHANDONG, "none").document["code"] == "707", "the receiver has no SM2 key here yet"
    for party, other in ((NATIONAL, SHANDONG), (SHANDONG, NATIONAL)):
        file = tmp_path / "key.pem"
        file.write_text(inside("keys", "export", "--profile", "sm", "--config", both[other]).out)
        arguments = ("keys", "import", file, "--party", other, "--config", both[party], "--json")
        assert inside(*arguments, "--fingerprint", pins[party]).document["code"] == "217", "another key's fingerprint"
        assert inside(*arguments, "--fingerprint", pins[other], "--until", "2099-12-31").document["ok"]
    packages = {}
    for sender, receiver in ((NATIONAL, SHANDONG), (SHANDONG, NATIONAL)):
        made = sealed(sender, receiver, f"from-{sender}")
        assert made.code == 0, made.err
        packages[sender] = Path(made.document["files"][0])
        assert packages[sender].name == f"{made.document['package']}.sm.tar"
        into = tmp_path / f"opened-{sender}"
        opened = inside("open", packages[sender], "--config", both[receiver], "--out", into, "--json")
        assert opened.code == 0, opened.err
        assert {**opened.document, "files": []} == {**made.document, "files": []}
        assert Path(opened.document["files"][0]).read_bytes() == ROWS.encode()
        refused(packages[sender], both[sender], tmp_path / f"own-{sender}", "212", inside)
    changed = tmp_path / "changed.sm.tar"
    data = bytearray(packages[NATIONAL].read_bytes())
    data[data.index(b"payload.sm4gcm") + 600] ^= 1
    changed.write_bytes(data)
    refused(changed, both[SHANDONG], tmp_path / "changed", "214", inside)
    revoke = ("keys", "revoke", "--party", NATIONAL, "--fingerprint", pins[NATIONAL], "--yes")
    assert inside(*revoke, "--config", both[SHANDONG]).code == 0
    refused(packages[NATIONAL], both[SHANDONG], tmp_path / "revoked", "211", inside)
    assert sealed(SHANDONG, NATIONAL, "after").document["code"] == "707", "nothing is sealed for a revoked key"
    assert list(tmp_path.glob("after/*")) == []
