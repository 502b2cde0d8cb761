"""Rules of dates: an agreement's deadlines fit its rhythm and lie on days there are; and the times of reminding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Final

from gateway.policy.facts import Agreement, Deadline
from gateway.policy.faults import FactFault
from gateway.policy.finding import NODE
from gateway.policy.periods import Period
from gateway.policy.rules.draft import Draft

_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "quarterly": ("Q1", "Q2", "Q3", "Q4"),
    "half-yearly": ("H1", "H2"),
    "monthly": ("M",),
    "yearly": ("Y",),
    "event": (),
}
_ANY_YEAR: Final = 2001  # an ordinary one: 29 February is no day that every year has


def is_period(text: str, rhythm: str) -> bool:
    """Whether `text` is the written form of a period of the rhythm."""
    try:
        return Period.parse(text).rhythm == rhythm
    except ValueError:
        return False


def deadlines(draft: Draft) -> Iterator[FactFault]:
    """An agreement's dates, and those of each party that has its own, fit their rhythm and are days of every year."""
    for agreement in draft.agreements.values():
        if agreement.deadline:
            yield from _deadline(draft, agreement, agreement.rhythm, agreement.deadline, ("deadline",))
        for party, own in agreement.frequency.items():
            path = ("frequency", party)
            if agreement.rhythm == "event":
                message = "an event has no frequency"
                yield draft.fault(agreement.file, path, message, "随时报送的约定没有报送频次")
            elif not draft.sends(agreement, party):
                message = f"{party} sends nothing under this agreement"
                yield draft.fault(agreement.file, path, message, f"{party} 不是本约定的报送方")
            yield from _deadline(draft, agreement, own.rhythm, own.deadline, (*path, "deadline"))


def events(draft: Draft) -> Iterator[FactFault]:
    """An event has no periods: nothing closes under it, and nothing counts from a close."""
    for agreement in draft.agreements.values():
        if agreement.rhythm != "event":
            continue
        if agreement.distribute_within:
            message = "nothing closes under an event: there is no date to count from"
            message_zh = "随时报送的约定没有截止日，无从起算"
            yield draft.fault(agreement.file, ("distribute_within",), message, message_zh)
        if agreement.release == "at_close":
            message = "at_close needs periods, and an event has none"
            yield draft.fault(agreement.file, ("release",), message, "at_close 需要报告期，event 没有报告期")


def first_periods(draft: Draft) -> Iterator[FactFault]:
    """The first period is one of the agreement's rhythm."""
    for agreement in draft.agreements.values():
        if agreement.first_period and not is_period(agreement.first_period, agreement.rhythm):
            message = f"is no period of the rhythm {agreement.rhythm}"
            yield draft.fault(agreement.file, ("first_period",), message, f"不是 {agreement.rhythm} 的报告期")


def reminders(draft: Draft) -> Iterator[FactFault]:
    """The steps are in order, and their hour is not among the quiet ones."""
    if draft.node is None:
        return
    found = draft.node.reminders
    if not found.steps or list(found.steps) != sorted(set(found.steps)):
        message = "steps are in order, each once"
        yield draft.fault(NODE, ("reminders", "steps"), message, "提醒的步骤须由小到大，不能重复或为空")
    if not found.quiet_until <= found.at < found.quiet_from:
        message = "lies in the quiet hours, or these are the whole day"
        yield draft.fault(NODE, ("reminders", "at"), message, "提醒时刻在免打扰时段之内，或全天免打扰")


def nothing_owed(draft: Draft) -> Iterator[FactFault]:
    """Under an agreement for tables without dates nobody owes anything, which is hardly meant."""
    for agreement in draft.agreements.values():
        if not agreement.deadline and agreement.content == "table" and agreement.rhythm != "event":
            message = "without a deadline nobody owes anything under this agreement"
            yield draft.fault(agreement.file, (), message, "没有报送期限：依本约定无人负有报送义务")


def _deadline(
    draft: Draft, agreement: Agreement, rhythm: str, deadline: Deadline, path: tuple[str, ...]
) -> Iterator[FactFault]:
    file, fitting = agreement.file, _KEYS[rhythm]
    for key, value in deadline.due.items():
        where = (*path, "due", key)
        if key not in fitting:
            yield draft.fault(file, where, f"{key} does not fit the rhythm {rhythm}", f"{key} 与报送周期 {rhythm} 不符")
        elif key != "M" and not _is_day(value):
            yield draft.fault(file, where, "there is no such day", "没有这一天")
        elif deadline.falls_within(key) and (key == "M" or not _lies_within(key, value)):
            message = "does not lie within the period: a date after it needs within = false"
            yield draft.fault(file, where, message, "不在所属报告期之内；期后的日期应写 within = false")
    for key in fitting:
        if key not in deadline.due:
            yield draft.fault(file, (*path, "due"), f"{key} is missing", f"缺少 {key}")
    for key, value in deadline.as_of.items():
        where = (*path, "as_of", key)
        if key not in fitting or key == "M":
            yield draft.fault(file, where, f"{key} has no as-of day of its own", f"{key} 没有单独的统计时点")
        elif not _is_day(value):
            yield draft.fault(file, where, "there is no such day", "没有这一天")
    for number, key in enumerate(deadline.within if isinstance(deadline.within, tuple) else ()):
        if key not in fitting:
            message = f"{key} does not fit the rhythm {rhythm}"
            yield draft.fault(file, (*path, "within", number), message, f"{key} 与报送周期 {rhythm} 不符")


def _is_day(month_day: str) -> bool:
    """Does MM-DD exist in every year?"""
    try:
        date.fromisoformat(f"{_ANY_YEAR}-{month_day}")
    except ValueError:
        return False
    return True


def _lies_within(key: str, month_day: str) -> bool:
    period = Period.parse(f"{_ANY_YEAR}{'' if key == 'Y' else key}")
    return period.start <= date.fromisoformat(f"{_ANY_YEAR}-{month_day}") <= period.end
