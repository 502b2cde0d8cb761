"""The facts' shapes: an agreement and its terms. These are its basis, its dates, what is accepted, what it is held
against and how long it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Literal

from pydantic import Field

from gateway.parcels import Form
from gateway.policy.facts.base import LABEL, Clock, Fact, Identifier, MonthDay, Profile, Tier
from gateway.policy.periods import Period

Signing = Literal["automatic", "by_person"]


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
    period itself (a plan for the year, due in its May), whose window then opens with its first day. `as_of`: the as-of
    day (统计时点) where it is not the period's last one: the last such day before the date. Who reports once a year by
    1 November states what was on 30 September, as those do who report the third quarter by that date (国家人口计生委
    《全员流动人口统计信息工作方案》 四（二）); the window then opens the day after it.
    """

    due: Mapping[str, MonthDay]
    as_of: Mapping[str, MonthDay] = Field(
        default_factory=dict, description="the as-of days, for each date one, where they are not the periods' last days"
    )
    roll: Literal["none", "forward", "backward"] = "none"
    within: bool | tuple[str, ...] = Field(
        default=False,
        description="the dates lie within the period itself, not after it; or a list of those that do: `H2`",
    )

    def falls_within(self, key: str) -> bool:
        """Whether the date for periods of this key lies within the period itself."""
        return self.within if isinstance(self.within, bool) else key in self.within


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
    """Shares that quality figures are held against; none: only shown. 完整率 and 逻辑关系符合率 are 90 % or more by
    人口办发规〔2011〕40号, 关于开展全员人口信息采集机制创新试点工作的通知."""

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
    """For how many days what is not needed any more is kept; then it is removed."""

    quarantine: int = Field(default=15, ge=1)
    returned: int = Field(default=15, ge=1)
    packages: int = Field(default=90, ge=1)
    receipts: int = Field(default=3650, ge=1)


class Agreement(Fact):
    """交换约定. File: `agreements/<id>.toml`."""

    id: Identifier
    label: str = Field(pattern=LABEL, description="Chinese, also the folder's name")
    title: str = ""
    issued_as: str = Field(
        default="", description="id under which packages arrive whose sender calls the agreement otherwise"
    )
    dataset: Identifier
    content: Literal["table", "document"] = "table"
    file_types: tuple[str, ...] = Field(
        default=(".pdf", ".ofd", ".doc", ".docx", ".wps", ".xls", ".xlsx", ".txt"),
        description="what a document may be, by the ending of its name; documents are passed on as they are",
    )
    schema_version: str = "1"
    columns: tuple[str, ...] = Field(default=(), description="field names that may travel; empty: all of the schema")
    ignorable: tuple[str, ...] = ("序号", "备注")
    accepts: tuple[Form, ...] = Field(
        default=("plain", "openpgp", "sm"),
        min_length=1,
        description="in which forms a submission is taken: as a plain file, or sealed under a profile",
    )
    senders: Tier | tuple[Identifier, ...] = Field(
        description="every party of a tier, or a list of ids and tiers; the node's own party is not among a tier's"
    )
    receivers: Literal["routed"] | Tier | tuple[Identifier, ...] = Field(
        description="`routed`: each record by its field; or who gets all of it: every party of a tier, or a list of "
        "ids and tiers; the node's own party is not among a tier's"
    )
    route_by: str | None = None
    routes: Tier | Mapping[str, Identifier] = Field(
        default="province",
        description="whom `route_by` leads to: the parties of a tier by their area codes, or what the field begins "
        "with → a party",
    )
    otherwise: Mapping[str, Identifier] = Field(
        default_factory=dict,
        description="for records that `routes` leads nowhere: what `route_by` begins with → a party; `rest`: "
        "everything else",
    )
    versions: Mapping[str, str] = Field(
        default_factory=dict,
        description="period → the schema's version from that period on; before the first one `schema_version` holds",
    )
    rhythm: Literal["quarterly", "monthly", "half-yearly", "yearly", "event"]
    first_period: str = Field(default="", description="taken from this period on; empty: from the basis's first day on")
    deadline: Deadline | None = None
    frequency: Mapping[Identifier, Frequency] = Field(
        default_factory=dict, description="sender → its own frequency and dates, where they differ"
    )
    distribute_within: Clock | Literal[""] = Field(
        default="", description="`workdays:5`: by when this node distributes, from the last date of the period"
    )
    collect_within: Clock | Literal[""] = Field(
        default="", description="`workdays:5`: by when a receiver signs for a batch, from its delivery"
    )
    clock: EventClock | None = None
    profile: Profile = "openpgp"
    plain_basis: str = Field(
        default="", description="why files may be handed over unsealed, for profile `plain-folder`: document and number"
    )
    release: Literal["at_once", "at_close", "by_operator"] = "at_close"
    acceptance: Acceptance = Acceptance()
    retention: Retention = Retention()
    reconcile: Reconcile | None = None
    targets: Targets = Targets()
    basis: Basis
    acknowledge: Signing = Field(default="automatic", description="who signs for another gateway's batch")
    confirm_days: int = Field(
        default=10, ge=1, description="until a delivered batch without signature is `unconfirmed`"
    )
    sensitivity: Literal["normal", "high"] = "normal"
    four_eyes: bool = False

    @property
    def file(self) -> str:
        """The agreement's own file, relative to the node's folder."""
        return f"config/agreements/{self.id}.toml"

    @property
    def by_province(self) -> bool:
        """Whether records are sorted by the two digits of a province alone."""
        return self.receivers == "routed" and self.routes == "province" and not self.otherwise

    @property
    def schema_versions(self) -> tuple[str, ...]:
        """Every version of the dataset's schema that is named here, each once."""
        return tuple(dict.fromkeys((self.schema_version, *self.versions.values())))

    def version_for(self, period: str) -> str:
        """The version of the dataset's schema in force for a period; where there is none (an event), the latest."""
        since = sorted(((Period.parse(first).end, version) for first, version in self.versions.items()), reverse=True)
        if not period:
            return since[0][1] if since else self.schema_version
        end = Period.parse(period).end
        return next((version for first, version in since if first <= end), self.schema_version)
