"""What an entry makes of a row, and that entries from before 0.2, which say less, are still understood."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from support.entries import NOW, PASSED, TO_COME, entry

from gateway.lifecycle import (
    BATCH,
    INCOMING,
    INQUIRY,
    OBLIGATION,
    PACKAGE,
    PARCEL,
    BatchState,
    Change,
    Event,
    IncomingState,
    InquiryState,
    NoTransition,
    ObligationState,
    PackageState,
    ParcelState,
)
from gateway.lifecycle.obligation import how
from gateway.lifecycle.parcel import REACHED


def of_parcel(state: ParcelState, event: Event, **more: Any) -> Change[ParcelState]:
    return PARCEL.apply(state, entry(event, **more))


# -- parcels -----------------------------------------------------------------------------------------------------------


def test_a_file_is_received_with_its_digest_and_size() -> None:
    found = of_parcel(ParcelState.ARRIVING, Event.RECEIVED, counts={"bytes": 900}, digests={"content": "a" * 64})
    content = {"sha256": "a" * 64, "size": 900, "received_at": NOW, "part": 0, "parts": 0}
    assert found == Change(ParcelState.RECEIVED, {**content, "code": "", "next_attempt_at": None})


def test_a_keyed_digest_of_a_file_leaves_what_the_row_knows() -> None:
    digests = {"content_keyed": "a" * 64}
    found = of_parcel(ParcelState.ARRIVING, Event.RECEIVED, counts={"bytes": 900}, digests=digests)
    assert "sha256" not in found.values
    assert found.values["size"] == 900


def test_a_signature_names_the_batch_that_it_closes() -> None:
    found = of_parcel(ParcelState.ARRIVING, Event.RECEIVED, digests={"content": "a" * 64, "batch": "d-1"})
    assert found.state is ParcelState.ACKNOWLEDGED
    assert (found.values["original"], found.values["code"]) == ("d-1", "100")


def test_a_statement_of_a_gateway_is_noted() -> None:
    assert of_parcel(ParcelState.ARRIVING, Event.RECEIVED, digests={"about": "p1"}).state is ParcelState.NOTED


def test_judged_records_are_counted() -> None:
    counts = {"records": 12, "accepted": 11, "refused": 1, "warned": 3}
    assert of_parcel(ParcelState.RECEIVED, Event.CHECKED, counts=counts).values.items() >= counts.items()
    held = of_parcel(ParcelState.RECEIVED, Event.HELD, counts={**counts, "code": 224})
    assert held.state is ParcelState.AWAITING
    assert held.values.items() >= {**counts, "code": "224"}.items()


def test_a_duplicate_names_its_original() -> None:
    found = of_parcel(ParcelState.RECEIVED, Event.DUPLICATE, digests={"original": "p0"})
    assert found == Change(ParcelState.DUPLICATE, {"code": "220", "original": "p0", "next_attempt_at": None})


@pytest.mark.parametrize("reached", REACHED)
def test_a_stopped_parcel_goes_on_where_it_had_got_to(reached: ParcelState) -> None:
    counts = {"reached": REACHED.index(reached)}
    found = of_parcel(ParcelState.FAULTED, Event.RETRIED, identity="p1/retried/7", counts=counts)
    assert found == Change(reached, {"code": "", "attempt": 7, "next_attempt_at": None})


def test_a_place_that_no_parcel_can_have_reached_is_refused() -> None:
    with pytest.raises(NoTransition):
        of_parcel(ParcelState.FAULTED, Event.RETRIED, counts={"reached": len(REACHED)})


def test_the_attempt_is_the_number_at_the_end_of_the_id_and_1_where_there_is_none() -> None:
    counts = {"code": 704}
    later = of_parcel(ParcelState.CHECKED, Event.DEFERRED, identity="p1/deferred/4", counts=counts)
    assert later == Change(ParcelState.CHECKED, {"code": "704", "attempt": 4})
    assert of_parcel(ParcelState.CHECKED, Event.DEFERRED, identity="p1/deferred", counts=counts).values["attempt"] == 1


@pytest.mark.parametrize(
    ("package", "counts", "code"),
    [
        ("migrants-inflow/2026Q3/new/r1", {"records": 3, "accepted": 3}, "100"),
        ("migrants-inflow/2026Q3/part/r1", {"records": 3, "accepted": 3, "refused": 0}, "100"),
        ("migrants-inflow/2026Q3/nil/r1", {}, "102"),
        ("migrants-inflow/2026Q3/void/r2", {}, "104"),
        ("migrants-inflow/2026Q3/replace/r2", {"records": 3, "accepted": 3}, "105"),
        ("migrants-inflow/2026Q3/replace/r2", {"records": 3, "accepted": 2, "refused": 1}, "101"),
        ("migrants-inflow/2026Q3/new/r1", {"records": 3, "accepted": 3, "code": 103}, "103"),
    ],
)
def test_an_old_acceptance_does_not_count_its_code_which_follows_from_what_was_accepted(
    package: str, counts: dict[str, int], code: str
) -> None:
    found = of_parcel(ParcelState.SORTED, Event.ACCEPTED, package=package, counts=counts)
    assert found.state is ParcelState.ACCEPTED
    assert found.values["code"] == code


def test_an_old_withdrawal_by_a_list_comes_from_no_file() -> None:
    found = of_parcel(
        ParcelState.ARRIVING, Event.ACCEPTED, package="migrants-inflow/2026Q3/void/r2", digests={"list": "b" * 64}
    )
    assert (found.state, found.values["code"]) == (ParcelState.ACCEPTED, "104")


def test_old_entries_count_no_warnings_and_name_no_original() -> None:
    checked = of_parcel(ParcelState.RECEIVED, Event.CHECKED, counts={"records": 12, "accepted": 11, "refused": 1})
    assert checked.values["warned"] == 0
    assert of_parcel(ParcelState.ARRIVING, Event.DUPLICATE).values["original"] == ""
    held = of_parcel(ParcelState.RECEIVED, Event.HELD)
    assert (held.state, held.values["records"], "code" in held.values) == (ParcelState.AWAITING, 0, False)


@pytest.mark.parametrize(
    ("package", "state"),
    [
        ("migrants-inflow/2026Q3/new/r1", ParcelState.RECEIVED),
        ("migrants-inflow/-/-/r0", ParcelState.RECEIVED),
        ("acknowledge/-/-/r0", ParcelState.ARRIVING),
    ],
)
def test_an_old_retry_does_not_say_what_was_reached(package: str, state: ParcelState) -> None:
    assert of_parcel(ParcelState.FAULTED, Event.RETRIED, package=package).state is state


def test_a_refused_file_has_nothing_accepted() -> None:
    found = of_parcel(ParcelState.RECEIVED, Event.REFUSED, counts={"code": 303, "records": 7})
    assert (found.values["accepted"], found.values["refused"], found.values["code"]) == (0, 7, "303")


# -- batches, packages -------------------------------------------------------------------------------------------------


def test_a_delivery_keeps_its_instant_and_the_digest_of_its_list() -> None:
    found = BATCH.apply(BatchState.RELEASED, entry(Event.DELIVERED, digests={"list": "b" * 64}))
    assert found.state is BatchState.DELIVERED
    assert found.values == {"delivered_at": NOW, "list_sha256": "b" * 64, "code": "", "next_attempt_at": None}


def test_an_old_signature_does_not_name_its_key() -> None:
    found = BATCH.apply(BatchState.UNCONFIRMED, entry(Event.ACKNOWLEDGED, digests={"signature": "d" * 64}))
    assert found.values == {"acknowledged_at": NOW, "fingerprint": "", "next_attempt_at": None}
    told = entry(Event.ACKNOWLEDGED, digests={"fingerprint": "C" * 40})
    assert BATCH.apply(BatchState.DELIVERED, told).values["fingerprint"] == "C" * 40


def test_what_a_receiver_refused_is_the_batch_s_code_and_what_it_accepted_is_not() -> None:
    refused, taken = (entry(Event.STATED, counts={"code": code}) for code in (222, 100))
    assert BATCH.apply(BatchState.DELIVERED, refused) == Change(BatchState.DELIVERED, {"code": "222"})
    assert BATCH.apply(BatchState.DELIVERED, taken) == Change(BatchState.DELIVERED, {})


@pytest.mark.parametrize("decision", ["lost", "void"])
def test_a_package_is_lost_by_a_person_s_word_alone(decision: str) -> None:
    given_up = entry(Event.OPERATED, digests={"decision": decision})
    assert PACKAGE.after(PackageState.HELD, given_up) is PackageState.LOST
    for other in ({}, {"decision": "kept"}):
        with pytest.raises(NoTransition, match="operator_action in state held"):
            PACKAGE.after(PackageState.HELD, entry(Event.OPERATED, digests=other))


# -- between gateways, inquiries ---------------------------------------------------------------------------------------


def test_an_old_confirmation_does_not_follow_a_word_that_the_batch_waits() -> None:
    assert INCOMING.after(IncomingState.LISTED, entry(Event.CONFIRMED)) is IncomingState.CONFIRMED


def test_an_old_inquiry_states_its_dates_before_its_delivery() -> None:
    found = INQUIRY.apply(InquiryState.WAITING, entry(Event.RECEIPT))
    assert found == Change(InquiryState.OPEN, {"delivered_at": NOW})


# -- obligations -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "state"),
    [
        ({}, ObligationState.MET),
        ({"late": 0}, ObligationState.MET),
        ({"late": 1}, ObligationState.MET_LATE),
        ({"nil": 1}, ObligationState.NIL),
        ({"late": 0, "corrected": 1}, ObligationState.MET_AFTER_CORRECTION),
    ],
)
def test_the_counts_say_how_something_was_met(counts: dict[str, int], state: ObligationState) -> None:
    met = entry(Event.MET, counts=counts)
    assert OBLIGATION.apply(ObligationState.OPEN, met, how(met)) == Change(state, {"met_at": NOW, "remind_at": None})


def test_a_date_runs_out_at_the_end_of_its_day_in_china() -> None:
    found = OBLIGATION.apply(ObligationState.OPEN, entry(Event.EXTENDED, counts={"due": 20261031}))
    assert found.values == {
        "due": date(2026, 10, 31),
        "expires_at": datetime(2026, 10, 31, 16, tzinfo=UTC),
        "extended_until": date(2026, 10, 31),
    }


@pytest.mark.parametrize(
    ("due", "state"),
    [(TO_COME, ObligationState.OPEN), (PASSED, ObligationState.MISSED), (20261102, ObligationState.OPEN)],
)
def test_what_was_missed_is_owed_again_when_its_date_moves_beyond_the_entry(due: int, state: ObligationState) -> None:
    assert OBLIGATION.after(ObligationState.MISSED, entry(Event.MOVED, counts={"due": due})) is state
