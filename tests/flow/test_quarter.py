"""A quarter from the drop folders to the signed acknowledgement: conserved, exact, and written down as it was."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import pytest
import rfc8785
from support.nodes import verify

from gateway.demo.files import render
from gateway.demo.partners import verify_all
from gateway.demo.story import everything
from gateway.receipts.receipt import parse

SUFFIX = ".tar.zst.gpg"


@pytest.fixture(scope="session")
def entries(played):
    """The log's bodies in the order of `seq`, parsed."""
    rows = sorted(played.rows("log_entries"), key=lambda row: row["seq"])
    return [(row, json.loads(row["body"])) for row in rows]


# ---- records --------------------------------------------------------------------------------------------------------


def test_every_package_opens_with_stock_tools_and_holds_exactly_the_accepted_rows(played) -> None:
    found = verify_all(played.node.packages(), played.partners, played.truth)
    assert found.problems == []
    assert found.packages == played.truth.packages == len(played.rows("packages"))
    assert found.rows == played.truth.accepted


def test_every_file_became_what_it_had_to(played) -> None:
    """Per file: its outcome, its code, and its counts."""
    by_digest = {hashlib.sha256(render(file)).hexdigest(): file for file in everything(played.files)}
    seen: dict[str, list[dict]] = defaultdict(list)
    for row in played.rows("parcels"):
        if row["corridor"] == "submission":
            seen[row["sha256"] + row["sender"] + row["agreement"]].append(row)
    states = {"accepted": "accepted", "partly_refused": "accepted", "nil": "accepted"}
    for file in everything(played.files):
        outcome, codes = played.truth.outcomes[file.key]
        rows = seen[hashlib.sha256(render(file)).hexdigest() + f"{file.party}0000" + file.agreement]
        mine = [row for row in rows if row["code"] in codes]
        assert len(mine) == 1, (file.key, outcome, sorted(codes), [row["code"] for row in rows])
        assert mine[0]["state"] == states.get(outcome, outcome)
        total, accepted, refused = played.truth.per_file[file.key]
        if outcome in ("accepted", "partly_refused", "nil"):
            assert (mine[0]["records"], mine[0]["accepted"], mine[0]["refused"]) == (total, accepted, refused)
    submissions = [row for row in played.rows("parcels") if row["corridor"] == "submission"]
    assert len(submissions) == sum(1 for _ in everything(played.files))
    assert len(by_digest) > 60


def test_what_came_in_went_out_or_was_refused(played) -> None:
    packages = played.rows("packages")
    out: Counter[str] = Counter()
    for package in packages:
        out[package["parcel"]] += package["records"]
    for row in played.rows("parcels"):
        if row["state"] == "accepted":
            assert row["records"] == out[row["id"]] + row["refused"]
        else:
            assert out[row["id"]] == 0
    assert sum(out.values()) == played.truth.accepted
    refused = sum(row["refused"] for row in played.rows("parcels") if row["state"] == "accepted")
    assert refused == played.truth.refused


def test_one_package_per_origin_receiver_period_and_revision(played) -> None:
    packages = played.rows("packages")
    address = [(p["agreement"], p["origin"], p["receiver"], p["period"], p["revision"]) for p in packages]
    assert len(set(address)) == len(address)
    assert {(a, r[:2]): set() for a, _, r, _, _ in address}.keys() == played.truth.origins.keys()
    for (agreement, receiver), origins in played.truth.origins.items():
        mine = {p["origin"][:2] for p in packages if (p["agreement"], p["receiver"][:2]) == (agreement, receiver)}
        assert mine == origins
    for package in packages:
        parts = (package["agreement"], package["origin"], package["receiver"], package["period"])
        assert package["id"] == "_".join((*parts, f"r{package['revision']}", package["content_digest"][:8]))


# ---- deliveries -----------------------------------------------------------------------------------------------------


def test_every_batch_was_delivered_once_and_acknowledged(played, entries) -> None:
    batches = played.rows("distributions")
    assert len(batches) == 64
    assert {batch["state"] for batch in batches} == {"acknowledged"}
    assert {p["state"] for p in played.rows("packages")} == {"acknowledged"}
    assert played.signed == 64
    for event in ("released", "delivered", "acknowledged"):
        logged = Counter(body["parcel"] for _, body in entries if body["event"] == event)
        assert logged == Counter(batch["id"] for batch in batches)
    digests = {body["parcel"]: body["digests"]["list"] for _, body in entries if body["event"] == "delivered"}
    assert digests == {batch["id"]: batch["list_sha256"] for batch in batches}
    fingerprints = {batch["id"][-6:-4]: batch["fingerprint"] for batch in batches}
    assert fingerprints == {code: played.partners[code].fingerprint for code in played.partners}


def test_delivered_files_are_those_that_were_committed(played) -> None:
    """The bytes that lie in a receiver's channel have the digest that the ledger committed before delivery."""
    committed = {p["id"]: (p["sha256"], p["size"], p["receiver"][:2]) for p in played.rows("packages")}
    delivered = {}
    for receiver, files in played.node.packages().items():
        for file in files:
            data = file.read_bytes()
            identity = file.name.removesuffix(SUFFIX)
            assert identity not in delivered
            delivered[identity] = (hashlib.sha256(data).hexdigest(), len(data), receiver)
    assert delivered == committed


def _lists(played) -> list[Path]:
    found = []
    for party in played.node.facts.parties.values():
        if party.id != played.node.facts.node.party:
            found += [f for form in played.node.forms(party.province) for f in form.parent.glob("分发清单_*.json")]
    return sorted(set(found))


def test_lists_name_exactly_what_was_delivered_and_every_origin(played) -> None:
    lists = _lists(played)
    assert len(lists) == 64
    listed: Counter[str] = Counter()
    senders = {p.id for p in played.node.facts.parties.values() if p.tier == "province"}
    for path in lists:
        document = json.loads(path.read_bytes())
        assert rfc8785.dumps(document) == path.read_bytes()
        for package in document["packages"]:
            file = path.parent / f"{package['package']}{SUFFIX}"
            assert hashlib.sha256(file.read_bytes()).hexdigest() == package["sha256"]
            assert file.stat().st_size == package["size"]
            listed[package["package"]] += 1
        assert {o["origin"] for o in document["origins"]} == senders - {document["receiver"]}
        states = {o["origin"]: o["status"] for o in document["origins"]}
        assert "missing" not in states.values()
        included = {p["origin"] for p in document["packages"]}
        assert included == {origin for origin, status in states.items() if status == "included"}
        assert document["totals"]["records"] == sum(p["records"] for p in document["packages"])
        (row,) = [d for d in played.rows("distributions") if d["id"] == document["distribution"]]
        assert row["list_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert set(listed.values()) == {1}
    assert listed.keys() == {p["id"] for p in played.rows("packages")}


def test_lists_and_receipts_are_signed_by_the_node(played) -> None:
    """A list of every receiver and a receipt of every party, by stock gpg."""
    lists = {path.parent.parent: path for path in _lists(played)}
    receipts = {path.parent: path for path in (played.home / "exchange").rglob("回执/机器读取/*.receipt.json")}
    assert len(receipts) == 32
    for path in (*lists.values(), *receipts.values()):
        verify(played.partners, path)
    for path in (played.home / "exchange").rglob("机器读取/*.receipt.json"):
        assert path.with_name(f"{path.name}.sig").stat().st_size > 50


# ---- the log --------------------------------------------------------------------------------------------------------


def test_the_log_is_dense_canonical_and_its_leaves_are_recomputed(entries) -> None:
    assert [row["seq"] for row, _ in entries] == list(range(len(entries)))
    for row, body in entries:
        assert rfc8785.dumps(body) == row["body"]
        assert hashlib.sha256(b"\x00" + row["body"]).hexdigest() == row["leaf"]
        assert len(row["body"]) <= 65_535
        assert (body["seq"], body["id"], body["event"], body["parcel"], body["logged_at"]) == (
            row["seq"],
            row["id"],
            row["event"],
            row["parcel"],
            row["logged_at"],
        )
        assert body["v"] == 2


def test_ids_are_unique_and_prev_is_the_parcels_last_leaf(entries) -> None:
    ids = [body["id"] for _, body in entries]
    assert len(set(ids)) == len(ids)
    last: dict[str, str] = {}
    for row, body in entries:
        if body["parcel"]:
            assert body["prev"] == last.get(body["parcel"], "")
            last[body["parcel"]] = row["leaf"]
        else:
            assert body["prev"] == ""


def test_time_goes_forward_and_nothing_is_logged_before_it_happened(entries) -> None:
    stamps = [body["logged_at"] for _, body in entries]
    assert all(a <= b for a, b in pairwise(stamps))
    for _, body in entries:
        assert datetime.fromisoformat(body["time"]) <= datetime.fromisoformat(body["logged_at"])


def test_the_log_tells_each_parcels_whole_story(played, entries) -> None:
    stories: dict[str, list[str]] = defaultdict(list)
    for _, body in entries:
        stories[body["parcel"]].append(body["event"])
    for row in played.rows("parcels"):
        if row["corridor"] == "submission":
            story = [event for event in stories[row["id"]] if event != "deferred"]
            assert story[0] == "received"
            if row["state"] == "accepted":
                assert story == ["received", "checked", "sorted", "sealed", "accepted", "erased"]
            elif row["state"] == "duplicate":
                assert story == ["received", "duplicate", "erased"]
            else:
                assert story in (["received", "refused"], ["received", "checked", "refused"])
    counts = {body["parcel"]: body["counts"] for _, body in entries if body["event"] == "accepted"}
    for row in played.rows("parcels"):
        if row["corridor"] == "submission" and row["state"] == "accepted":
            logged = counts[row["id"]]
            assert (logged["records"], logged["accepted"], logged["refused"]) == (
                row["records"],
                row["accepted"],
                row["refused"],
            )


def test_the_rehearsal_is_told_in_the_log(entries) -> None:
    (started,) = [body for _, body in entries if body["event"] == "node_started"]
    (stopped,) = [body for _, body in entries if body["event"] == "node_stopped"]
    assert started["counts"] == stopped["counts"] == {"rehearsal": 1}


# ---- receipts and obligations ---------------------------------------------------------------------------------------


def test_every_receipt_rests_on_an_entry_and_lies_in_its_partys_folder(played, entries) -> None:
    leaves = {row["seq"]: row["leaf"] for row, _ in entries}
    on_disk = {p.read_bytes() for p in (played.home / "exchange").rglob("回执/机器读取/*.receipt.json")}
    receipts = played.rows("receipts")
    for row in receipts:
        receipt = parse(row["body"])
        assert leaves[receipt.log.seq] == receipt.log.hash
        assert row["written_at"] != ""
        assert row["body"] in on_disk
        assert receipt.counts.records == receipt.counts.accepted + receipt.counts.refused
    assert len({row["number"] for row in receipts}) == len(receipts)
    assert on_disk == {row["body"] for row in receipts}
    settled = {row["id"] for row in played.rows("parcels") if row["state"] in ("accepted", "refused")}
    assert settled <= {row["parcel"] for row in receipts}
    pages = list((played.home / "exchange").rglob("回执/*.html"))
    assert len(pages) >= len(receipts)


def test_obligations_are_met_as_the_files_met_them(played) -> None:
    owed = {(o["party"][:2], o["agreement"]): o for o in played.rows("obligations") if o["kind"] == "submission"}
    assert len(owed) == 64
    for file in played.files:
        if file.copy_of is not None:
            continue
        outcome, _ = played.truth.outcomes[file.key]
        # What was refused was sent again, mended, before the day it was due: met like the others.
        assert owed[file.party, file.agreement]["state"] == ("nil" if outcome == "nil" else "met"), file.key
    assert {o["due"] for o in owed.values()} == {"2026-11-01"}


def test_nothing_is_left_in_work(played) -> None:
    assert {row["state"] for row in played.rows("parcels")} <= {"accepted", "refused", "duplicate", "acknowledged"}
    assert all(row["posted_at"] and not row["next_attempt_at"] for row in played.rows("parcels"))
    assert not list((played.home / "exchange").rglob(".taken-*"))
    drops = [p for p in (played.home / "exchange").glob("*/上报/*/*") if p.is_file()]
    assert drops == []
    states = Counter(row["status"] for row in played.rows("workflow_status"))
    assert states.keys() == {"SUCCESS"}
    assert played.rows("statements") == []  # no other gateway takes part: there is nothing to disbelieve


def test_the_daemon_ended_cleanly_and_left_no_process_behind(played) -> None:
    assert played.exit_code == 0
    assert played.left_running == []
    assert not (played.home / "state" / "control.sock").exists()
