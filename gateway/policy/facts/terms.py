"""The terms of an agreement: its basis, its dates, what is accepted, what it is held against, how long it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Literal

from pydantic import Field

from gateway.policy.facts.base import Clock, Fact, Identifier, MonthDay


class Basis(Fact):
    """Why these data may travel: without a basis in force nothing does (code 222)."""

    document: str
    valid_from: date
    valid_until: date | None = None
    purpose: str
    approved_by: str


class Deadline(Fact):
    """Fixed dates per period of the rhythm: `due` maps `Q1`..`Q4`, `H1`, `H2`, `M` or `Y` to MM-DD after the period.

    For months (`M`) MM counts months: `01-08` is the 8th of the first month after.
    `roll`: what happens when the date is a rest day ("X日前" does not move: `none`). `within`: the date lies in the
    period itself (a plan for the year, due in its May), whose window then opens with its first day.
    """

    due: Mapping[str, MonthDay]
    roll: Literal["none", "forward", "backward"] = "none"
    within: bool = Field(default=False, description="the dates lie within the period itself, not after it")


class Frequency(Fact):
    """What one party agreed on for itself: how often it reports, and by when."""

    rhythm: Literal["quarterly", "monthly", "half-yearly", "yearly"]
    deadline: Deadline


class EventClock(Fact):
    """What an event sets going, record by record. An inquiry (`answered_by`): its receiver owes an answer, from the
    entry into its channel. Without: the sender owes the entry into the receiver's channel, from a date of the record.
    """

    rule: Clock = Field(description="`workdays:15`, `days:30`, with options (`,roll=none`)")
    starts: str = Field(default="delivery", description="`delivery`, or the date field from which the sender owes")
    answered_by: str = Field(default="", description="the agreement that brings the answers")
    yields_to: str = Field(default="", description="the inquiry agreement that has what is in both")


class Acceptance(Fact):
    """`records`: bad records are refused one by one. `file`: above `max_refused_share` the whole file is refused."""

    mode: Literal["records", "file"] = "records"
    max_refused_share: float = Field(default=1.0, ge=0, le=1)


class Targets(Fact):
    """Shares that quality figures are held against (seed 002: 完整率 and 逻辑关系符合率 ≥ 90 %); none: only shown."""

    completeness: float | None = Field(default=0.9, ge=0, le=1)
    conformity: float | None = Field(default=None, ge=0, le=1)
    consistency: float | None = Field(default=0.9, ge=0, le=1)
    plausibility: float | None = Field(default=None, ge=0, le=1)


class Reconcile(Fact):
    """A statistical table whose cells are counts of cases that this node holds: per value of the field `by` an
    agreement of `cases`, per two digits in the field `province` the other side, in the field `count` how many."""

    by: str
    province: str
    count: str
    cases: Mapping[str, Identifier]


class Retention(Fact):
    """Days; see the privacy section of the domain page."""

    quarantine: int = Field(default=15, ge=1)
    returned: int = Field(default=15, ge=1)
    packages: int = Field(default=90, ge=1)
    receipts: int = Field(default=3650, ge=1)
