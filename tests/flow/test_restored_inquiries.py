"""After a restore inquiries have their dates again, out of what the log says of them; what the log does not say waits
for a person. Keys that end with an inquiry or a period are in no archive.

The database, the log and its publisher are the real ones; what is lost is the ledger, put back as a backup holds it.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support.asking import PERSON, Desk, at, with_agreements
from support.nodes import Node, planned

from gateway import durable, wiring
from gateway.adapters.ledger import Ledger
from gateway.adapters.publishing import LogKeys, Publisher
from gateway.adapters.storage import backup
from gateway.adapters.storage.backup import inquirykeys
from gateway.adapters.worker import Worker
from gateway.corridors import recovery
from gateway.corridors.comparing import repeating
from gateway.corridors.recovery import Item, Report
from gateway.corridors.upkeep import retention
from gateway.demo.partners import Partners
from gateway.instants import rfc3339
from gateway.outcomes import Ok

A, A_BACK, B, B_BACK = "inquiry-15wd", "reply-15wd", "inquiry-30d", "reply-30d"
GZ, SZ, WUHU = "440103000000", "440303000000", "340202000000"
BIRTHS = "births-elsewhere"


@pytest.fixture
def desk(home: Path, partners: Partners, worker: Worker) -> Iterator[Desk]:
    with_agreements(home, A, A_BACK, B, B_BACK, BIRTHS)
    node = Node(home, partners, worker)
    yield Desk(node, "2026-10-20 09:30")
    node.close()


def backed_up(desk: Desk, into: Path) -> tuple[Path, list[inquirykeys.Key]]:
    """The ledger as an archive holds it, and the keys that lie beside the archives."""
    durable.make_folder(into)
    with desk.running.ledger.reading() as reading:
        keys = reading.inquiries.keys()
    return backup.dump(desk.running.ledger.url, into), keys


def lost(desk: Desk, dumped: Path, keys: list[inquirykeys.Key]) -> tuple[Report, list[Item]]:
    """The node's ledger is lost; the archive's takes its place, and what was published since is taken over."""
    facts, clock = desk.node.facts, desk.clock
    own = LogKeys(facts.path(facts.node.private), facts.node.name)
    if not own.exists():
        own.generate()
    log = facts.path(facts.node.log)
    Publisher(desk.running.ledger, log, facts.node.name, own.signers).publish(clock.now())
    desk.node.close()
    for path in (desk.node.home / "state").glob("ledger.db*"):
        path.unlink()
    shutil.copyfile(dumped, desk.node.home / "state" / "ledger.db")
    ledger = Ledger(wiring.database_url(facts))
    ledger.migrate()
    with ledger.transaction(clock.now()) as tx:
        tx.inquiries.enter_keys(keys)
    ledger.close()
    desk.node.open()
    Desk.__init__(desk, desk.node, "2026-10-20 09:30")
    desk.clock.moment = clock.moment
    verifiers = [signer.verifier for signer in own.signers()]
    history = recovery.newest(desk.running, [log], verifiers)
    report = recovery.roll(desk.running, history, verifiers, (), rfc3339(clock.now()))
    return report, recovery.items(desk.running, report, ())


def asked_items(items: list[Item]) -> dict[str, tuple[str, ...]]:
    return {item.name: item.decisions for item in items if item.kind == "inquiry"}


def test_no_key_that_has_an_end_is_in_a_backup(desk: Desk, tmp_path: Path) -> None:
    """Not in the database's bytes, not among the files; the file of keys is for the offline key and for this node."""
    asked = desk.ask("11", A, ["a1", "a2"], GZ)
    desk.node.send(planned(60, party="33"))
    (period_key,) = (desk.running.spool.state / "repeats").glob("*/*/key")
    facts, key = desk.node.facts, desk.inquiry(asked, "44").key
    manifest = backup.Manifest(facts.node.name, rfc3339(desk.clock.now()), facts.digest, "sqlite", 1)
    gathered = backup.gather(
        manifest, desk.running.ledger.url, facts.home, desk.running.spool.state, desk.node.home / "log"
    )
    held = [path for path in gathered.rglob("*") if path.is_file()]
    assert gathered / "database" / "ledger.db" in held
    for secret in (key.encode(), period_key.read_bytes()):
        assert not [path for path in held if secret in path.read_bytes()]
    assert not (gathered / "state" / "repeats").exists()
    with closing(sqlite3.connect(gathered / "database" / "ledger.db")) as there:
        assert there.execute("SELECT count(*) FROM dated_records WHERE fingerprint != ''").fetchone() == (2,)
    backup.forget(desk.running.spool.state)

    own = facts.parties[facts.node.party].pins("openpgp")[0]
    file = tmp_path / f"node{inquirykeys.SUFFIX}"
    with desk.running.ledger.reading() as reading:
        keys = reading.inquiries.keys()
    assert keys == [(asked.id, "440000", key)]
    sealer = wiring.sealing(facts)
    done = sealer.openpgp.seal_stream(lambda write: inquirykeys.write("it", "now", keys, write), 500, own, file)
    assert isinstance(done, Ok)
    assert key.encode() not in file.read_bytes()
    gnupg = desk.node.home / "private" / "gnupg"
    assert inquirykeys.read(file, gnupg, facts.keys / "000000.asc", "it") == keys
    with pytest.raises(backup.BadArchive):
        inquirykeys.read(file, gnupg, None, "another")


def test_dates_come_back_from_the_log(desk: Desk, tmp_path: Path) -> None:
    """The one that was open goes on with its key; those accepted since have their dates and counts, and no key."""
    known = desk.ask("11", A, ["a1", "a2"], GZ)
    dumped, keys = backed_up(desk, tmp_path / "archive")
    desk.set("2026-10-22 09:30")
    since = desk.ask("12", A, ["b1", "b2"], SZ)
    desk.ask("13", B, ["c1"], WUHU)
    owed = [(o.id, o.due, o.expires_at) for o in desk.owed(since, "44")]
    desk.answer("44", A_BACK, [("a1", "1"), ("a2", "1")])
    desk.answer("34", B_BACK, [("c1", "1")])

    report, items = lost(desk, dumped, keys)
    assert desk.states(known, "44") == ["met", "met"]
    assert desk.inquiry(known, "44").closed_at
    assert [(o.id, o.due, o.expires_at) for o in desk.owed(since, "44")] == owed
    assert desk.inquiry(since, "44").delivered_at == at("2026-10-22 09:30")
    assert asked_items(items) == {f"{since.id}/440000": ("void",)}
    assert not report.undated

    (item,) = [item for item in items if item.kind == "inquiry"]
    assert item.party == "120000"
    recovery.decide(desk.running, item, "void", "operator")
    assert desk.states(since, "44") == ["void", "void"]
    assert recovery.items(desk.running, report, ()) == []
    desk.set("2026-10-26 09:30")
    again = desk.ask("12", A, ["b1", "b2", "b3"], SZ)  # asked once more, in a file of its own
    desk.answer("44", A_BACK, [("b1", "1"), ("b2", "1"), ("b3", "1")])
    assert desk.states(again, "44") == ["met", "met", "met"]


def test_with_the_keys_an_open_inquiry_is_answered_as_before(desk: Desk, tmp_path: Path) -> None:
    asked = desk.ask("11", A, ["a1", "a2"], GZ)
    dumped, keys = backed_up(desk, tmp_path / "archive")
    desk.ask("12", B, ["b1"], WUHU)
    _, items = lost(desk, dumped, keys)
    assert f"{asked.id}/440000" not in asked_items(items)
    desk.answer("44", A_BACK, [("a1", "1"), ("a2", "2")])
    assert desk.states(asked, "44") == ["met", "met"]


def test_without_them_it_can_only_end(desk: Desk, tmp_path: Path) -> None:
    asked = desk.ask("11", A, ["a1", "a2"], GZ)
    dumped, _ = backed_up(desk, tmp_path / "archive")
    _, items = lost(desk, dumped, [])
    assert asked_items(items) == {f"{asked.id}/440000": ("void",)}


def test_which_records_were_answered_is_not_guessed(desk: Desk, tmp_path: Path) -> None:
    """One of two was answered, late: the count comes back, and a person decides whether the inquiry goes on."""
    asked = desk.ask("11", A, ["a1", "a2"], GZ)
    dumped, keys = backed_up(desk, tmp_path / "archive")
    desk.set("2026-11-11 09:00")
    desk.answer("44", A_BACK, [("a2", "1")])
    report, items = lost(desk, dumped, keys)
    assert sorted(desk.states(asked, "44")) == ["met_late", "open"]
    assert asked_items(items) == {f"{asked.id}/440000": ("keep", "void")}
    assert Report.from_json(report.to_json()) == report


def test_dates_that_stood_in_the_records_are_listed(desk: Desk, tmp_path: Path) -> None:
    """What a sender owes since a day in its file: the log counts it and does not tell the day."""
    dumped, keys = backed_up(desk, tmp_path / "archive")
    head = "记录编号,姓名,性别,出生日期,父母姓名,父母身份证号,户籍地代码,登记日期\n"
    text = f"{head}1,,2,20260901,{PERSON},{GZ},20261009\n"
    (desk.folder("33", BIRTHS) / "外区.csv").write_text(text, "utf-8")
    (claim,) = desk.node.scan()
    assert desk.node.work(claim.parcel)["outcome"] == "ok"
    report, items = lost(desk, dumped, keys)
    assert report.undated == [(claim.parcel, "330000")]
    assert f"dates:{claim.parcel}" in [item.id for item in items]


def test_what_was_erased_since_is_erased_again(desk: Desk, tmp_path: Path) -> None:
    """An archive brings a refused original back that has gone by its retention."""
    refused = desk.send("11", A, "这不是表")
    kept = desk.running.spool.quarantine / refused.id
    assert (refused.state, kept.is_dir()) == ("refused", True)
    dumped, keys = backed_up(desk, tmp_path / "archive")
    shutil.copytree(kept, tmp_path / "kept")
    desk.set("2027-01-20 09:00")
    retention.erase(desk.running)
    assert not kept.exists()
    shutil.copytree(tmp_path / "kept", kept)
    lost(desk, dumped, keys)
    assert not kept.exists()


def test_periods_without_their_fingerprints_are_named(desk: Desk, tmp_path: Path) -> None:
    desk.node.send(planned(60, party="33"))
    assert repeating.uncompared(desk.running) == []
    dumped, keys = backed_up(desk, tmp_path / "archive")
    shutil.rmtree(desk.running.spool.state / "repeats")
    lost(desk, dumped, keys)
    assert repeating.uncompared(desk.running) == ["migrants-inflow/2026Q3"]
