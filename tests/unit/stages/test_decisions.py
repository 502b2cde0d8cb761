"""What the stages decide, without any technology."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.lifecycle import ParcelState
from gateway.outcomes import Deferred, Duplicate, Fault, Ok, Refused
from gateway.parcels import (
    AgreementId,
    Arrival,
    Checked,
    DistributionId,
    Kind,
    Listed,
    Opened,
    PackageId,
    ParcelId,
    Part,
    PartyId,
    Tally,
)
from gateway.policy import loading
from gateway.policy.facts import Acceptance, Agreement, Facts
from gateway.records import Examination
from gateway.stages import acknowledging, checking, delivery, intake, recognising, releasing, sorting

NOW = datetime(2026, 10, 20, 1, tzinfo=UTC)
FACTS: Facts = loading.load(loading.find())
INFLOW: Agreement = FACTS.agreements["migrants-inflow"]


def arrival(kind: Kind = Kind.NEW, sha256: str = "a", **more: object) -> Arrival:
    values = {
        "parcel": ParcelId("p-new"),
        "sender": PartyId("330000"),
        "agreement": AgreementId("migrants-inflow"),
        "received_at": NOW,
        "size": 100,
        "sha256": sha256,
        "facts": "f",
        "period": "2026Q3",
        "kind": kind,
        "revision": 0,
        "decided_by": "name",
    }
    return Arrival(**{**values, **more})  # type: ignore[arg-type]


@dataclass(frozen=True)
class Holder:
    id: str
    kind: Kind
    sha256: str
    state: ParcelState = ParcelState.ACCEPTED
    revision: int = 1
    part: int = 0
    parts: int = 0
    reported_for: str = ""
    stated: int = 0


def placed(outcome: object) -> object:
    match outcome:
        case Ok(value):
            return value.revision
        case Refused(code) | Deferred(code) | Duplicate(_, code):
            return code


FIRST = Holder("p1", Kind.NEW, "b")
NIL = Holder("p1", Kind.NIL, "e")


@pytest.mark.parametrize(
    ("kind", "sha256", "holders", "expected"),
    [
        (Kind.NEW, "a", [], 1),
        (Kind.NEW, "b", [FIRST], "220"),
        (Kind.NEW, "a", [FIRST], "221"),
        (Kind.NEW, "b", [replace(FIRST, state=ParcelState.CHECKED)], "708"),
        (Kind.NEW, "a", [replace(FIRST, state=ParcelState.CHECKED)], "708"),
        (Kind.NEW, "a", [NIL], "233"),
        (Kind.NIL, "a", [], 1),
        (Kind.NIL, "a", [FIRST], "234"),
        (Kind.NIL, "e", [NIL], "220"),
        (Kind.SUPPLEMENT, "a", [], "231"),
        (Kind.SUPPLEMENT, "a", [FIRST], 2),
        (Kind.SUPPLEMENT, "a", [FIRST, Holder("p2", Kind.SUPPLEMENT, "c", revision=2)], 3),
        (Kind.SUPPLEMENT, "c", [FIRST, Holder("p2", Kind.SUPPLEMENT, "c", revision=2)], "220"),
        (Kind.SUPPLEMENT, "a", [FIRST, Holder("p2", Kind.SUPPLEMENT, "c", ParcelState.RECEIVED, 2)], "708"),
        # The same bytes under another kind are another delivery.
        (Kind.SUPPLEMENT, "b", [FIRST], 2),
    ],
)
def test_the_place_of_an_arrival(kind: Kind, sha256: str, holders: Sequence[Holder], expected: object) -> None:
    assert placed(intake.place(arrival(kind, sha256), holders, None)) == expected


RELAYED = {"origin": PartyId("350000")}


@pytest.mark.parametrize(
    ("kind", "sha256", "holders", "attempt", "expected"),
    [
        # What was accepted above and has no share for this node before: it waits for what may overtake it, then goes.
        (Kind.SUPPLEMENT, "a", [], 1, "708"),
        (Kind.SUPPLEMENT, "a", [], intake.RELAY_TRIES, 1),
        (Kind.REPLACE, "a", [], intake.RELAY_TRIES, 1),
        (Kind.REPLACE, "a", [], 1, 1),  # it names nothing that it would replace here
        (Kind.REPLACE, "a", [FIRST], 1, 2),
        (Kind.SUPPLEMENT, "a", [FIRST], 1, 2),
        # A withdrawal may be on its way; without one it stays a contradiction.
        (Kind.NEW, "a", [FIRST], 1, "708"),
        (Kind.NEW, "a", [FIRST], intake.RELAY_TRIES, "221"),
        (Kind.NEW, "a", [FIRST, Holder("p2", Kind.VOID, "v", revision=2)], 1, 3),
        # Parts were gathered above: each of their packages is whole to whom it is passed on.
        (Kind.PART, "a", [], 1, 1),
        (Kind.PART, "a", [FIRST], 1, 2),
        # The same sealed bytes are the same package, whatever came after it.
        (Kind.PART, "b", [FIRST], 1, "220"),
        (Kind.NEW, "b", [FIRST, Holder("p2", Kind.REPLACE, "c", revision=2)], 1, "220"),
    ],
)
def test_the_place_of_what_another_gateway_relays(
    kind: Kind, sha256: str, holders: Sequence[Holder], attempt: int, expected: object
) -> None:
    taken = next((holder for holder in holders if holder.sha256 == sha256), None)
    assert placed(intake.place(arrival(kind, sha256, **RELAYED), holders, taken, attempt)) == expected


def test_a_duplicate_names_its_original() -> None:
    assert intake.place(arrival(sha256="b"), [FIRST], None) == Duplicate("p1")


def sealed(kind: Kind, stated: int, **more: Any) -> Arrival:
    return arrival(kind, "new", stated=stated, derived_from="a-package", **more)


def here(kind: Kind, revision: int, stated: int = 0, behalf: str = "") -> Holder:
    return Holder(f"p{revision}", kind, f"s{revision}", revision=revision, reported_for=behalf, stated=stated)


@pytest.mark.parametrize(
    ("kind", "stated", "holders", "expected"),
    [
        (Kind.REPLACE, 2, [here(Kind.NEW, 1, 1)], 2),
        # An old replacement does not come back, nor does what was replaced or withdrawn.
        (Kind.REPLACE, 2, [here(Kind.NEW, 1, 1), here(Kind.REPLACE, 2, 3)], "258"),
        (Kind.REPLACE, 1, [here(Kind.NEW, 1, 1)], "258"),
        (Kind.VOID, 1, [here(Kind.NEW, 1, 1)], "258"),
        (Kind.NEW, 1, [here(Kind.NEW, 1, 1), here(Kind.VOID, 2, 2)], "258"),
        (Kind.NEW, 3, [here(Kind.NEW, 1, 1), here(Kind.VOID, 2, 2)], 3),
        (Kind.SUPPLEMENT, 2, [here(Kind.NEW, 1, 1), here(Kind.REPLACE, 2, 3)], "258"),
        # Two supplements may overtake each other; one revision is one package.
        (Kind.SUPPLEMENT, 2, [here(Kind.NEW, 1, 1), here(Kind.SUPPLEMENT, 2, 3)], 3),
        (Kind.SUPPLEMENT, 3, [here(Kind.NEW, 1, 1), here(Kind.SUPPLEMENT, 2, 3)], "258"),
        # A plain file counts by the revision that it took here.
        (Kind.REPLACE, 2, [here(Kind.NEW, 1), here(Kind.REPLACE, 2)], "258"),
        (Kind.REPLACE, 3, [here(Kind.NEW, 1), here(Kind.REPLACE, 2)], 3),
        # No revision is none that comes after another.
        (Kind.REPLACE, 0, [here(Kind.NEW, 1, 1)], "258"),
        # Data are there: that is said first.
        (Kind.NEW, 1, [here(Kind.NEW, 1, 1)], "221"),
    ],
)
def test_a_package_of_a_past_revision_is_refused(
    kind: Kind, stated: int, holders: Sequence[Holder], expected: object
) -> None:
    assert placed(intake.place(sealed(kind, stated), holders, None)) == expected


def test_sealed_bytes_that_were_taken_are_a_duplicate_for_ever() -> None:
    """Of another period, replaced, withdrawn: whatever became of them."""
    taken = Holder("p-old", Kind.NEW, "new")
    for holders in ([], [here(Kind.NEW, 1, 1), here(Kind.VOID, 2, 2)], [here(Kind.REPLACE, 4, 9)]):
        assert intake.place(sealed(Kind.NEW, 7), holders, taken) == Duplicate("p-old")
    working = replace(taken, state=ParcelState.CHECKED)
    assert placed(intake.place(sealed(Kind.NEW, 7), [], working)) == "708"


A, B = "330106", "330212"
WHOLE = [here(Kind.NEW, 1, 1, A), here(Kind.NEW, 2, 1, B)]


@pytest.mark.parametrize(
    ("kind", "stated", "behalf", "holders", "expected"),
    [
        # Each of those that a party collects from counts for itself, under one run of revisions.
        (Kind.NEW, 1, B, [here(Kind.NEW, 1, 1, A)], 2),
        (Kind.REPLACE, 2, A, WHOLE, 3),
        (Kind.REPLACE, 1, A, WHOLE, "258"),
        (Kind.SUPPLEMENT, 2, B, WHOLE, 3),
        (Kind.VOID, 2, B, WHOLE, 3),
        (Kind.NEW, 2, A, [*WHOLE, here(Kind.VOID, 3, 1, A)], 4),
        # What it sent itself, as one, is not added to part by part; it may replace all parts.
        (Kind.NEW, 1, A, [here(Kind.NEW, 1, 1)], "221"),
        (Kind.REPLACE, 5, "", WHOLE, 3),
        (Kind.NEW, 1, "", WHOLE, "221"),
    ],
)
def test_the_place_of_what_is_collected(
    kind: Kind, stated: int, behalf: str, holders: Sequence[Holder], expected: object
) -> None:
    made = sealed(kind, stated, reported_for=behalf, origin=PartyId("330000"))
    assert placed(intake.place(made, holders, None, intake.RELAY_TRIES)) == expected


def test_what_counts_of_a_collected_submission() -> None:
    first, other = WHOLE
    anew = here(Kind.REPLACE, 3, 2, A)
    assert intake.current([first, other, anew]) == [other, anew]
    assert intake.current([first, other, here(Kind.VOID, 3, 1, B)]) == [first]
    assert intake.current([first, other, here(Kind.REPLACE, 3)]) == [here(Kind.REPLACE, 3)]
    assert intake.current([first, other, here(Kind.VOID, 3)]) == []


def test_a_basis_is_in_force_from_its_first_day_to_its_last() -> None:
    basis = INFLOW.basis.model_copy(update={"valid_from": date(2026, 1, 1), "valid_until": date(2026, 12, 31)})
    agreement = INFLOW.model_copy(update={"basis": basis})
    days = [date(2025, 12, 31), date(2026, 1, 1), date(2026, 12, 31), date(2027, 1, 1)]
    assert [intake.in_force(agreement, day) for day in days] == [False, True, True, False]


@pytest.mark.parametrize(
    ("kind", "size", "head", "expected"),
    [
        (Kind.NEW, 0, b"", "226"),
        (Kind.SUPPLEMENT, 0, b"", "265"),
        (Kind.REPLACE, 0, b"", "266"),
        (Kind.PART, 0, b"", "267"),
        (Kind.NEW, 10, b"%PDF-1.7", "207"),
        (Kind.NEW, 10, "姓名,性别".encode(), "table"),
        (Kind.NIL, 0, b"", "nil"),
        (Kind.NIL, 10, "姓名,性别".encode(), "nil"),
    ],
)
def test_what_is_inside(kind: Kind, size: int, head: bytes, expected: str) -> None:
    outcome = recognising.decide(arrival(kind, size=size), head)
    assert (outcome.value.content if isinstance(outcome, Ok) else getattr(outcome, "code", "")) == expected


# ---- checking and sorting -------------------------------------------------------------------------------------------


def found(records: int, refused: int) -> Examination:
    """What the worker answers, as far as the decision looks at it."""
    known = {"records": records, "accepted": records - refused, "refused": refused, "warned": 0}
    known |= {"encoding": "utf-8", "codes": {}, "parts": (), "digest": f"{0:064x}"}
    return Examination(**{field.name: known.get(field.name, "") for field in fields(Examination)})


def judged(records: int, refused: int, acceptance: Acceptance) -> str:
    agreement = INFLOW.model_copy(update={"acceptance": acceptance})
    outcome = checking.judge(Opened(arrival(), "table"), found(records, refused), agreement)
    return outcome.code if isinstance(outcome, Refused) else outcome.outcome


def test_when_a_whole_file_is_refused() -> None:
    strict = Acceptance(mode="file", max_refused_share=0.1)
    assert judged(100, 99, Acceptance()) == "ok"
    assert judged(100, 100, Acceptance()) == "229"
    assert judged(0, 0, Acceptance()) == "ok"
    assert judged(100, 10, strict) == "ok"
    assert judged(100, 11, strict) == "230"


def checked(parts: Sequence[Part], records: int, refused: int = 0, digest: int | None = None) -> Checked:
    total = sum(int(p.digest, 16) for p in parts) % (1 << 256) if digest is None else digest
    tally = Tally(records, records - refused, refused)
    return Checked(Opened(arrival(), "table"), "utf-8", tally, {}, tuple(parts), f"{total:064x}")


def part(province: str, records: int, digest: int = 5) -> Part:
    return Part(province, records, "0" * 64, f"{digest:064x}")


def test_sorting_gives_each_province_its_part() -> None:
    outcome = sorting.sort(checked([part("44", 3), part("66", 2)], 6, refused=1), FACTS)
    assert isinstance(outcome, Ok)
    assert {party: p.records for party, p in outcome.value.parts.items()} == {"440000": 3, "660000": 2}


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (checked([part("44", 3)], 4), "901"),
        (checked([part("44", 3)], 3, refused=1), "901"),
        (checked([part("44", 3)], 3, digest=6), "901"),
        (checked([part("44", 3), part("45", 3)], 3), "901"),
        (checked([part("71", 3)], 3), "904"),
        (checked([part("99", 3)], 3), "904"),
    ],
)
def test_what_does_not_add_up_stops(wrong: Checked, code: str) -> None:
    outcome = sorting.sort(wrong, FACTS)
    assert isinstance(outcome, Fault)
    assert outcome.code == code


PROVINCES = sorted(p.province for p in FACTS.parties.values() if p.tier == "province")


@given(
    st.dictionaries(st.sampled_from(PROVINCES), st.tuples(st.integers(1, 10**6), st.integers(0, (1 << 256) - 1))),
    st.integers(0, 10**6),
    st.sampled_from(["none", "records", "digest", "lost"]),
)
def test_sorting_lets_through_exactly_what_adds_up(given_: dict[str, tuple[int, int]], refused: int, harm: str) -> None:
    parts = [part(province, records, digest) for province, (records, digest) in given_.items()]
    whole = checked(parts, sum(p.records for p in parts) + refused, refused)
    match harm:
        case "records":
            whole = replace(whole, tally=replace(whole.tally, records=whole.tally.records + 1))
        case "digest":
            whole = replace(whole, digest=f"{(int(whole.digest, 16) + 1) % (1 << 256):064x}")
        case "lost" if parts:
            whole = replace(whole, parts=whole.parts[1:])
        case "lost":
            return
    outcome = sorting.sort(whole, FACTS)
    if harm == "none":
        assert isinstance(outcome, Ok)
        assert sum(p.records for p in outcome.value.parts.values()) + refused == whole.tally.records
    else:
        assert isinstance(outcome, Fault)


# ---- releasing, delivery, acknowledging -----------------------------------------------------------------------------


def ripe(release: str, *, four_eyes: bool = False, **state: object) -> bool:
    agreement = INFLOW.model_copy(update={"release": release, "four_eyes": four_eyes})
    now = state.pop("now", NOW)
    values = {"held": True, "outstanding": 1, "in_work": 0, "expires_at": NOW, "last_release": None}
    return releasing.ripe(agreement, releasing.Standing(**{**values, **state}), now)  # type: ignore[arg-type]


BEFORE, LATER = NOW - timedelta(seconds=1), NOW + timedelta(hours=23)


@pytest.mark.parametrize(
    ("expected", "release", "state"),
    [
        (False, "at_close", {"now": BEFORE}),
        (True, "at_close", {}),
        (True, "at_close", {"now": BEFORE, "outstanding": 0}),
        (False, "at_close", {"held": False}),
        (False, "at_close", {"in_work": 1}),
        (False, "at_close", {"expires_at": None}),
        (False, "at_close", {"last_release": NOW, "now": LATER}),
        (True, "at_close", {"last_release": NOW, "now": NOW + timedelta(days=1)}),
        (True, "at_close", {"last_release": NOW, "now": LATER, "outstanding": 0}),
        (True, "at_once", {"now": BEFORE}),
        (False, "at_once", {"now": BEFORE, "in_work": 1}),
        (False, "by_operator", {"outstanding": 0}),
        (False, "at_once", {"four_eyes": True}),
        (False, "at_close", {"four_eyes": True, "outstanding": 0}),
    ],
)
def test_when_a_batch_may_go(expected: bool, release: str, state: dict[str, object]) -> None:
    assert ripe(release, **state) is expected  # type: ignore[arg-type]


@dataclass(frozen=True)
class Held:
    id: str
    origin: str
    records: int = 3
    sha256: str = "0" * 64
    size: int = 9
    replaces: tuple[str, ...] = ()


def test_every_origin_is_included_nil_or_missing() -> None:
    held = [Held("k1", "110000"), Held("k3", "130000"), Held("k2", "130000")]
    origins = [PartyId(party.id) for party in FACTS.senders(INFLOW)]
    lines = releasing.lines(PartyId("440000"), origins, held, arrived={"110000", "120000", "130000"}, before={"140000"})
    assert {line.origin for line in lines} == {p.id for p in FACTS.senders(INFLOW)} - {"440000"}
    states: dict[str, list[tuple[str, object]]] = {}
    for line in lines:
        states.setdefault(line.origin, []).append((line.status, line.package))
    assert states["110000"] == [("included", "k1")]
    assert states["120000"] == [("nil", None)]
    assert states["130000"] == [("included", "k2"), ("included", "k3")]
    assert states["140000"] == [("included", None)]
    assert states["150000"] == [("missing", None)]


def test_packages_go_under_their_names_and_what_names_them_comes_after() -> None:
    sealed = {"k1": Path("/s/k1.tar.zst.gpg")}
    lines = [
        Listed(PartyId("110000"), "included", PackageId("k1"), 3, "d1", 9),
        Listed(PartyId("120000"), "nil"),
    ]
    files = delivery.files(lines, sealed, {"list.json": (Path("/b/list.json"), "d2")})
    assert list(files) == ["k1.tar.zst.gpg", "list.json"]
    assert files["k1.tar.zst.gpg"] == (sealed["k1"], "d1")


def test_a_signature_settles_the_batch_whose_form_it_covers() -> None:
    forms = {DistributionId("d1"): b"one", DistributionId("d2"): b"two"}
    outcome = acknowledging.match(forms, lambda form: Ok(None) if form == b"two" else Refused("210"))
    assert outcome == Ok(DistributionId("d2"))
    assert acknowledging.match(forms, lambda _: Refused("211")) == Refused("232")
    assert acknowledging.match({}, lambda _: Ok(None)) == Refused("232")
    away = Deferred("706")
    assert acknowledging.match(forms, lambda _: away) is away
