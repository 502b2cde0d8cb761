"""The log before tools this project did not write: OpenSSL, Go's sumdb, a thirty-line script, a time-stamping
authority; and the commands as people type them."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from support.auditors import Authority, authority, openssl_accepts, run, sumdb
from support.logs import START, Log, make_log
from typer.testing import CliRunner

from gateway.cli import app
from gateway.log import timestamps
from gateway.log.note import BadNote, Note, VerifierKey, read_checkpoint
from gateway.log.proof import Proof, check, prove
from gateway.log.tiles import TileTree

__all__ = ["authority", "sumdb"]
SIZES = (7, 252, 259, 511 - 511 % 7, 518)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    return make_log(tmp_path_factory.mktemp("log"), 90)


def command(*words: object, code: int = 0) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == code, done.output
    return done.stdout


def test_openssl_alone_verifies_the_signature(log: Log, tmp_path: Path) -> None:
    assert openssl_accepts(log.checkpoint, log.key, tmp_path / "a")
    changed = tmp_path / "checkpoint"
    changed.write_bytes(log.checkpoint.read_bytes().replace(b"\n630\n", b"\n631\n"))
    assert not openssl_accepts(changed, log.key, tmp_path / "b")


@pytest.mark.parametrize("parcels", [1, 36, 37, 73, 74, 110])
def test_go_verifies_every_tile_entry_and_step(parcels: int, sumdb: Path, tmp_path: Path) -> None:
    """One entry short of a full tile, just over it, and far beyond."""
    log = make_log(tmp_path / "node", parcels)
    old = tmp_path / "old"
    old.write_bytes(log.checkpoint.read_bytes())
    log.grow(parcels, 5, START)
    done = run(sumdb, "check", log.folder, log.key, old)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.startswith(f"ok {7 * (parcels + 5)} ".encode())


def test_go_takes_our_proofs_and_refuses_them_for_anything_else(log: Log, sumdb: Path, tmp_path: Path) -> None:
    note, checkpoint = read_checkpoint(log.checkpoint.read_bytes())
    tree = TileTree(log.folder, checkpoint.size)
    for index in (0, 1, 255, 256, 511, 512, checkpoint.size - 1):
        proof = prove(tree, index, note)
        path = tmp_path / f"{index}.tlog-proof"
        path.write_bytes(proof.to_bytes())
        assert run(sumdb, "proof", path, log.key).returncode == 0
        assert check(Proof.parse(path.read_bytes()), log.key)[1]["seq"] == index

        other = Proof(proof.entry, (index + 1) % checkpoint.size, proof.path, note)
        path.write_bytes(other.to_bytes())
        assert run(sumdb, "proof", path, log.key).returncode != 0
        with pytest.raises(BadNote):
            check(other, log.key)


def test_the_receipts_proof_needs_no_log(log: Log, tmp_path: Path) -> None:
    receipt = tmp_path / "回执.receipt.json"
    entry = log.bodies()[4]
    stated = {"log": {"origin": "national", "seq": 4, "hash": hashlib.sha256(b"\0" + entry).hexdigest()}}
    stated |= {"parcel": "p000000", "sha256": f"{0:064x}", "number": "20261020-000004"}
    receipt.write_text(json.dumps(stated), "utf-8")
    command("log", "prove", log.folder, "--receipt", receipt, "--out", tmp_path / "回执.tlog-proof")

    found = json.loads(command("log", "check", receipt, "--key", log.key, "--json"))
    assert found["ok"]
    assert (found["event"], found["seq"], found["time"]) == ("accepted", 4, "2026-10-20T01:00:00.000000Z")

    for change in ({"parcel": "p000001"}, {"sha256": "f" * 64}, {"log": stated["log"] | {"seq": 5}}):
        receipt.write_text(json.dumps(stated | change), "utf-8")
        assert not json.loads(command("log", "check", receipt, "--key", log.key, "--json", code=1))["ok"]
    assert "ok" in command("log", "check", receipt, "--key", "rubbish", "--json", code=1)


def test_verify_as_it_is_typed(log: Log, tmp_path: Path) -> None:
    found = json.loads(command("log", "verify", log.folder, "--key", log.key, "--since", log.checkpoint, "--json"))
    assert found.keys() >= {"ok", "size", "root", "problems"}
    assert (found["ok"], found["size"], found["problems"]) == (True, 630, [])

    page = tmp_path / "report.html"
    keyfile = tmp_path / "log.vkey"
    keyfile.write_text(f"{log.key}\n")
    assert "通过" in command("log", "verify", log.folder, "--key", keyfile, "--html", page)
    text = page.read_text("utf-8")
    assert "核验报告" in text
    assert "没有发现问题" in text
    assert "passed" in command("log", "verify", log.folder, "--key", keyfile, "--lang", "en")

    (tmp_path / "log").mkdir()
    nothing = json.loads(command("log", "verify", tmp_path / "log", "--key", log.key, "--json", code=1))
    assert (nothing["ok"], len(nothing["problems"])) == (False, 1)
    wrong = VerifierKey("other", log.key.kind, log.key.public)
    refused = json.loads(command("log", "verify", log.folder, "--key", wrong, "--json", code=1))
    assert refused["problems"][0]["check"] == "signature"


@pytest.fixture
def server(authority: Authority) -> Iterator[str]:
    """The authority on the loopback, over HTTP as RFC 3161 has it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.headers["Content-Type"] == "application/timestamp-query"
            reply = authority.reply(query)
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_: object) -> None: ...

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{running.server_address[1]}/"
    running.shutdown()
    thread.join()
    running.server_close()


def test_tokens_of_a_real_authority(authority: Authority, tmp_path: Path) -> None:
    text = b"national\n7\nroot\n"
    token = authority.reply(timestamps.request(text))
    trusted = timestamps.Authorities.load(authority.certificates)
    moment = timestamps.judge(token, text, trusted)
    assert moment.tzinfo is not None

    (tmp_path / "t.tsr").write_bytes(token)
    assert authority.accepts(tmp_path / "t.tsr", text, tmp_path / "a")
    with pytest.raises(timestamps.BadToken):
        timestamps.judge(token, text + b"x", trusted)
    stranger = timestamps.Authorities.load(Authority(tmp_path / "other").certificates)
    with pytest.raises(timestamps.BadToken):
        timestamps.judge(token, text, stranger)
    for rubbish in (b"", b"rubbish", token[:-30]):
        with pytest.raises(timestamps.BadToken):
            timestamps.judge(rubbish, text, trusted)


def test_a_nodes_log_from_key_to_export(
    template: Path, server: str, authority: Authority, sumdb: Path, tmp_path: Path
) -> None:
    """The keeper's commands on a node as `gateway init` makes it; the auditor gets a folder and stock tools."""
    from support.nodes import copy_node

    from gateway import wiring
    from gateway.adapters.ledger import Ledger
    from gateway.adapters.publishing import LogKeys, Publisher
    from gateway.lifecycle import Event
    from gateway.log import Entry

    home = tmp_path / "node"
    copy_node(template, home)
    facts = wiring.load(home)
    command("log", "key", "--config", home, code=3)
    key = command("log", "key", "--config", home, "--generate").strip()
    command("log", "checkpoint", "--config", home, code=1)
    keys = LogKeys(home / "private", facts.node.name)
    ledger = Ledger(wiring.database_url(facts))
    (home / "state").mkdir(exist_ok=True)
    ledger.migrate()
    publisher = Publisher(ledger, home / "log", facts.node.name, keys.signers)
    for number in range(300):  # a rehearsal's clock: the authority's is the world's
        event, counts = (Event.FACTS, {}) if number else (Event.STARTED, {"rehearsal": 1})
        ledger.append(
            [Entry(id=f"n{number}", event=event, time=START, actor="gateway", facts=facts.digest, counts=counts)], START
        )
    publisher.publish(START)
    command("log", "checkpoint", "--config", home, "--out", tmp_path / "saved")

    (tmp_path / "ca.pem").write_bytes(authority.certificates)
    stamped = command("log", "timestamp", "--url", server, "--tsa", tmp_path / "ca.pem", "--config", home)
    assert stamped.startswith("300 ")
    assert command("log", "timestamp", "--url", server, "--tsa", tmp_path / "ca.pem", "--config", home) == stamped

    rotated = command("log", "key", "--config", home, "--rotate").split()
    assert rotated[1] == key
    publisher.publish(START)
    entry = json.loads(TileTree(home / "log", 301).entry(300))
    assert (entry["event"], entry["digests"]["new"]) == ("log_key_changed", VerifierKey.parse(rotated[0]).public.hex())

    out = tmp_path / "bundle"
    command("log", "export", out, "--config", home)
    command("log", "export", out, "--config", home, code=2)
    found = json.loads(
        command("log", "verify", out / "log", "--key", key, "--since", tmp_path / "saved", "--tsa",
                tmp_path / "ca.pem", "--json")
    )  # fmt: skip
    assert found["ok"], found["problems"]
    assert found["timestamped_size"] == 300
    script = subprocess.run(
        [sys.executable, "-I", out / "check_root.py", out / "log"], capture_output=True, check=False, text=True
    )
    assert (script.returncode, script.stdout.split()[-1]) == (0, "OK")
    assert openssl_accepts(out / "log" / "checkpoint", VerifierKey.parse(rotated[0]), tmp_path / "x")
    assert run(sumdb, "check", out / "log", key, tmp_path / "saved").returncode == 0
    text = Note.parse((out / "log/archive/300").read_bytes()).text.encode()
    assert authority.accepts(out / "log/archive/300.tsr", text, tmp_path / "y")
    readme = (out / "README.md").read_text("utf-8")
    assert "national" in readme
    told = readme[readme.index("日志看不出来的事") :]
    assert all(word in told for word in ("从未登记", "凭空登记", "回执", "签收单", "never logged", "--receipts"))

    bundle = out / "log/tile/entries/000"
    data = bytearray(bundle.read_bytes())
    data[50] ^= 1
    bundle.write_bytes(data)
    broken = subprocess.run(
        [sys.executable, "-I", out / "check_root.py", out / "log"], capture_output=True, check=False
    )
    assert broken.returncode == 1
    assert len(command("log", "key", "--config", home, "--retire").split()) == 1
    ledger.close()


def test_two_nodes_witness_each_other_by_files(template: Path, log: Log, tmp_path: Path) -> None:
    from support.nodes import copy_node

    home = tmp_path / "node"
    copy_node(template, home)
    out = tmp_path / "cosigned.note"
    command("log", "cosign", log.folder, "--key", log.key, "--out", out, "--config", home)
    witness = VerifierKey.parse(command("log", "key", "--config", home, "--witness"))
    assert Note.parse(out.read_bytes()).cosigned_at(witness) is not None
    policy = tmp_path / "policy"
    policy.write_text(f"witness w {witness}\nquorum w\n")
    command("log", "cosign", log.folder, "--key", witness, "--out", out, "--config", home, code=1)
    found = json.loads(command("log", "verify", log.folder, "--key", log.key, "--policy", policy, "--json", code=1))
    assert found["problems"][0]["check"] == "quorum"
