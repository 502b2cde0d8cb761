"""Rules of agreements that set a clock going record by record: inquiries and their replies, and what a sender owes from
a date of the record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from gateway.policy.facts import Agreement, EventClock
from gateway.policy.faults import FactFault
from gateway.policy.rules.draft import Draft
from gateway.policy.rules.fields import Fields, fields_of

NUMBER: Final = "record_number"
"""The field that names the record which a reply is to."""
RESULT: Final = "result"
"""The field that says what was found."""


def is_reply(draft: Draft, agreement: Agreement) -> bool:
    """Whether it brings the replies to an inquiry: then records go back to who asked, and no field routes them."""
    return any(a.clock is not None and a.clock.answered_by == agreement.id for a in draft.agreements.values())


def starts(draft: Draft) -> Iterator[FactFault]:
    """A clock needs events, and starts with a delivery that is answered or with a date of the record."""
    for agreement, clock in _clocks(draft):
        file = agreement.file
        if agreement.rhythm != "event":
            message = 'a clock needs rhythm = "event"'
            yield draft.fault(file, ("clock",), message, '只有 rhythm = "event" 才能有 clock')
        if clock.answered_by:
            if clock.starts != "delivery":
                message = "an inquiry's clock starts at delivery"
                yield draft.fault(file, ("clock", "starts"), message, "核查的期限从送达之时起算（delivery）")
            continue
        types = _types(draft, agreement)
        if clock.starts == "delivery":
            message = "needs answered_by, or in starts a date field"
            yield draft.fault(file, ("clock",), message, "须写明 answered_by，或在 starts 中写一个日期字段")
        elif types is not None and types.get(clock.starts) != "date":
            message = f"{clock.starts} is no date field that travels"
            yield draft.fault(file, ("clock", "starts"), message, f"{clock.starts} 不是所传送的日期字段")


def inquiries(draft: Draft) -> Iterator[FactFault]:
    """An inquiry numbers its records, and names the agreement that brings the replies."""
    for agreement, clock in _clocks(draft):
        if not clock.answered_by:
            continue
        types = _types(draft, agreement)
        if types is not None and NUMBER not in types:
            message = f"an inquiry needs the field {NUMBER}"
            yield draft.fault(agreement.file, ("dataset",), message, f"核查约定的数据规范须有字段 {NUMBER}")
        if not draft.has_agreement(clock.answered_by):
            yield draft.no_agreement(agreement.file, ("clock", "answered_by"), clock.answered_by)


def replies(draft: Draft) -> Iterator[FactFault]:
    """A reply comes at any time, goes back to who asked, says to which record, and may come from everybody asked."""
    for agreement, clock in _clocks(draft):
        reply = draft.agreements.get(clock.answered_by)
        if reply is None:
            continue
        if reply.rhythm != "event":
            yield draft.fault(reply.file, ("rhythm",), "a reply comes at any time: event", "反馈随时报送：须为 event")
        if reply.receivers != "routed" or reply.route_by:
            message = 'a reply goes back to who asked: receivers = "routed" without route_by'
            message_zh = '反馈退给查询方：receivers = "routed"，不写 route_by'
            yield draft.fault(reply.file, ("receivers",), message, message_zh)
        types = _types(draft, reply)
        if types is not None and not {NUMBER, RESULT} <= set(types):
            message = f"a reply needs the fields {NUMBER} and {RESULT}"
            yield draft.fault(reply.file, ("dataset",), message, f"反馈约定的数据规范须有字段 {NUMBER} 和 {RESULT}")
        if agreement.receivers != "routed":
            asked = {party.id for party in draft.receivers(agreement)}
            for party in sorted(party for party in asked if not draft.sends(reply, party)):
                message = f"{party} is asked under {agreement.id} and may not answer"
                message_zh = f"{party} 在 {agreement.id} 中被查询，却不能反馈"
                yield draft.fault(reply.file, ("senders",), message, message_zh)


def yielding(draft: Draft) -> Iterator[FactFault]:
    """Of two classes of inquiries that may hold the same record, one stands first."""
    for agreement, clock in _clocks(draft):
        if not clock.yields_to:
            continue
        other, path = draft.agreements.get(clock.yields_to), ("clock", "yields_to")
        if other is None:
            if not draft.has_agreement(clock.yields_to):
                yield draft.no_agreement(agreement.file, path, clock.yields_to)
        elif not clock.answered_by or other.clock is None or not other.clock.answered_by:
            yield draft.fault(agreement.file, path, "both have to be inquiries", "两者都须是核查约定")
        elif other.id == agreement.id or other.clock.yields_to:
            message = "one class has to stand first"
            yield draft.fault(agreement.file, path, message, "须有一类优先，不能互相让位")


def _clocks(draft: Draft) -> Iterator[tuple[Agreement, EventClock]]:
    for agreement in draft.agreements.values():
        if agreement.clock is not None:
            yield agreement, agreement.clock


def _types(draft: Draft, agreement: Agreement) -> Mapping[str, str] | None:
    """Names and types of the fields that travel; None where the schema cannot be read, which `tables` reports."""
    path = f"schemas/{agreement.dataset}.json"
    fields = fields_of(path, draft.contents.get(path, b""))
    if not isinstance(fields, Fields):
        return None
    chosen = agreement.columns or fields.types
    return {name: kind for name, kind in fields.types.items() if name in chosen}
