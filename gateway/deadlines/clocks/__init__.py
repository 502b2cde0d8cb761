"""Clocks: when something received now is due, and why, day by day.

Rules: the day of receipt does not count, and a period ends at 24:00 of its last day (民法典 201, 203); working days
follow the State Council's arrangement, make-up days included; a period of natural days that ends on a rest day ends on
the first working day after (民法典 203). Fixed dates ("X日前" includes day X) do not move, except where no working day
lies between the period's end and the date.

`expires_at` is exclusive: the midnight that ends the last day (00:00 +08:00 of the next day), so that a receipt at
23:59:59.999999 is in time and one at 00:00:00 is not, at any resolution of the clock.
"""

from gateway.deadlines.clocks.counting import due, fixed
from gateway.deadlines.clocks.days import DayTrace, Due
from gateway.deadlines.clocks.rule import Rule, RuleError

__all__ = ["DayTrace", "Due", "Rule", "RuleError", "due", "fixed"]
