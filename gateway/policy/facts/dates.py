"""By when each party owes under an agreement: its own frequency and dates where it has any, else the agreement's; when
a period's window opens; and the faults of such facts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Final

from gateway.policy.facts.agreement import Agreement, Deadline
from gateway.policy.facts.node import Reminders
from gateway.policy.facts.party import Party
from gateway.policy.periods import Period, Rhythm

KEYS_OF_RHYTHM: Final[Mapping[str, tuple[str, ...]]] = {
    "quarterly": ("Q1", "Q2", "Q3", "Q4"),
    "half-yearly": ("H1", "H2"),
    "monthly": ("M",),
    "yearly": ("Y",),
    "event": (),
}
ANY_YEAR: Final = 2001  # an ordinary one: 29 February is no day that every year has
Path = tuple[str | int, ...]
Fault = Callable[[str, Path, str, str], None]


def rhythm(agreement: Agreement, party: str) -> Rhythm | None:
    """How often `party` reports; None for events."""
    if party in agreement.frequency:
        return agreement.frequency[party].rhythm
    return None if agreement.rhythm == "event" else agreement.rhythm


def deadline(agreement: Agreement, party: str) -> Deadline | None:
    return agreement.frequency[party].deadline if party in agreement.frequency else agreement.deadline


def opens(agreement: Agreement, party: str, period: Period) -> date:
    """The day from which a delivery for the period is taken: the day after the as-of date, or, where the date lies
    within the period itself, the period's first day."""
    found = deadline(agreement, party)
    return period.start if found is not None and found.within else period.opens


def rhythms(agreement: Agreement) -> set[Rhythm]:
    """Every rhythm that somebody under the agreement reports in."""
    own: set[Rhythm] = set() if agreement.rhythm == "event" else {agreement.rhythm}
    return own | {one.rhythm for one in agreement.frequency.values()}


def judge(agreement: Agreement, senders: Callable[[str], bool], fault: Fault) -> None:
    """Every fault of an agreement's dates. `senders`: whether a party of that id reports under it."""
    file = f"config/agreements/{agreement.id}.toml"
    if agreement.deadline:
        _deadline(agreement.rhythm, agreement.deadline, ("deadline",), file, fault)
    for party, own in agreement.frequency.items():
        if agreement.rhythm == "event":
            message = "an event has no frequency"
            fault(file, ("frequency", party), message, "随时报送的约定没有报送频次")
        elif not senders(party):
            message = f"{party} sends nothing under this agreement"
            fault(file, ("frequency", party), message, f"{party} 不是本约定的报送方")
        _deadline(own.rhythm, own.deadline, ("frequency", party, "deadline"), file, fault)
    if agreement.rhythm == "event" and agreement.distribute_within:
        message = "nothing closes under an event: there is no date to count from"
        fault(file, ("distribute_within",), message, "随时报送的约定没有截止日，无从起算")


def reminder_faults(found: Reminders) -> Iterator[tuple[str, str, str]]:
    """Every fault of the times of reminding, by key."""
    if not found.steps or list(found.steps) != sorted(set(found.steps)):
        yield "steps", "steps are in order, each once", "提醒的步骤须由小到大，不能重复或为空"
    if not found.quiet_until <= found.at < found.quiet_from:
        message = "lies in the quiet hours, or these are the whole day"
        yield "at", message, "提醒时刻在免打扰时段之内，或全天免打扰"


def contact_faults(party: Party) -> Iterator[tuple[int, str, str]]:
    """Every fault of whom to tell, by the contact's place: the next level stands behind who is responsible, and can be
    reached."""
    for number, contact in enumerate(party.contacts):
        if contact.level and number == 0:
            yield number, "the first contact is the responsible one: level 0", "第一个联系人应是责任人：level 为 0"
        if contact.level and not (contact.phone or contact.email):
            yield number, "the next level needs a phone or an email", "上一级联系人须有电话或邮箱"


def _deadline(rhythm: str, deadline: Deadline, path: Path, file: str, fault: Fault) -> None:
    fitting = KEYS_OF_RHYTHM[rhythm]
    for key, value in deadline.due.items():
        where = (*path, "due", key)
        if key not in fitting:
            fault(file, where, f"{key} does not fit the rhythm {rhythm}", f"{key} 与报送周期 {rhythm} 不符")
        elif key != "M" and not _is_day(value):
            fault(file, where, "there is no such day", "没有这一天")
        elif deadline.within and (key == "M" or not _lies_within(key, value)):
            message = "does not lie within the period: a date after it needs within = false"
            fault(file, where, message, "不在所属报告期之内；期后的日期应写 within = false")
    for key in fitting:
        if key not in deadline.due:
            fault(file, (*path, "due"), f"{key} is missing", f"缺少 {key}")


def _is_day(month_day: str) -> bool:
    """Does MM-DD exist in every year?"""
    try:
        date.fromisoformat(f"{ANY_YEAR}-{month_day}")
    except ValueError:
        return False
    return True


def _lies_within(key: str, month_day: str) -> bool:
    period = Period.parse(f"{ANY_YEAR}{'' if key == 'Y' else key}")
    return period.start <= date.fromisoformat(f"{ANY_YEAR}-{month_day}") <= period.end
