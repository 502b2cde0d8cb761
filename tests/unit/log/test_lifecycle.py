"""What no lifecycle allows is a finding of `verify`, also under the log's own signature; an honest log has none."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import played_node
from support.logs import START, entry, parcel_entries, write_log

from gateway.instants import parse
from gateway.lifecycle import Event
from gateway.log import Entry, Report, leaf_hash
from gateway.log.note import Signer
from gateway.log.verification import Auditor
from gateway.log.verification.findings import Findings
from gateway.log.verification.lifecycle import Lifecycle

SIGNER = Signer("national", bytes(range(32)))
OWED = "submission:migrants-inflow:130000:2026Q3"


def package(number: int, receiver: str = "440000") -> str:
    return f"migrants-inflow_{11 + number % 3}0000_{receiver}_2026Q3_r{number}_00000000"


def delivery(name: str, *packages: str, receiver: str = "440000") -> list[Entry]:
    """A batch of packages that `parcel_entries` sealed, from its release to the signature, and the signature."""
    digests = {one: f"{int(one.split('_')[4][1:]) + 7:064x}" for one in packages}
    counts = {"packages": len(packages)}
    told: dict[str, Any] = {"parties": (receiver,), "counts": counts}
    return [
        entry(f"{name}/released", Event.RELEASED, START, name, digests=digests, **told),
        entry(f"{name}/delivered", Event.DELIVERED, START, name, digests={"list": "b" * 64}, **told),
        entry(f"{name}/acknowledged", Event.ACKNOWLEDGED, START, name, digests={"signature": "d" * 64}, **told),
        entry(f"s-{name}/received", Event.RECEIVED, START, f"s-{name}", parties=(receiver,),
              package="acknowledge/2026Q3/-/r0", digests={"content": "d" * 64, "batch": name}),
    ]  # fmt: skip


def owed() -> list[Entry]:
    """An obligation, alone, that was met."""
    return [
        entry(f"{OWED}/set", Event.OWED, START, OWED, parties=("130000",)),
        entry(f"{OWED}/met", Event.MET, START, OWED, parties=("130000",), counts={"late": 0}),
    ]


def story() -> list[Entry]:
    """Three parcels, two batches and an obligation, as a node tells them."""
    parcels = [one for number in range(3) for one in parcel_entries(number, START)]
    return [*parcels, *delivery("d-1", package(0), package(1)), *delivery("d-2", package(2)), *owed()]


def judged(folder: Path, entries: Sequence[Entry]) -> Report:
    """The report on a log of these entries, whole in itself and signed."""
    last: dict[str, str] = {}
    bodies = []
    for seq, one in enumerate(entries):
        bodies.append(one.canonical(seq, START, last.get(one.parcel, "") if one.parcel else ""))
        last[one.parcel] = leaf_hash(bodies[-1])
    write_log(folder, bodies, SIGNER)
    return Auditor(now=START + timedelta(hours=1)).verify(folder, [SIGNER.verifier])


def again(entries: Sequence[Entry], at: int, identity: str) -> Entry:
    """An entry that says the same under another id."""
    one = entries[at]
    return entry(identity, one.event, one.time, one.parcel, parties=one.parties, package=one.package,
                 counts=one.counts, digests=one.digests)  # fmt: skip


def place(entries: Sequence[Entry], identity: str) -> int:
    return next(number for number, one in enumerate(entries) if one.id == identity)


def delivered_without_release(told: list[Entry]) -> None:
    del told[place(told, "d-2/released")]


def released_to_another(told: list[Entry]) -> None:
    at = place(told, "d-2/released")
    one = told[at]
    told[at] = entry(one.id, one.event, one.time, one.parcel, parties=("330000",), counts=one.counts,
                     digests=one.digests)  # fmt: skip


def accepted_twice(told: list[Entry]) -> None:
    at = place(told, "p000001/accepted")
    told.insert(at + 1, again(told, at, "p000001/accepted/2"))


def released_twice(told: list[Entry]) -> None:
    told += delivery("d-3", package(0))


def met_twice(told: list[Entry]) -> None:
    at = place(told, f"{OWED}/met")
    told.insert(at + 1, again(told, at, f"{OWED}/met/2"))


def sorted_before_checked(told: list[Entry]) -> None:
    a, b = place(told, "p000002/checked"), place(told, "p000002/sorted")
    told[a], told[b] = told[b], told[a]


def erased_before_settled(told: list[Entry]) -> None:
    at = place(told, "p000000/accepted")
    told[at:at] = [told.pop(place(told, "p000000/erased"))]


def signed_for_before_delivered(told: list[Entry]) -> None:
    a, b = place(told, "d-1/delivered"), place(told, "d-1/acknowledged")
    told[a], told[b] = told[b], told[a]


CASES: dict[str, tuple[Callable[[list[Entry]], None], str, str]] = {
    "a batch delivered without release": (delivered_without_release, "d-2/delivered", "state none"),
    "a package released to another receiver": (released_to_another, "d-2/released", "released to 330000"),
    "a parcel accepted twice": (accepted_twice, "p000001/accepted/2", "cannot follow the state accepted"),
    "a package released twice": (released_twice, "d-3/released", "cannot follow the state acknowledged"),
    "an obligation met twice": (met_twice, f"{OWED}/met/2", "cannot follow the state met"),
    "a file sorted before it was checked": (
        sorted_before_checked,
        "p000002/sorted",
        "cannot follow the state received",
    ),
    "a parcel erased before it was settled": (
        erased_before_settled,
        "p000000/erased",
        "cannot follow the state sorted",
    ),
    "a batch signed for before its delivery": (
        signed_for_before_delivered,
        "d-1/acknowledged",
        "cannot follow the state released",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_no_lifecycle_allows_is_found(name: str, tmp_path: Path) -> None:
    change, blamed, words = CASES[name]
    told = story()
    assert judged(tmp_path / "honest", told).problems == ()

    change(told)

    found = judged(tmp_path / "other", told)
    first = next(problem for problem in found.problems if problem.check == "lifecycle")
    assert first.at == f"seq {place(told, blamed)}"
    assert words in first.en
    assert first.zh
    assert not found.ok


def test_the_check_is_named_in_the_report(tmp_path: Path) -> None:
    report = judged(tmp_path / "log", story())
    assert "lifecycle" in report.done
    assert "lifecycle" in report.to_json()["checks"]


def test_the_golden_log_has_nothing_of_the_kind(tmp_path: Path) -> None:
    entries = [one for number in range(38) for one in parcel_entries(number, START)]
    report = judged(tmp_path / "log", entries)
    assert (report.size, report.counted) == (266, {})


def test_the_log_of_the_played_node_has_nothing_of_the_kind(tmp_path: Path) -> None:
    """Every entry in its ledger, also those that it had not published when it was killed. They are of before 0.2."""
    home = played_node.unpack(tmp_path, "sqlite")
    with closing(sqlite3.connect(home / "state" / "ledger.db")) as database:
        bodies = [bytes(body) for (body,) in database.execute("SELECT body FROM log_entries ORDER BY seq")]
    write_log(tmp_path / "whole", bodies, SIGNER)

    report = Auditor(now=parse(json.loads(bodies[-1])["logged_at"])).verify(tmp_path / "whole", [SIGNER.verifier])

    assert report.size == len(bodies) > 1000
    assert report.counted == {}, report.problems
    assert "lifecycle" in report.done


THINGS = ("d-1", "d-2", "p000000", "p000001")
TOLD = [one for one in story() if one.parcel in THINGS] + delivery("d-2", package(0), package(1))


@settings(deadline=None)
@given(st.lists(st.sampled_from(TOLD), max_size=50))
def test_what_is_left_without_the_findings_is_a_possible_history(told: list[Entry]) -> None:
    """Entries in any order and any number: of those that are not blamed, none is delivered before its release, and no
    package is released twice."""
    findings = Findings()
    watcher = Lifecycle(findings)
    sane: list[Entry] = []
    for seq, one in enumerate(told):
        watcher.see(seq, json.loads(one.canonical(seq, START, "")))
        if f"seq {seq}" not in {problem.at for problem in findings.listed}:
            sane.append(one)
    released = Counter(name for one in sane if one.event is Event.RELEASED for name in one.digests)
    assert max(released.values(), default=0) <= 1
    accepted = Counter(one.parcel for one in sane if one.event is Event.ACCEPTED)
    assert max(accepted.values(), default=0) <= 1
    begun: set[str] = set()
    for one in told:
        if one.event is Event.RELEASED:
            begun.add(one.parcel)
        elif one.event is Event.DELIVERED and one in sane:
            assert one.parcel in begun
