"""Witnesses, over files: two nodes cosign each other; who sees two histories signs neither and keeps the evidence."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.logs import START, Log, make_log, put, rewrite, write_log

from gateway.adapters.publishing import (
    Behind,
    Contradiction,
    LogKeys,
    RolledBack,
    TwoHistories,
    Witness,
    Witnesses,
    over_http,
)
from gateway.log import Auditor, verify
from gateway.log.note import BadNote, Checkpoint, Note, Signer, read_checkpoint
from gateway.log.quorum import BadPolicy, Policy

LATER = START + timedelta(hours=1)
NOW = int(LATER.timestamp())


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return make_log(tmp_path / "node", 60)


@pytest.fixture
def province(tmp_path: Path) -> Witness:
    (tmp_path / "private").mkdir()
    return Witness(tmp_path / "province", LogKeys(tmp_path / "private", "zhejiang.example").witness())


def ours(log: Log, *witnesses: Witness, least: str = "all") -> Witnesses:
    lines = [f"witness w{i} {w.key}" for i, w in enumerate(witnesses)]
    names = " ".join(f"w{i}" for i in range(len(witnesses)))
    policy = "\n".join([*lines, f"group g {least} {names}", "quorum g"]) if witnesses else "quorum none"
    put(log.home / "keys" / "witnesses.policy", policy.encode())
    made = Witnesses(log.ledger, log.folder, log.home / "state", log.home / "keys", lambda: [log.signer])
    made.clock = lambda: max(NOW, time.time())  # over HTTP they sign by the host's
    return made


def bring(log: Log, note: Note) -> None:
    put(log.home / "state" / "cosigned" / "one.note", note.to_bytes())


def test_a_cosigned_checkpoint_comes_back_into_the_archive(log: Log, province: Witness) -> None:
    witnesses = ours(log, province)
    assert witnesses.newest() == 0
    bring(log, province.cosign(log.folder, log.key, NOW))

    assert witnesses.collect()
    assert not witnesses.collect()

    assert witnesses.newest() == 420
    archived = Note.parse((log.folder / "archive" / "420").read_bytes())
    assert archived.cosigned_at(province.key) == NOW
    found = Auditor(now=LATER).verify(log.folder, [log.key], policy=witnesses.policy)
    assert found.ok, found.problems
    assert found.witnessed == 420


@pytest.mark.parametrize(("ahead", "taken"), [(300, True), (301, False)])
def test_a_cosignature_of_the_future_is_not_taken(log: Log, province: Witness, ahead: int, taken: bool) -> None:
    """It would be held against the log at every audit; one by a right clock is taken afterwards."""
    witnesses = ours(log, province)
    witnesses.clock = lambda: NOW
    bring(log, province.cosign(log.folder, log.key, NOW + ahead))
    assert witnesses.collect() is taken
    assert Auditor(now=LATER).verify(log.folder, [log.key]).ok
    bring(log, province.cosign(log.folder, log.key, NOW))
    witnesses.collect()
    assert witnesses.newest() == 420


def test_a_witness_follows_a_growing_log_and_remembers(log: Log, province: Witness) -> None:
    for number in range(60, 120, 13):
        province.cosign(log.folder, log.key, NOW)
        log.grow(number, 13, LATER)
    again = Witness(province._state, province._signer)
    again.cosign(log.folder, log.key, NOW)
    again.cosign(log.folder, log.key, NOW + 1)  # the same tree again is no second history
    remembered = again.remembered(log.key)
    assert remembered is not None
    assert remembered.text == Note.parse(log.checkpoint.read_bytes()).text


def test_an_older_tree_is_not_cosigned(log: Log, province: Witness, tmp_path: Path) -> None:
    shutil.copytree(log.folder, tmp_path / "old")
    log.grow(60, 5, LATER)
    province.cosign(log.folder, log.key, NOW)
    with pytest.raises(Behind):
        province.cosign(tmp_path / "old", log.key, NOW)


@pytest.mark.parametrize("size", [420, 455], ids=["same size", "longer"])
def test_two_histories_are_kept_as_evidence(size: int, log: Log, province: Witness, tmp_path: Path) -> None:
    province.cosign(log.folder, log.key, NOW)
    log.grow(60, 5, LATER)
    bodies = rewrite(log.bodies()[:size], lambda entries: entries[9].update(actor="somebody"))
    write_log(tmp_path / "fork", bodies, log.signer)

    with pytest.raises(TwoHistories) as caught:
        province.cosign(tmp_path / "fork", log.key, NOW)

    kept = caught.value.evidence.read_bytes()
    fork = (tmp_path / "fork" / "checkpoint").read_bytes()
    assert fork in kept
    remembered = province.remembered(log.key)
    assert remembered is not None
    assert remembered.to_bytes() in kept
    province.cosign(log.folder, log.key, NOW)  # the history it knows is still cosigned


def test_broken_tiles_are_no_evidence(log: Log, province: Witness) -> None:
    province.cosign(log.folder, log.key, NOW)
    log.grow(60, 40, LATER)
    tile = log.folder / "tile/0/001"
    tile.write_bytes(tile.read_bytes()[::-1])
    with pytest.raises(BadNote):
        province.cosign(log.folder, log.key, NOW)
    assert not (province._state / "evidence").exists()


def test_what_the_log_did_not_sign_is_not_cosigned(log: Log, province: Witness) -> None:
    other = Signer("national", bytes([5] * 32))
    with pytest.raises(BadNote):
        province.cosign(log.folder, other.verifier, NOW)


def test_a_witness_that_is_ahead_stops_the_signing(log: Log, province: Witness, tmp_path: Path) -> None:
    """The whole node was restored from a backup, log and all: only the witness remembers."""
    witnesses = ours(log, province)
    bodies = [*log.bodies(), *make_log(tmp_path / "later", 1).bodies()]
    write_log(tmp_path / "ahead", bodies, log.signer)
    bring(log, province.cosign(tmp_path / "ahead", log.key, NOW))
    with pytest.raises(RolledBack):
        witnesses.collect()
    assert list((log.home / "state" / "evidence").iterdir())


def test_a_witness_that_saw_another_history_stops_the_signing(log: Log, province: Witness, tmp_path: Path) -> None:
    witnesses = ours(log, province)
    write_log(tmp_path / "fork", rewrite(log.bodies(), lambda e: e[9].update(actor="somebody")), log.signer)
    bring(log, province.cosign(tmp_path / "fork", log.key, NOW))
    with pytest.raises(Contradiction):
        witnesses.collect()
    assert len(list((log.home / "state" / "evidence").iterdir())) == 1


def test_rubbish_and_strangers_notes_are_passed_over(log: Log, province: Witness) -> None:
    witnesses = ours(log, province)
    _, checkpoint = read_checkpoint(log.checkpoint.read_bytes())
    for data in (b"rubbish", checkpoint.signed([Signer("national", bytes([5] * 32))]).to_bytes()):
        put(log.home / "state" / "cosigned" / "one.note", data)
        assert not witnesses.collect()
    assert not list((log.home / "state" / "cosigned").iterdir())
    assert not (log.folder / "archive").exists()


def test_missing_witnesses_are_told_after_five_minutes_and_stop_nothing(log: Log, province: Witness) -> None:
    witnesses = ours(log, province)
    last = START + timedelta(seconds=59)
    assert not witnesses.missing(last)
    assert witnesses.missing(START + timedelta(minutes=5, seconds=1)).startswith("2026-10-20T01:00:00")
    bring(log, province.cosign(log.folder, log.key, NOW))
    witnesses.collect()
    assert not witnesses.missing(LATER + timedelta(days=1))
    log.grow(60, 1, LATER)
    assert not witnesses.missing(LATER + timedelta(minutes=5))
    assert witnesses.missing(LATER + timedelta(minutes=7))
    assert not ours(log).missing(LATER + timedelta(days=9))


KEYS = [Signer(f"w{i}", bytes([i] * 32)).cosigner for i in range(4)]
LOG = Signer("national", bytes([9] * 32)).verifier
NAMED = "\n".join(f"witness w{i} {key}" for i, key in enumerate(KEYS)) + "\n"


@pytest.mark.parametrize(
    ("text", "yes", "no"),
    [
        ("quorum none", [""], []),
        (f"{NAMED}quorum w1", ["1", "12"], ["", "02"]),
        (f"{NAMED}group g any w0 w1\nquorum g", ["0", "1", "01"], ["23"]),
        (f"{NAMED}group g all w0 w1\nquorum g", ["01"], ["0", "1"]),
        (f"# k of n\n\n{NAMED}\tgroup g 2 w0 w1 w2  \nquorum g", ["01", "12", "02"], ["0", "23"]),
        (f"{NAMED}group a 1 w0 w1\ngroup b all w2\ngroup c all a b\nquorum c", ["02", "12"], ["01", "23", "2"]),
        (f"log {LOG} https://log.example\n{NAMED}quorum w0", ["0"], ["1"]),
    ],
)
def test_policy(text: str, yes: list[str], no: list[str]) -> None:
    policy = Policy.parse(text)
    for names in yes:
        assert policy.met({f"w{i}" for i in names}), names
    for names in no:
        assert not policy.met({f"w{i}" for i in names}), names


@pytest.mark.parametrize(
    "text",
    [
        "",
        "quorum w0",
        "quorum none\nquorum none",
        f"{NAMED}quorum w9",
        f"{NAMED}group g 3 w0 w1\nquorum g",
        f"{NAMED}group g 0 w0 w1\nquorum g",
        f"{NAMED}group g some w0\nquorum g",
        f"{NAMED}group g all\nquorum g",
        f"{NAMED}group g all w0 w0\nquorum g",
        f"{NAMED}group g all w0\ngroup h all w0\nquorum g",
        f"{NAMED}witness w0 {LOG}\nquorum w0",
        f"{NAMED}witness again {KEYS[0]}\nquorum w0",
        f"witness w {LOG}\nquorum w",
        f"log {KEYS[0]}\nquorum none",
        "witness w rubbish\nquorum w",
        "hello\nquorum none",
    ],
)
def test_bad_policies_are_refused(text: str) -> None:
    with pytest.raises(BadPolicy):
        Policy.parse(text)


@pytest.fixture
def listening(log: Log, province: Witness) -> Iterator[str]:
    """The province as a witness on the loopback."""
    server = over_http.server(province, {"national": log.key}, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def over(log: Log, province: Witness, url: str) -> Witnesses:
    made = ours(log, province)
    put(log.home / "keys" / "witnesses.policy", f"witness w0 {province.key} {url}\nquorum w0\n".encode())
    return made


def test_witnesses_are_asked_over_http(log: Log, province: Witness, listening: str) -> None:
    witnesses = over(log, province, listening)
    assert witnesses.ask() == []
    assert witnesses.newest() == 420
    assert witnesses.ask() == []
    log.grow(60, 40, datetime.fromtimestamp(time.time() - 300, UTC))  # this witness has a clock of the world
    assert witnesses.ask() == []
    assert witnesses.newest() == 700
    found = verify(log.folder, [log.key], policy=witnesses.policy)
    assert (found.ok, found.witnessed) == (True, 700), found.problems


def test_a_witness_that_remembers_more_than_we_do_of_it_is_answered(
    log: Log, province: Witness, listening: str
) -> None:
    province.cosign(log.folder, log.key, NOW)
    log.grow(60, 7, LATER)
    witnesses = over(log, province, listening)
    assert witnesses.ask() == []
    assert witnesses.newest() == 469


def test_a_witness_that_is_away_is_named_and_stops_nothing(log: Log, province: Witness) -> None:
    witnesses = over(log, province, "http://127.0.0.1:9")
    assert witnesses.ask() == ["w0"]
    assert witnesses.newest() == 0


def test_a_witness_refuses_what_it_must(log: Log, province: Witness, tmp_path: Path) -> None:
    logs = {"national": log.key}
    good = log.checkpoint.read_bytes()
    other = Signer("national", bytes([5] * 32))
    _, checkpoint = read_checkpoint(good)

    def say(body: bytes) -> tuple[int, bytes]:
        status, _, reply = over_http.answer(province, logs, body, NOW)
        return status, reply

    assert say(b"rubbish")[0] == 400
    assert say(b"old 0\n\nrubbish")[0] == 400
    assert say(b"old 9999\n\n" + good)[0] == 400
    assert say(b"old 0\n\n" + checkpoint.signed([other]).to_bytes())[0] == 403
    assert say(b"old 0\n\n" + Checkpoint("other", 1, bytes(32)).signed([other]).to_bytes())[0] == 404
    assert say(b"old 0\n\n" + good)[0] == 200
    assert say(b"old 0\n\n" + good) == (409, b"420\n")
    assert say(b"old 420\n\n" + good)[0] == 200
    log.grow(60, 1, LATER)
    assert say(b"old 420\n\n" + log.checkpoint.read_bytes())[0] == 422
    fork = Checkpoint("national", 420, bytes(32)).signed([log.signer])
    assert say(b"old 420\n\n" + fork.to_bytes()) == (409, b"420\n")
    remembered = province.remembered(log.key)
    assert remembered is not None
    assert remembered.to_bytes() == good
