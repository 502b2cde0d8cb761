"""Rules between agreements that set a clock going record by record: inquiries and their replies, and what a sender owes
from a date of the record (domain: inquiry-15wd, inquiry-30d, births-elsewhere).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.policy.facts import Agreement, EventClock
from gateway.policy.loading import Draft

NUMBER: Final = "record_number"
"""The field by which a reply answers a record."""
RESULT: Final = "result"

Fault = Callable[[str, tuple[str | int, ...], str, str], None]


def is_reply(draft: Draft, agreement: Agreement) -> bool:
    """Whether an inquiry is answered under it: then records go back to who asked, and no field routes them."""
    return any(a.clock is not None and a.clock.answered_by == agreement.id for a in draft.agreements.values())


def judge(draft: Draft, agreement: Agreement, fault: Fault) -> None:
    """Every fault of one agreement's clock."""
    clock = agreement.clock
    if clock is None:
        return
    file = f"config/agreements/{agreement.id}.toml"
    if agreement.rhythm != "event":
        fault(file, ("clock",), 'a clock needs rhythm = "event"', '只有 rhythm = "event" 才能有 clock')
    fields = _fields(draft, agreement)
    if clock.answered_by:
        _inquiry(draft, agreement, clock, fields, fault)
    elif clock.starts == "delivery":
        message = "needs answered_by, or in starts a date field"
        fault(file, ("clock",), message, "须写明 answered_by，或在 starts 中写一个日期字段")
    elif fields is not None and fields.get(clock.starts) != "date":
        message = f"{clock.starts} is no date field that travels"
        fault(file, ("clock", "starts"), message, f"{clock.starts} 不是所传送的日期字段")
    if clock.yields_to:
        _yields(draft, agreement, clock, file, fault)


def _inquiry(
    draft: Draft, agreement: Agreement, clock: EventClock, fields: Mapping[str, str] | None, fault: Fault
) -> None:
    file = f"config/agreements/{agreement.id}.toml"
    if clock.starts != "delivery":
        message = "an inquiry's clock starts at delivery"
        fault(file, ("clock", "starts"), message, "核查的期限从送达之时起算（delivery）")
    if fields is not None and NUMBER not in fields:
        message = f"an inquiry needs the field {NUMBER}"
        fault(file, ("dataset",), message, f"核查约定的数据规范须有字段 {NUMBER}")
    name = clock.answered_by
    reply = draft.agreements.get(name)
    if reply is None:
        if f"config/agreements/{name}.toml" not in draft.contents:
            fault(file, ("clock", "answered_by"), f"agreement {name} has no file", f"交换约定 {name} 没有文件")
        return
    back = f"config/agreements/{name}.toml"
    if reply.rhythm != "event":
        fault(back, ("rhythm",), "a reply comes at any time: event", "反馈随时报送：须为 event")
    if reply.receivers != "routed" or reply.route_by:
        message = 'a reply goes back to who asked: receivers = "routed" without route_by'
        fault(back, ("receivers",), message, '反馈退给查询方：receivers = "routed"，不写 route_by')
    answered = _fields(draft, reply)
    if answered is not None and not {NUMBER, RESULT} <= set(answered):
        message = f"a reply needs the fields {NUMBER} and {RESULT}"
        fault(back, ("dataset",), message, f"反馈约定的数据规范须有字段 {NUMBER} 和 {RESULT}")
    if isinstance(agreement.receivers, tuple) and isinstance(reply.senders, tuple):
        for party in sorted(set(agreement.receivers) - set(reply.senders)):
            message = f"{party} is asked under {agreement.id} and may not answer"
            fault(back, ("senders",), message, f"{party} 在 {agreement.id} 中被查询，却不能反馈")


def _yields(draft: Draft, agreement: Agreement, clock: EventClock, file: str, fault: Fault) -> None:
    other = draft.agreements.get(clock.yields_to)
    path = ("clock", "yields_to")
    if other is None:
        if f"config/agreements/{clock.yields_to}.toml" not in draft.contents:
            message = f"agreement {clock.yields_to} has no file"
            fault(file, path, message, f"交换约定 {clock.yields_to} 没有文件")
    elif not clock.answered_by or other.clock is None or not other.clock.answered_by:
        fault(file, path, "both have to be inquiries", "两者都须是核查约定")
    elif other.id == agreement.id or other.clock.yields_to:
        fault(file, path, "one class has to stand first", "须有一类优先，不能互相让位")


def _fields(draft: Draft, agreement: Agreement) -> Mapping[str, str] | None:
    """Names and types of the fields that travel; None where the schema cannot be read, which is told elsewhere."""
    content = draft.contents.get(f"schemas/{agreement.dataset}.json")
    try:
        fields: list[Mapping[str, Any]] = json.loads(content or b"")["fields"]
        found = {str(field["name"]): str(field.get("type", "")) for field in fields}
    except (ValueError, KeyError, TypeError):
        return None
    return {name: kind for name, kind in found.items() if not agreement.columns or name in agreement.columns}
