"""A node that older code played and left in the middle of its work (`tests/fixtures/played_node`) is opened, read and
goes on: on SQLite and on PostgreSQL, on whatever day this runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support import played_node
from support.asking import ANSWER
from support.nodes import PERIOD, Daemon, planned
from support.played_node import Expected

from gateway import wiring
from gateway.adapters.ledger import Ledger
from gateway.adapters.publishing import LogKeys
from gateway.control.client import Refusal
from gateway.demo.people import INFLOW, OUTFLOW
from gateway.demo.story import file_name
from gateway.log.verification import Auditor
from gateway.policy import loading

BACKENDS = ["sqlite", "postgresql"]


def database_for(backend: str, request: pytest.FixtureRequest) -> str:
    return request.getfixturevalue("postgres").fresh() if backend == "postgresql" else ""


def judged(home: Path) -> tuple[list[str], int]:
    """Problems of the log as an auditor judges it, with the receipts in all folders, and how many entries it has."""
    facts = loading.load(home)
    keys = [signer.verifier for signer in LogKeys(facts.path(facts.node.private), facts.node.name).signers()]
    now = wiring.make_clock(facts).now()
    report = Auditor(now=now).verify(home / "log", keys, receipts=home / "exchange")
    return [problem.en for problem in report.problems], report.size


# -- as it lies there --------------------------------------------------------------------------------------------------


@pytest.fixture(params=BACKENDS)
def at_rest(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Expected]:
    """The node's folder, and what its ledger held when it was made."""
    backend: str = request.param
    home = played_node.unpack(tmp_path, backend, url=database_for(backend, request))
    return home, played_node.expected(backend)


def test_the_ledger_is_brought_to_the_newest_version_and_holds_what_it_held(at_rest: tuple[Path, Expected]) -> None:
    home, held = at_rest
    url = wiring.database_url(loading.load(home))
    erased, others = played_node.salts(url)
    assert erased > 0
    assert others > 0
    assert played_node.kept_digests(url) > 0
    ledger = Ledger(url)
    ledger.migrate()
    ledger.close()
    assert played_node.salts(url) == (0, others)
    assert played_node.kept_digests(url) == 0
    found, held = played_node.read(url), played_node.brought_up(held)
    assert {name: count for name, count in found["counts"].items() if name != "log_salts"} == held["counts"]
    assert found["states"] == held["states"]
    assert found["workflows"] == held["workflows"]
    for table, rows in held["rows"].items():
        assert found["rows"][table] == rows, table


def test_its_log_verifies(at_rest: tuple[Path, Expected]) -> None:
    """The last entries of the ledger were not published any more."""
    home, held = at_rest
    problems, size = judged(home)
    assert problems == []
    assert 1000 < size < held["counts"]["log_entries"]


# -- as it goes on -----------------------------------------------------------------------------------------------------


class GoingOn:
    """The node, its daemon started an hour after it was killed. `held` is what its ledger held then."""

    def __init__(self, home: Path, held: Expected) -> None:
        self.home, self.held = home, held
        self.daemon = Daemon(home)

    def parcels(self, **equal: str) -> list[str]:
        """Ids of the parcels that stood so."""
        names, *rows = self.held["rows"]["parcels"]
        found = [dict(zip(names, row, strict=True)) for row in rows]
        return [row["id"] for row in found if equal.items() <= row.items()]

    def parcel(self, identity: str) -> dict[str, Any]:
        found: dict[str, Any] = self.daemon.get("parcels", identity)["parcel"]
        return found

    def urge(self, identity: str) -> None:
        """Have it tried again now, unless its own time came before us."""
        with suppress(Refusal):
            self.daemon.post("retry", identity)

    def until(self, holds: Callable[[], object], seconds: float = 150) -> None:
        limit = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < limit, self.daemon.get("status")["counts"]
            time.sleep(0.2)

    def settled(self, identity: str) -> dict[str, Any]:
        """The parcel, once nothing more happens to it."""
        self.until(lambda: self.parcel(identity)["posted_at"])
        return self.parcel(identity)

    def of(self, sender: str) -> list[dict[str, Any]]:
        rows = self.daemon.get("parcels", sender=f"{sender}0000", agreement=OUTFLOW, limit="1000")
        return [row for row in rows if row["received_at"] > "2026-11-20"]


@pytest.fixture(scope="module", params=BACKENDS)
def node(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GoingOn]:
    backend: str = request.param
    into = tmp_path_factory.mktemp("played-on")
    url = database_for(backend, request)
    home = played_node.unpack(into, backend, url=url, after=timedelta(hours=1))
    found = GoingOn(home, played_node.expected(backend))
    found.daemon.start()
    yield found
    found.daemon.close()


@pytest.mark.parametrize("state", ["received", "opened", "checked", "sorted"])
def test_what_was_cut_off_after_a_stage_comes_to_its_end_by_itself(node: GoingOn, state: str) -> None:
    """`received` is one of two: the other one was never begun."""
    stood = [p for p in node.parcels(state=state, code="") if node.parcel(p)["sender"] != "110000"]
    assert len(stood) == 1
    assert node.settled(stood[0])["state"] == "accepted"


def test_a_file_that_was_claimed_and_nothing_more_is_taken_in(node: GoingOn) -> None:
    """The ledger knew nothing of it: its claim stood in the spool."""
    assert node.parcels(sender="210000", agreement=OUTFLOW) == []
    node.until(lambda: [p["state"] for p in node.of("21") if p["posted_at"]] == ["accepted"])


def test_files_whose_workflows_stood_in_the_queue_are_taken_in(node: GoingOn) -> None:
    for sender in ("65", "66"):
        node.until(lambda sender=sender: [p["state"] for p in node.of(sender) if p["posted_at"]] == ["accepted"])


def test_a_receipt_that_was_not_out_is_put_out(node: GoingOn) -> None:
    (waiting,) = node.parcels(sender="640000", agreement=OUTFLOW, state="accepted", posted_at="")
    assert node.settled(waiting)["state"] == "accepted"


@pytest.mark.parametrize("code", ["702", "704", "707", "709"])
def test_what_waited_for_its_time_goes_on(node: GoingOn, code: str) -> None:
    """The disk was full; the worker died; the receiver's key was missing; the share was away."""
    (waiting,) = node.parcels(code=code)
    assert node.settled(waiting)["state"] == "accepted"


def test_the_second_of_two_for_one_place_is_refused_once_the_first_is_set_going(node: GoingOn) -> None:
    """The first has no workflow: the daemon finds it after half a minute, a person sets it going at once."""
    (first,) = node.parcels(sender="110000", state="received")
    (second,) = node.parcels(code="708")
    node.urge(first)
    assert node.settled(first)["state"] == "accepted"
    node.urge(second)
    assert (node.settled(second)["state"], node.parcel(second)["code"]) == ("refused", "221")


def test_what_stopped_stands_until_a_person_sets_it_going(node: GoingOn) -> None:
    (stopped,) = node.parcels(state="faulted")
    assert node.parcel(stopped)["state"] == "faulted"
    node.daemon.post("retry", stopped)
    assert node.settled(stopped)["state"] == "accepted"


def test_a_person_confirms_what_is_held(node: GoingOn) -> None:
    (held,) = node.parcels(state="held")
    node.daemon.post("confirm", held)
    assert node.settled(held)["code"] == "105"


def test_batches_that_were_let_go_are_delivered(node: GoingOn) -> None:
    """Those in the middle of their delivery, and those whose turn had not come; but for a server that is away."""
    under_way = node.held["workflows"]["delivery PENDING"] + node.held["workflows"]["delivery ENQUEUED"]
    before = node.held["states"]["deliveries"]["delivered"]
    node.daemon.await_counts("deliveries", "delivered", before + under_way - 2, 150)


def test_a_release_that_was_cut_off_is_made(node: GoingOn) -> None:
    """The third batches of the inflow: none of them was there."""
    names, *rows = node.held["rows"]["distributions"]
    third = f"d-{INFLOW}-{PERIOD}-3-"
    assert not [row for row in rows if row[names.index("id")].startswith(third)]
    node.until(lambda: node.daemon.get("parcels", f"{third}330000")["parcel"]["state"] == "delivered")


def test_a_batch_of_another_gateway_that_a_person_confirmed_is_signed_for(node: GoingOn) -> None:
    answered = node.held["states"]["incoming"]["answered"]
    node.daemon.await_counts("incoming", "answered", answered + 1, 150)


def test_a_signature_that_was_being_judged_counts(node: GoingOn) -> None:
    """Its file was claimed, and the ledger knew nothing of it."""
    batch = f"d-{INFLOW}-{PERIOD}-2-120000"
    node.until(lambda: node.daemon.get("parcels", batch)["parcel"]["state"] == "acknowledged")


def test_a_receiver_signs_late_for_what_it_got_before(node: GoingOn) -> None:
    batch = f"d-{INFLOW}-{PERIOD}-1-310000"
    assert node.daemon.get("parcels", batch)["parcel"]["state"] == "unconfirmed"
    exchange = node.home / "exchange" / "310000"
    (form,) = (exchange / "接收" / node.daemon.facts.agreements[INFLOW].label).glob("*第1批*.receipt.json")
    with played_node.partner(node.home, "31") as partner:
        partner.acknowledge(form, exchange / "上报" / "签收")
    node.until(lambda: node.daemon.get("parcels", batch)["parcel"]["state"] == "acknowledged")


def test_the_last_record_of_an_inquiry_is_answered_under_its_old_key(node: GoingOn) -> None:
    """Two of its three were answered in time; this one was owed until 10 November."""
    before = node.held["states"]["obligations"]["reply met_late"]
    file = node.home / "exchange" / "440000" / "上报" / node.daemon.facts.agreements["reply-15wd"].label / "反馈.csv"
    file.write_text(f"{ANSWER}b3,1,20261120\n", "utf-8")
    node.daemon.await_counts("replies", "met_late", before + 1, 150)


def test_a_fresh_file_is_accepted(node: GoingOn) -> None:
    file = planned(4, party="33", agreement=OUTFLOW, seed="fresh", name=file_name(OUTFLOW, PERIOD, 0, "-补报"))
    node.daemon.drop(file)
    node.until(lambda: [p["state"] for p in node.of("33") if p["posted_at"]] == ["accepted"])


def test_its_log_verifies_after_all_that(node: GoingOn) -> None:
    assert node.daemon.stop() == 0
    problems, size = judged(node.home)
    assert problems == []
    assert size > node.held["counts"]["log_entries"]
