"""Rules as the ledger keeps them: an obligation's date can be computed again under another edition of the calendar, by
the rule it was first computed by, even when the agreement has changed since.

`workdays:15`, `days:30` and their options as `gateway.deadlines.clocks.Rule` writes them; fixed dates as
`fixed:11-01`, `fixed:11-01,roll=forward`, `fixed:05-31,within`.
"""

from __future__ import annotations

from datetime import datetime

from gateway.deadlines.calendar import Calendar
from gateway.deadlines.clocks import Due, RuleError, due, fixed
from gateway.policy.facts import Deadline
from gateway.policy.periods import Period

_FIXED, _WITHIN = "fixed:", ",within"


def fixed_rule(period: Period, deadline: Deadline) -> str:
    """The date that `deadline` sets for periods like this one, with its options."""
    text = f"{_FIXED}{deadline.due[period.key]}"
    if deadline.roll != "none":
        text += f",roll={deadline.roll}"
    return text + (_WITHIN if deadline.falls_within(period.key) else "")


def lies_within(rule: str) -> bool:
    """Whether it is a date within its period, whose window opens with the period."""
    return rule.startswith(_FIXED) and rule.endswith(_WITHIN)


def again(rule: str, since: datetime, occasion: str, calendar: Calendar) -> Due:
    """The date under `calendar`. `since` is the instant that started the clock; a fixed date is that of the period
    `occasion`. Raises `RuleError` for a rule that cannot be read, `ValueError` for a fixed date without a period."""
    if not rule.startswith(_FIXED):
        return due(since, rule, calendar)
    day, *options = rule.removeprefix(_FIXED).split(",")
    period = Period.parse(occasion)
    values: dict[str, object] = {"due": {period.key: day}}
    for option in options:
        key, _, value = option.partition("=")
        if f",{option}" == _WITHIN:
            values["within"] = True
            continue
        if key != "roll":
            raise RuleError("an option of a fixed date is unknown")
        values["roll"] = value
    return fixed(period, Deadline.model_validate(values), calendar)
