"""A whole quarter with its dates: early, late, silent, mended, corrected, withdrawn. What everybody holds in the end is
what the story says, derived here from the plan alone."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.demo import chronicle
from gateway.demo.chronicle import Act
from gateway.demo.files import Planned, records, truth_of
from gateway.demo.node import DemoNode
from gateway.demo.partners import Partners
from gateway.demo.people import INFLOW, OUTFLOW
from gateway.demo.played_quarter import PlayedQuarter, latest, outcomes
from gateway.demo.story import Expected, expected, row_digest
from gateway.demo.workbooks import cells

SCALE = 0.01
SILENT = "46"
NOT_MET = {
    ("46", INFLOW): "missed",
    ("46", OUTFLOW): "missed",
    ("62", OUTFLOW): "met_late",
    ("36", OUTFLOW): "met_after_correction",
    ("64", OUTFLOW): "nil",
    ("66", OUTFLOW): "nil",
}
CODES = {
    "42-inflow": "303",
    "65-outflow": "226",
    "35-outflow": "308",
    "36-outflow-wrong": "306",
    "22-inflow-forged": "211",
    "32-inflow-again": "220",
    "44-inflow-part3": "103",
    "44-inflow-part1": "103",
    "44-inflow-part2": "100",
    "31-inflow": "100",
    "45-outflow": "100",
    "33-inflow": "101",
    "33-inflow-mended": "100",
    "51-inflow-forgotten": "100",
    "61-inflow-shrunk": "105",
    "37-outflow-corrected": "105",
    "15-outflow-withdrawn": "104",
    "36-outflow": "100",
    "62-outflow": "100",
    "66-outflow": "102",
}


@dataclass
class Season:
    """What the quarter left, once the node was stopped."""

    node: DemoNode
    played: PlayedQuarter
    parcels: list[dict[str, Any]]
    found: dict[str, dict[str, Any]]
    truth: Expected
    exit_code: int

    @property
    def acts(self) -> list[Act]:
        return self.played.acts

    def rows(self, table: str) -> list[dict[str, Any]]:
        """A table of the ledger as it lies on disk, read by sqlite3 alone."""
        with closing(sqlite3.connect(f"file:{self.node.home}/state/ledger.db?mode=ro", uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            return [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]

    def lists(self, agreement: str, batch: int) -> dict[str, dict[str, Any]]:
        """The distribution lists of a batch by receiving province."""
        found = {}
        for province in self.played.holdings.receivers:
            for file in self.node.channel(province).rglob("分发清单_*.json"):
                document = json.loads(file.read_bytes())
                if (document["agreement"], document["batch"]) == (agreement, batch):
                    found[province] = document
        return found


@pytest.fixture(scope="module")
def season(partners: Partners, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Season]:
    """October to 10 November on one node, played by 32 provinces, then the daemon is stopped."""
    home = tmp_path_factory.mktemp("season") / "node"
    node = DemoNode.make(home, partners, begins=chronicle.BEGINS.isoformat(), speed=600.0)
    try:
        node.start()
        acts = chronicle.chronicle(scale=SCALE)
        played = PlayedQuarter(node, partners, acts, scale=SCALE)
        parcels = played.play()
        truth = expected([act.file for act in acts])
        yield Season(node, played, parcels, played.found(parcels), truth, node.stop())
    finally:
        node.close()


def final(acts: list[Act]) -> list[Planned]:
    """The files that count in the end, by the plan: after a replacement or a withdrawal nothing of before."""
    counting: dict[tuple[str, str], list[Planned]] = {}
    for act in acts:
        if truth_of(act.file).outcome in ("refused", "duplicate"):
            continue
        files = counting.setdefault(act.where, [])
        if act.file.kind in ("replace", "void"):
            files.clear()
        if act.file.kind != "void":
            files.append(act.file)
    return [file for files in counting.values() for file in files]


def test_receivers_hold_the_latest_revisions_and_every_record_once(season: Season) -> None:
    due: Counter[tuple[str, str, str, bytes]] = Counter()
    for file in final(season.acts):
        for receiver, rows in truth_of(file).accepted.items():
            for row in rows:
                due[file.agreement, f"{file.party}0000", receiver, row_digest(row)] += 1
    holds: Counter[tuple[str, str, str, bytes]] = Counter()
    for province, receiver in season.played.holdings.receivers.items():
        for held in receiver.held.values():
            for digest, count in held.rows.items():
                holds[held.agreement, held.origin, province, digest] += count
    assert holds == due
    assert sum(due.values()) > 2000
    assert season.played.holdings.problems(season.truth) == []


def test_every_record_in_is_in_one_latest_package_or_one_refused_list(season: Season) -> None:
    """Per file that counts: what its packages hold and what its list names are its rows, and nothing else."""
    packages = season.rows("packages")
    digests = {
        name: held.rows
        for receiver in season.played.holdings.receivers.values()
        for name, held in receiver.held.items()
    }
    lists = {path.name: path for path in (season.node.home / "exchange").rglob("退回/*.xlsx")}
    listed = set()
    for file in final(season.acts):
        parcel = season.found[file.key]
        sent: Counter[bytes] = Counter()
        for package in packages:
            if package["parcel"] == parcel["id"] and package["sha256"]:
                sent.update(digests[package["id"]])
        rows = records(file) if truth_of(file).outcome != "nil" else []
        refused = [number for number, _ in file.row_faults]
        if refused:
            numbers = season_list(season, parcel, lists)
            listed.add(file.key)
            # Data row 1 stands below the heading, and below a title where there is one.
            assert sorted(numbers) == [number + (2 if file.titled else 1) for number in refused]
        came = Counter(map(row_digest, rows))
        gone = Counter(row_digest(rows[number - 1]) for number in refused)
        assert sent + gone == came, file.key
        assert parcel["records"] == sent.total() + len(refused)
    assert len(listed) == 5


def season_list(season: Season, parcel: dict[str, Any], lists: dict[str, Path]) -> list[int]:
    """The row numbers on the list that came back for a parcel; it bears its receipt's serial."""
    (receipt,) = [r for r in season.rows("receipts") if r["parcel"] == parcel["id"] and r["stage"] == "partly_refused"]
    serial = receipt["number"].partition("-")[2]
    (path,) = [path for name, path in lists.items() if serial in name]
    sheet = cells(path)
    top = next(at for at, row in enumerate(sheet) if row[0] == "行号")
    return [int(row[0]) for row in sheet[top + 1 :]]


def test_every_file_became_what_the_story_says(season: Season) -> None:
    assert outcomes(season.acts, season.found, season.truth.outcomes) == []
    assert len(season.found) == len(season.acts) == len(season.parcels)
    assert {key: season.found[key]["code"] for key in CODES} == CODES


def test_every_receipt_has_the_code_of_the_story(season: Season) -> None:
    issued: dict[str, list[str]] = {}
    for row in sorted(season.rows("receipts"), key=lambda row: row["issued_at"]):
        issued.setdefault(row["parcel"], []).append(row["code"])
    for act in season.acts:
        outcome, codes = season.truth.outcomes[act.file.key]
        mine = issued.get(season.found[act.file.key]["id"], [])
        if outcome == "duplicate":
            assert mine == []
        elif act.confirmed:
            assert mine == ["224", "105"]
        else:
            assert len(mine) == 1
            assert mine[0] in codes, act.file.key


def test_obligations_are_as_the_story_says(season: Season) -> None:
    rows = season.rows("obligations")
    became = {(o["party"][:2], o["agreement"]): o["state"] for o in rows if o["kind"] == "submission"}
    assert len(became) == 64
    assert {where: state for where, state in became.items() if state != "met"} == NOT_MET
    provinces = list(season.played.holdings.receivers)
    assert became == chronicle.standings(season.acts, provinces)


def test_the_node_distributed_and_its_receivers_collected_in_time(season: Season) -> None:
    others = [o for o in season.rows("obligations") if o["kind"] != "submission"]
    assert {o["agreement"]: o["state"] for o in others if o["kind"] == "distribution"} == {
        INFLOW: "met",
        OUTFLOW: "met",
    }
    batches = {(d["agreement"], d["receiver"], f"{d['period']}/{d['batch']}") for d in season.rows("distributions")}
    collected = {(o["agreement"], o["party"], o["subject"]): o["state"] for o in others if o["kind"] == "collection"}
    assert collected == dict.fromkeys(batches, "met")


def test_only_what_the_story_says_came_after_the_deadline(season: Season) -> None:
    late = {k for k, p in season.found.items() if datetime.fromisoformat(p["received_at"]) >= chronicle.EXPIRES}
    assert late == {"36-outflow", "37-outflow-corrected", "15-outflow-withdrawn", "62-outflow"}
    missed = [json.loads(r["body"]) for r in season.rows("log_entries")]
    parties = Counter(body["parties"][0] for body in missed if body["event"] == "obligation_missed")
    assert parties == Counter({"460000": 2, "620000": 1})


def test_the_first_list_says_who_is_missing_and_the_next_one_what_changed(season: Season) -> None:
    first, second = season.lists(OUTFLOW, 1), season.lists(OUTFLOW, 2)
    assert len(first) == len(second) == 32
    for receiver, document in first.items():
        states = {o["origin"][:2]: o["status"] for o in document["origins"]}
        missing = {origin for origin, status in states.items() if status == "missing"}
        assert missing == {"36", "46", "62"} - {receiver}
        assert "withdrawn" not in document
    gone: list[str] = []
    for receiver, document in second.items():
        states = {o["origin"][:2]: o["status"] for o in document["origins"]}
        assert {o for o, s in states.items() if s == "missing"} == {"15", "46"} - {receiver}
        assert {p["origin"][:2] for p in document["packages"]} <= {"36", "37", "62"}
        gone += [w["package"] for w in document.get("withdrawn", [])]
        gone += [old for p in document["packages"] for old in p.get("replaces", "").split()]
    old = {p["id"] for p in season.rows("packages") if p["origin"][:2] in ("15", "37") and p["agreement"] == OUTFLOW}
    old -= {p["id"] for p in season.rows("packages") if p["origin"] == "370000" and p["revision"] > 1}
    withdrawals = {p["id"] for p in season.rows("packages") if not p["sha256"]}
    assert sorted(gone) == sorted(old - withdrawals)
    assert season.played.holdings.total("deleted") == len(gone) > 0


def test_what_is_held_is_what_was_committed_and_signed_for(season: Season) -> None:
    batches = season.rows("distributions")
    assert {batch["state"] for batch in batches} == {"acknowledged"}
    assert season.played.holdings.total("signed") == len(batches) == 96
    names = {f.name.removesuffix(".tar.zst.gpg") for files in season.node.packages().values() for f in files}
    assert names == set(season.played.holdings.packages)
    counting = {p["id"] for p in latest(season.parcels)}
    assert names == {p["id"] for p in season.rows("packages") if p["parcel"] in counting and p["sha256"]}


def test_a_sealed_submission_is_named_by_what_is_made_of_it(season: Season) -> None:
    """The relayed package names the one it was derived from; a forged one left nothing."""
    assert season.found["31-inflow"]["state"] == "accepted"
    forged = season.found["22-inflow-forged"]
    assert [p for p in season.rows("packages") if p["parcel"] == forged["id"]] == []
    receipts = [r for r in season.rows("receipts") if r["parcel"] == season.found["31-inflow"]["id"]]
    assert [json.loads(r["body"])["decided_by"] for r in receipts] == ["descriptor"]


def test_who_never_sent_is_reminded_and_receives_all_the_same(season: Season) -> None:
    reminded = {(r["party"][:2], r["agreement"]) for r in season.played.reminded}
    assert reminded == {(SILENT, INFLOW), (SILENT, OUTFLOW), ("36", OUTFLOW), ("62", OUTFLOW)}
    # Beside those that a person asked for, there may be some that the node sent of itself in the days after.
    asked = {r["file"] for r in season.played.reminded if r["party"][:2] == SILENT}
    folder = season.node.home / "exchange" / f"{SILENT}0000" / "回执"
    assert len(asked) == 2
    assert asked <= {file.name for file in folder.glob("催报函_*")}
    assert season.played.holdings.per_receiver[SILENT] > 0


def test_the_daemon_ended_cleanly(season: Season) -> None:
    assert season.exit_code == 0
    assert {row["status"] for row in season.rows("workflow_status")} == {"SUCCESS"}
