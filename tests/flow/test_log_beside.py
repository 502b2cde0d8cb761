"""What stands beside the log as the daemon keeps it: tokens of an authority, evidence of two histories."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from support.auditors import Authority
from support.nodes import Node

from gateway.adapters.publishing import LogKeys
from gateway.adapters.worker import Worker
from gateway.daemon.publication import Publication
from gateway.demo.partners import Partners
from gateway.inspection import findings
from gateway.instants import rfc3339
from gateway.lifecycle import Event
from gateway.log import Entry, verify
from gateway.log.note import Checkpoint, read_checkpoint
from gateway.log.timestamps import Authorities


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[tuple[Authority, list[int]]]:
    """`openssl ts` behind a server on the loopback; the list is what it answers with, empty for a token."""
    made, trouble = Authority(tmp_path / "tsa"), []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = self.rfile.read(int(self.headers["Content-Length"]))
            made.asked = getattr(made, "asked", 0) + 1
            body = b"" if trouble else made.reply(query)
            self.send_response(trouble[0] if trouble else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        made.url = f"http://127.0.0.1:{server.server_address[1]}/"
        yield made, trouble
        server.shutdown()


def log(node: Node, identity: str) -> None:
    now = datetime.fromtimestamp(time.time(), UTC)
    with node.running.ledger.transaction(now) as tx:
        tx.log(Entry(id=identity, event=Event.OPERATED, time=now, actor="test", facts=node.facts.digest))


def running(node: Node) -> tuple[Publication, list[int]]:
    stops: list[int] = []
    made = Publication(node.running, lambda: stops.append(1))
    made.start()
    return made, stops


def test_a_token_is_fetched_for_what_is_new(
    home: Path, partners: Partners, worker: Worker, authority: tuple[Authority, list[int]], tmp_path: Path
) -> None:
    tsa, trouble = authority
    config = home / "config/gateway.toml"
    text = re.sub(r"\n\[rehearsal\][^\[]*", "\n", config.read_text("utf-8"))
    config.write_text(f'{text}\n[timestamps]\nurl = "{tsa.url}"\ncertificate = "tsa.pem"\nminutes = 60\n', "utf-8")
    found = findings(home, datetime.fromtimestamp(time.time(), UTC).date())
    assert [fault.message for fault in found.faults] == [
        "timestamps.certificate: no file with a certificate below keys/"
    ]
    (home / "keys/tsa.pem").write_bytes(tsa.certificates)
    assert not findings(home, datetime.fromtimestamp(time.time(), UTC).date()).faults
    node = Node(home, partners, worker)
    try:
        publication, _ = running(node)
        publication.stamp(node.running)
        assert not hasattr(tsa, "asked"), "nothing was signed yet"
        log(node, "one")
        publication.round(node.running)
        trouble.append(503)
        publication.stamp(node.running)
        assert (publication.state()["stamped"], publication.failure) == (0, ""), "its absence stops nothing"
        trouble.clear()
        publication.stamp(node.running)
        archive = home / "log/archive"
        text = read_checkpoint((home / "log/checkpoint").read_bytes())[0].text.encode()
        assert tsa.accepts(archive / "1.tsr", text, tmp_path / "scratch")
        assert publication.state()["stamped"] == 1
        asked = tsa.asked
        log(node, "two")
        publication.round(node.running)
        publication.stamp(node.running)
        assert tsa.asked == asked, "an hour has not passed"
        moment, size = publication._stamped
        publication._stamped = (moment - 3601, size)
        publication.stamp(node.running)
        assert (tsa.asked, publication.state()["stamped"]) == (asked + 1, 2)
        key = LogKeys(home / "private", node.facts.node.name).signers()[0].verifier
        told = verify(home / "log", [key], authorities=Authorities.load(tsa.certificates))
        assert told.ok, told.problems
        assert told.stamped == 2
    finally:
        node.close()


def test_two_histories_are_evidence_and_an_entry(node: Node) -> None:
    publication, stops = running(node)
    log(node, "one")
    publication.round(node.running)
    assert (publication.failure, stops) == ("", [])
    signers = LogKeys(node.home / "private", node.facts.node.name).signers()
    lie = Checkpoint(node.facts.node.name, 1, hashlib.sha256(b"another history").digest()).signed(signers)
    incoming = node.home / "state/cosigned"
    incoming.mkdir()
    (incoming / "w.note").write_bytes(lie.to_bytes())
    publication.round(node.running)
    assert publication.failure
    assert stops == [1]
    (kept,) = (node.home / "state/evidence").glob("*.notes")
    assert lie.to_bytes() in kept.read_bytes()
    again, _ = running(node)
    again.round(node.running)
    with node.running.ledger.reading() as reading:
        entries = [json.loads(e.body) for e in reading.entries.after() if e.event == "split_view_seen"]
    assert [e["digests"] for e in entries] == [{"evidence": hashlib.sha256(kept.read_bytes()).hexdigest()}]
    assert rfc3339(node.running.clock.now() + timedelta(days=1)) > entries[0]["time"]
