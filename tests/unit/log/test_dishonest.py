"""What a dishonest keeper of the key could write: histories that are whole in themselves, and properly signed. Each is
found for the reason given; the honest one, with one receiver, with shares, and with two that get all, has nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from support.logs import START, entry, write_log

from gateway.lifecycle import Event
from gateway.log import Entry, Report, leaf_hash
from gateway.log.note import Signer
from gateway.log.verification import Auditor

SIGNER = Signer("county", bytes(range(32)))
OWN, HEALTH, POLICE, FAMILY = "440106", "440106-weisheng", "440106-gongan", "440106-jisheng"
MODULUS = 1 << 256
Told = list[Entry]


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def total(*digests: str) -> str:
    return f"{sum(int(one, 16) for one in digests) % MODULUS:064x}"


def package(agreement: str, receiver: str, number: int) -> str:
    return f"{agreement}_{POLICE}_{receiver}_2026Q3_r{number}_00000000"


def parcel(name: str, agreement: str, out: dict[str, int], parts: dict[str, tuple[int, str]], number: int = 1) -> Told:
    """A delivery as a node tells it. `out` as `accepted` counts it; `parts`: receiver → records, digest."""
    accepted = sum(out.values())
    whole = next(iter(parts.values()))[1] if "+" in next(iter(out)) else total(*(d for _, d in parts.values()))
    common: dict[str, Any] = {"parties": (POLICE,), "package": f"{agreement}/2026Q3/new/r{number}"}
    counts = {"records": accepted + 1, "accepted": accepted, "refused": 1}
    sealed = {package(agreement, receiver, number): digest(f"{name}{receiver}") for receiver in parts}

    def one(event: Event, counts: dict[str, int], digests: dict[str, str]) -> Entry:
        return entry(f"{name}/{event}", event, START, name, counts=counts, digests=digests, **common)

    return [
        one(Event.RECEIVED, {"bytes": 900}, {"content": digest(name)}),
        one(Event.CHECKED, counts, {"records": whole}),
        one(Event.SORTED, {r: n for r, (n, _) in parts.items()}, {r: d for r, (_, d) in parts.items()}),
        one(Event.SEALED, {"packages": len(parts), "records": accepted}, sealed),
        one(Event.ACCEPTED, counts | {f"out_{r}": n for r, n in out.items()}, {"records": whole}),
        one(Event.ERASED, {}, {}),
    ]


def batch(name: str, receiver: str, agreement: str, origin: str, records: int, number: int = 1) -> Told:
    """A batch of one package of the parcel `origin`, from its release to the signature. What a node seals for itself
    has nobody else to sign for it."""
    common: dict[str, Any] = {"parties": (receiver,)}
    held = {package(agreement, receiver, number): digest(f"{origin}{receiver}")}
    signature = digest(f"signature {name}")
    later = START + timedelta(minutes=2)
    told = [
        entry(f"{name}/released", Event.RELEASED, START, name, counts={"packages": 1, "records": records},
              digests=held, **common),
        entry(f"{name}/delivered", Event.DELIVERED, START, name, counts={"packages": 1}, digests={"list": "b" * 64},
              **common),
    ]  # fmt: skip
    if receiver == OWN:
        return [*told, entry(f"{name}/acknowledged", Event.ACKNOWLEDGED, START, name, counts={"packages": 1}, **common)]
    return [
        *told,
        entry(f"{name}/acknowledged", Event.ACKNOWLEDGED, later, name, counts={"packages": 1},
              digests={"signature": signature}, **common),
        entry(f"s-{name}/received", Event.RECEIVED, later, f"s-{name}", package="acknowledge/2026Q3/-/r0",
              digests={"content": signature, "batch": name}, **common),
    ]  # fmt: skip


def story() -> Told:
    """The police's deferred registrations, all of them to two; mismatches, each to one; and cases of one province."""
    a, b, c = digest("a"), digest("b"), digest("c")
    deferred = parcel("p-all", "deferred", {f"{FAMILY}+{HEALTH}": 4}, {FAMILY: (4, a), HEALTH: (4, a)})
    mismatch = parcel("p-each", "mismatch", {HEALTH: 2, POLICE: 3}, {HEALTH: (2, b), POLICE: (3, c)})
    again = parcel("p-again", "mismatch", {HEALTH: 1}, {HEALTH: (1, c)}, 2)
    cases = parcel("p-own", "cases", {"44": 2, OWN: 1}, {"440000": (2, a), OWN: (1, b)})
    batches = [
        *batch("d-1", FAMILY, "deferred", "p-all", 4),
        *batch("d-2", HEALTH, "deferred", "p-all", 4),
        *batch("d-3", HEALTH, "mismatch", "p-each", 2),
        *batch("d-4", OWN, "cases", "p-own", 1),
    ]
    started = entry("node/1", Event.STARTED, START, parties=(OWN,))
    return [started, *deferred, *mismatch, *again, *cases, *sorted(batches, key=lambda one: one.time)]


def judged(folder: Path, entries: Sequence[Entry]) -> Report:
    last: dict[str, str] = {}
    bodies: list[bytes] = []
    logged = START
    for seq, one in enumerate(entries):
        logged = max(logged, one.time)
        bodies.append(one.canonical(seq, logged, last.get(one.parcel, "") if one.parcel else ""))
        last[one.parcel] = leaf_hash(bodies[-1])
    write_log(folder, bodies, SIGNER, "county")
    return Auditor(now=START + timedelta(hours=1)).verify(folder, [SIGNER.verifier])


# -- what is done to it ------------------------------------------------------------------------------------------------


def place(told: Told, identity: str) -> int:
    return next(at for at, one in enumerate(told) if one.id == identity)


def edit(identity: str, **values: Any) -> Callable[[Told], None]:
    """Say something else in one entry; `counts` and `digests` are added to what it says, None takes away."""

    def change(told: Told) -> None:
        at = place(told, identity)
        for name in ("counts", "digests"):
            if name in values:
                both = {**getattr(told[at], name), **values[name]}
                values[name] = {key: value for key, value in both.items() if value is not None}
        told[at] = replace(told[at], **values)

    return change


def both(*changes: Callable[[Told], None]) -> Callable[[Told], None]:
    def change(told: Told) -> None:
        for one in changes:
            one(told)

    return change


def drop(identity: str) -> Callable[[Told], None]:
    return lambda told: told.pop(place(told, identity)) and None


def rename(thing: str, name: str) -> Callable[[Told], None]:
    """Tell a thing's whole story under another name."""

    def change(told: Told) -> None:
        told[:] = [replace(one, parcel=name) if one.parcel == thing else one for one in told]

    return change


def all_for_once(told: Told) -> None:
    """Each record of the mismatches has one receiver; those of the second delivery go to two."""
    first, last = place(told, "p-again/received"), place(told, "p-again/erased")
    c = digest("c")
    told[first : last + 1] = parcel(
        "p-again", "mismatch", {f"{HEALTH}+{POLICE}": 1}, {HEALTH: (1, c), POLICE: (1, c)}, 2
    )


def sealed_for_another(told: Told) -> None:
    """The part that is health's by sorting is sealed for, and given to, family planning."""
    agreement, secret = "mismatch", digest("p-eachweisheng")
    wrong, right = package(agreement, FAMILY, 1), package(agreement, HEALTH, 1)
    edit("p-each/sealed", digests={right: None, wrong: secret})(told)
    edit("d-3/released", digests={right: None, wrong: secret})(told)
    told[:] = [replace(one, parties=(FAMILY,)) if "d-3" in one.parcel else one for one in told]


CASES: dict[str, tuple[Callable[[Told], None], str, str, str]] = {
    "one of two who get all gets fewer": (
        edit("p-all/sorted", counts={HEALTH: 3}), "conservation", "p-all/sorted", "7 sorted of 4",
    ),
    "shares counted otherwise than they were sorted": (
        edit("p-each/accepted", counts={f"out_{HEALTH}": 3, f"out_{POLICE}": 2}), "conservation", "p-each/accepted",
        "in other shares",
    ),
    "another receiver named than was sorted for": (
        edit("p-all/accepted", counts={f"out_{FAMILY}+{HEALTH}": None, f"out_{FAMILY}+{POLICE}": 4}),
        "conservation", "p-all/accepted", "accepted for others",
    ),
    "each one's part given to all for once": (
        all_for_once, "conservation", "p-again/accepted", "one receiver each before",
    ),
    "a part sealed for another": (sealed_for_another, "conservation", "p-each/sealed", "sealed for others"),
    "records of a batch counted otherwise": (
        edit("d-3/released", counts={"records": 5}), "conservation", "d-3/released", "5 records released, 2",
    ),
    "another's records under a receiver's count": (
        edit("p-each/sorted", digests={HEALTH: digest("z")}), "digest", "p-each/accepted", "do not add up",
    ),
    "other records for one of two who get all": (
        edit("p-all/sorted", digests={HEALTH: digest("z")}), "digest", "p-all/accepted", "not that of all records",
    ),
    "other records accepted than were checked": (
        edit("p-own/accepted", digests={"records": digest("z")}), "digest", "p-own/accepted", "not that of what was",
    ),
    "a receiver's digest left out": (
        edit("p-each/sorted", digests={HEALTH: None}), "digest", "p-each/sorted", "left out",
    ),
    "digests left out from now on": (
        both(edit("p-again/checked", digests={"records": None}), edit("p-again/sorted", digests={HEALTH: None})),
        "digest", "p-again/checked", "left out",
    ),
    "a digest that is none": (
        edit("p-each/sorted", digests={HEALTH: "nothing"}), "digest", "p-each/accepted", "no hexadecimal",
    ),
    "released to nobody": (edit("d-1/released", parties=()), "delivery", "d-1/released", "released to nobody"),
    "delivered to another": (
        edit("d-1/delivered", parties=(POLICE,)), "delivery", "d-1/delivered", f"released to {FAMILY}: {POLICE}",
    ),
    "acknowledged by another": (
        edit("d-1/acknowledged", parties=(POLICE,)), "delivery", "d-1/acknowledged", f"released to {FAMILY}",
    ),
    "acknowledged without a signature": (
        edit("d-1/acknowledged", digests={"signature": None}), "delivery", "d-1/acknowledged", "without a signature",
    ),
    "another's batch acknowledged as the node's own": (
        both(edit("d-1/acknowledged", digests={"signature": None}, time=START), drop("s-d-1/received"),
             lambda told: told.insert(place(told, "d-1/delivered") + 1, told.pop(place(told, "d-1/acknowledged")))),
        "delivery", "d-1/acknowledged", "without a signature",
    ),
    "a signature that never came in": (drop("s-d-1/received"), "delivery", "d-1/acknowledged", "did not come in"),
    "another's signature": (
        edit("s-d-1/received", parties=(POLICE,)), "delivery", "d-1/acknowledged", "did not come in",
    ),
    "one signature for two batches": (
        both(edit("d-3/acknowledged", digests={"signature": digest("signature d-2")}), drop("s-d-3/received")),
        "delivery", "d-3/acknowledged", "did not come in",
    ),
    "signed for before it was released": (
        edit("d-1/acknowledged", time=START - timedelta(hours=1)), "delivery", "d-1/acknowledged", "before its release",
    ),
    "a batch under a name that is none": (
        rename("d-1", "x-1"), "lifecycle", "d-1/released", "not of a parcel or batch",
    ),
    "a delivery without an address": (
        edit("p-all/accepted", package=""), "lifecycle", "p-all/accepted", "not of a parcel or batch",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_the_keeper_of_the_key_makes_up_is_found(name: str, tmp_path: Path) -> None:
    change, check, blamed, words = CASES[name]
    told = story()
    honest = judged(tmp_path / "honest", told)
    assert honest.ok, honest.problems
    assert {"conservation", "digest", "delivery", "lifecycle"} <= honest.done

    change(told)

    found = judged(tmp_path / "other", told)
    at = f"seq {place(told, blamed)}"
    assert [p for p in found.problems if (p.check, p.at) == (check, at) and words in p.en and p.zh], found.problems


def test_of_older_entries_only_what_they_say_is_judged(tmp_path: Path) -> None:
    """Without digests, without the batch that a signature closed, without whose node it is."""
    told = []
    for one in story():
        kept = {name: value for name, value in one.digests.items() if name not in ("records", "batch")}
        told.append(
            replace(
                one, digests={} if one.event is Event.SORTED else kept, parties=() if not one.parcel else one.parties
            )
        )
    found = judged(tmp_path / "log", told)
    assert found.ok, found.problems


def test_a_province_may_be_called_by_its_two_digits(tmp_path: Path) -> None:
    """In `accepted` `44`, in `sorted` a party of any id; what they get is the same, or it is found."""
    told = parcel("p", "cases", {"44": 2, "51": 1}, {"guangdong": (2, digest("a")), "510000": (1, digest("b"))})
    assert judged(tmp_path / "log", told).ok
    edit("p/accepted", counts={"out_44": 3, "out_51": 0})(told)
    assert "conservation" in judged(tmp_path / "other", told).counted
