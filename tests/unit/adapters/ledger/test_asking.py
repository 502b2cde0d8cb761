"""Inquiries and their records, what passes between gateways, and notices, in the ledger."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from gateway.adapters.ledger import Ledger
from gateway.adapters.ledger.notices import Waiting
from gateway.adapters.ledger.rows import DatedRow, InquiryKey, InquiryRow
from gateway.lifecycle import Change, IncomingState, InquiryState, ObligationState, ParcelState, StatementState

NOW = datetime(2026, 10, 20, 1, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=10)


def inquiry(receiver: str, **values: Any) -> InquiryRow:
    """The seventh that 110000 sent, in one receiver's hands."""
    given: dict[str, Any] = {"state": InquiryState.WAITING, "records": 2, "key": "k" * 64, **values}
    return InquiryRow("p1", receiver, "urgent", "replies", "110000", 7, **given)


@pytest.fixture
def asked(ledger: Ledger) -> Ledger:
    """An inquiry in the hands of 330000, delivered, and of 440000, not yet; a reply is owed for each record of the
    first."""
    with ledger.transaction(NOW) as tx:
        tx.parcels.add(
            id="p1",
            corridor="submission",
            sender="110000",
            agreement="urgent",
            state=ParcelState.ACCEPTED,
            facts="f",
            received_at=NOW,
            sha256="a" * 64,
        )
        tx.inquiries.add(inquiry("330000"))
        tx.inquiries.add(inquiry("440000", key=""))
        tx.inquiries.change("p1", "330000", Change(InquiryState.OPEN, {"delivered_at": NOW}))
        tx.dated.add([DatedRow("p1", "330000", n, "330100", "f" * 64, obligation=f"reply:{n}") for n in (1, 2)])
        for number in (1, 2):
            tx.obligations.add(
                id=f"reply:{number}",
                kind="reply",
                agreement="urgent",
                party="330000",
                subject=f"110000-7/330000/{number}",
                period="",
                source="p1",
                due=date(2026, 10, 29),
                expires_at=LATER,
                status="final",
                edition="2026",
                state=ObligationState.OPEN,
            )
    return ledger


def test_inquiries_by_whose_hands_they_are_in(asked: Ledger) -> None:
    with asked.reading() as reading:
        (first,) = reading.inquiries.where(opened=True)
        assert (first.receiver, first.name, first.key, first.delivered_at) == ("330000", "110000-7", "k" * 64, NOW)
        assert [i.receiver for i in reading.inquiries.where(opened=False)] == ["440000"]
        assert [i.receiver for i in reading.inquiries.where(origin="110000", closed_at=None)] == ["330000", "440000"]
        assert reading.inquiries.keys() == [InquiryKey("p1", "330000", "k" * 64)]
        assert reading.inquiries.counts() == {InquiryState.OPEN: 1, InquiryState.WAITING: 1}


def test_on_closing_the_key_and_all_it_made_are_gone(asked: Ledger) -> None:
    with asked.transaction(LATER) as tx:
        tx.inquiries.change("p1", "330000", Change(InquiryState.CLOSED))
    with asked.reading() as reading:
        (closed,) = reading.inquiries.where(state=InquiryState.CLOSED)
        assert (closed.key, closed.closed_at, closed.delivered_at) == ("", LATER, NOW)
        assert reading.inquiries.keys() == []
        assert {record.fingerprint for record in reading.dated.of("p1", "330000")} == {""}


def test_a_closing_that_says_when_is_believed(asked: Ledger) -> None:
    with asked.transaction(LATER) as tx:
        tx.inquiries.change("p1", "330000", Change(InquiryState.CLOSED, {"closed_at": NOW}))
        (closed,) = tx.inquiries.where(state=InquiryState.CLOSED)
    assert closed.closed_at == NOW


def test_keys_come_back_to_what_is_not_closed_and_has_none(asked: Ledger) -> None:
    kept = [("p1", "330000", "x" * 64), ("p1", "440000", "y" * 64), ("p2", "440000", "z" * 64)]
    with asked.transaction(NOW) as tx:
        tx.inquiries.enter_keys(kept)
        assert [key.key[0] for key in tx.inquiries.keys()] == ["k", "y"]  # noqa: SIM118 - not a mapping's
        tx.inquiries.change("p1", "440000", Change(InquiryState.CLOSED))
        tx.inquiries.enter_keys(kept)
        assert [key.key[0] for key in tx.inquiries.keys()] == ["k"]  # noqa: SIM118


def test_records_with_what_is_owed_for_them(asked: Ledger) -> None:
    with asked.reading() as reading:
        found = reading.dated.with_obligations(parcel="p1", kind="reply", state=ObligationState.OPEN)
        assert [(d.ordinal, o.id, o.due) for d, o in found] == [
            (1, "reply:1", date(2026, 10, 29)),
            (2, "reply:2", date(2026, 10, 29)),
        ]
        assert reading.dated.with_obligations(kind="feedback") == []
        assert reading.dated.asked_under(["reply:1", "other"]) == {("p1", "330000")}


def test_one_parcel_replies_to_a_record(asked: Ledger) -> None:
    record = ("p1", "330000", 1)
    with asked.transaction(NOW) as tx:
        assert tx.dated.claim(record, "r1")
        assert tx.dated.claim(record, "r1")
        assert not tx.dated.claim(record, "r2")
        tx.dated.unclaim(record, "r2")
        assert not tx.dated.claim(record, "r2")
        tx.dated.unclaim(record, "r1")
        assert tx.dated.claim(record, "r2")


def test_records_change_by_their_place(asked: Ledger) -> None:
    with asked.transaction(NOW) as tx:
        tx.dated.update([("p1", "330000", 2)], refused_at=NOW)
        tx.dated.point_to("reply:1", "reply:2")
        found = tx.dated.of("p1", "330000")
    assert [(d.refused_at, d.obligation) for d in found] == [(None, "reply:2"), (NOW, "reply:2")]


def test_a_batch_of_another_gateways_and_what_arrived_of_it(asked: Ledger) -> None:
    with asked.transaction(NOW) as tx:
        tx.incoming.add(
            [
                {"package": "k1", "origin": "110000", "sha256": "a" * 64, "state": "included"},
                {"package": "k0", "origin": "110000", "sha256": "", "state": "withdrawn"},
            ],
            id="110000/d1",
            sender="110000",
            distribution="d1",
            agreement="urgent",
            period="2026Q3",
            state=IncomingState.LISTED,
            list_sha256="b" * 64,
            listed_at=NOW,
            facts="f",
        )
    with asked.reading() as reading:
        found = reading.incoming
        assert [i.id for i in found.open()] == ["110000/d1"]
        assert [(n.package, n.state) for n in found.named("110000/d1")] == [("k0", "withdrawn"), ("k1", "included")]
        assert [p.id for p in found.arrived("110000/d1")] == ["p1"]
        assert (found.digest_of("110000", "k1"), found.digest_of("110000", "k0")) == ("a" * 64, "")
    with asked.transaction(LATER) as tx:
        tx.incoming.update("110000/d1", attempt=2)
        tx.incoming.change("110000/d1", Change(IncomingState.ANSWERED, {"answered_at": LATER}))
        row = tx.incoming.get("110000/d1")
        assert row is not None
        assert (row.attempt, row.answered_at, row.next_attempt_at) == (2, LATER, None)
        assert tx.incoming.open() == []
        assert tx.incoming.counts() == {IncomingState.ANSWERED: 1}


def test_statements_and_receipts_that_were_not_told(ledger: Ledger) -> None:
    with ledger.transaction(NOW) as tx:
        for number in ("HZ-1", "HZ-2"):
            tx.receipts.add(
                number=number, parcel=number, party="110000", stage="delivered", code="100", body=b"", issued_at=NOW
            )
        tx.statements.add(
            id="s1",
            issuer="350000",
            receiver="110000",
            kind="receipt",
            state=StatementState.SENT,
            number="HZ-1",
            signature_sha256="c" * 64,
            body=b"{}",
            signature=b"s",
            at=NOW,
        )
        tx.statements.set_proof("s1", b"proof")
    with ledger.reading() as reading:
        assert [r.number for r in reading.receipts.untold("110000", "delivered")] == ["HZ-2"]
        (stated,) = reading.statements.where(receiver="110000", state=StatementState.SENT)
        assert (stated.proof, stated.at) == (b"proof", NOW)
        assert reading.statements.get("s1") == stated
        assert reading.statements.counts() == {StatementState.SENT: 1}


def test_a_notice_is_one_however_often_it_is_gathered(ledger: Ledger) -> None:
    notice = Waiting("e1@mail/330000", "mail", "330000", "missed", {"due": "2026-10-29", "码": 1}, NOW, 0)
    with ledger.notices() as notices:
        assert notices.cursor() is None
        notices.set_cursor(4)
        notices.add([notice, notice])
    with ledger.notices() as notices:
        assert notices.cursor() == 4
        assert notices.due(NOW) == notices.waiting() == [notice]
        notices.failed([notice], 1, LATER)
        assert notices.due(NOW) == []
        assert [n.attempt for n in notices.due(LATER)] == [1]
        notices.sent([notice], LATER)
        assert notices.waiting() == []
        notices.forget(LATER)
        notices.add([notice])
        assert notices.waiting() == [notice]
