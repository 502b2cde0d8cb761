"""What the operator's page and the quarter table show: plain data, no personal data, no file names.

A party's short name and area code are an organisation's. Instants are aware; sizes are bytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from pydantic import TypeAdapter

State = Literal[
    "none",
    "owed",
    "sent",
    "nil",
    "corrected",
    "partly_refused",
    "refused",
    "held",
    "withdrawn",
    "late",
    "missing",
    "void",
]
Tone = Literal["plain", "good", "wait", "warn", "bad"]

# The sign says the same as the colour: for a grey print, and for those who do not see colours.
_MARKS: Mapping[State, tuple[Tone, str]] = {
    "none": ("plain", "–"),
    "owed": ("wait", "○"),
    "sent": ("good", "●"),
    "nil": ("good", "◇"),
    "corrected": ("good", "◆"),
    "partly_refused": ("warn", "◐"),
    "refused": ("bad", "✕"),
    "held": ("warn", "？"),
    "withdrawn": ("warn", "□"),
    "late": ("warn", "▲"),
    "missing": ("bad", "■"),
    "void": ("plain", "／"),
}
SIGNS: Mapping[State, str] = {state: sign for state, (_, sign) in _MARKS.items()}
TONES: Mapping[State, Tone] = {state: tone for state, (tone, _) in _MARKS.items()}

Blame = Literal["fault", "held", "deferred"]
# Why a parcel stands still, most urgent first.
BLAMES: Mapping[Blame, tuple[Tone, str]] = {
    "fault": ("bad", "■"),
    "held": ("warn", "？"),
    "deferred": ("wait", "○"),
}
# How far packages are on their way; a count of one stage includes the later ones.
STAGES = ("sealed", "released", "delivered", "acknowledged")

# A change against the period before by more than so many per cent is shown to be looked at.
FLAG = 30

_ARRIVED = frozenset({"sent", "nil", "corrected", "partly_refused", "late"})
_CALL = frozenset({"missing", "late", "refused", "held", "withdrawn"})


def beyond(records: int, previous: int) -> bool:
    """More than `FLAG` per cent apart; from or to nothing is always beyond."""
    return abs(records - previous) * 100 > FLAG * previous


@dataclass(frozen=True, slots=True)
class Dataset:
    """A column group: an agreement under which parties owe. `due` is the date most of them have."""

    agreement: str
    title: str
    due: date | None = None
    provisional: bool = False


@dataclass(frozen=True, slots=True)
class Submission:
    """What became of one obligation. `records` came in, `refused` of them were returned; `due` is its own date.

    `previous`: records of the period before, None where nothing is known of it. `reminded_at`: when the party was last
    reminded. `parts`: how many parts are here, and of how many, for a submission in parts; `collected`: how many of
    those that the party collects from have reported, and how many owe. `quality`: shares
    without fault per dimension, `below` those under their target, `fields` the same field by field; `differing`: cells
    of a statistical table that differ from the cases held, None where nothing was compared. `extended`: a person put
    the date off; `provisional`: it is computed again when the holidays are published; `corrected_in_time`: refused in
    time and mended within three working days, 按时（更正）.
    """

    state: State
    records: int = 0
    refused: int = 0
    received_at: datetime | None = None
    due: date | None = None
    previous: int | None = None
    reminded_at: datetime | None = None
    parts: tuple[int, int] | None = None
    quality: Mapping[str, float] = field(default_factory=dict)
    below: tuple[str, ...] = ()
    fields: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    differing: int | None = None
    extended: bool = False
    provisional: bool = False
    corrected_in_time: bool = False
    collected: tuple[int, int] | None = None

    @property
    def incomplete(self) -> bool:
        """Whether some parts are not here yet."""
        return any(some is not None and some[0] < some[1] for some in (self.parts, self.collected))

    @property
    def comparable(self) -> bool:
        """Whether its records can be compared with the period before: all of them have come in."""
        arrived = self.state in _ARRIVED and self.received_at is not None
        return arrived and self.previous is not None and not self.incomplete

    @property
    def flagged(self) -> bool:
        """Whether the records changed by more than `FLAG` per cent against the period before, or from or to none."""
        return self.comparable and beyond(self.records, self.previous or 0)

    @property
    def unsettled(self) -> bool:
        """Whether the party has to be called about it."""
        return self.state in _CALL or self.incomplete


@dataclass(frozen=True, slots=True)
class PartyRow:
    """One party of the quarter table; `submissions` maps an agreement's id to what became of it. `contact`: name and
    telephone of its first contact, shown where the party has to be called."""

    party: str
    code: str
    name: str
    submissions: Mapping[str, Submission] = field(default_factory=dict)
    contact: str = ""

    @property
    def unsettled(self) -> bool:
        return any(submission.unsettled for submission in self.submissions.values())


@dataclass(frozen=True, slots=True)
class StoppedParcel:
    """A parcel that stands still: by a fault of the node, waiting for something outside, or held for confirmation.

    `next_try` is missing when only a person can move it. `detail` fills the sentence of `code`.
    """

    parcel: str
    party: str
    title: str
    blame: Blame
    code: str
    since: datetime
    next_try: datetime | None = None
    detail: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReceiverRow:
    """Packages of the period for one receiver, by `STAGES`: sealed ≥ released ≥ delivered ≥ acknowledged. `open_since`:
    the oldest delivery that is not acknowledged; `release_owed`: what is sealed waits for an operator, not for a date;
    `unconfirmed`: batches that were not signed for in time."""

    party: str
    code: str
    name: str
    sealed: int = 0
    released: int = 0
    delivered: int = 0
    acknowledged: int = 0
    open_since: datetime | None = None
    release_owed: bool = False
    unconfirmed: int = 0


@dataclass(frozen=True, slots=True)
class ExpiringKey:
    """A key that expires soon or has expired. `name` is its owner's."""

    party: str
    name: str
    fingerprint: str
    expires_at: datetime

    def days_left(self, at: datetime) -> int:
        """Whole days until it expires, negative when it has."""
        return (self.expires_at - at).days


@dataclass(frozen=True, slots=True)
class Disk:
    """Bytes of the volume that holds the spool; intake waits when `free` falls under `minimum`."""

    free: int
    total: int
    minimum: int = 0


@dataclass(frozen=True, slots=True)
class LogHead:
    """The exchange log's last entry: `size` entries in all; empty before the first."""

    origin: str
    size: int = 0
    hash: str = ""
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class StatusView:
    """The state of a node at `at`. The drop folders are scanned every `scan_seconds`, and at once where a
    change is heard; `unheard`: the limit of the system for which some are not. A delivery that is open for more
    than `chase_days` asks for attention. `unanswered`: batches of other nodes that wait for a person here;
    `disbelieved`: statements of other nodes that were refused. `undistributed`: what this node itself should have
    distributed by now, by title."""

    node: str
    at: datetime
    period: str
    running: bool
    disk: Disk
    log: LogHead
    last_scan: datetime | None = None
    started_at: datetime | None = None
    scan_seconds: float = 2.0
    unheard: str = ""
    chase_days: int = 7
    rehearsal: bool = False
    datasets: tuple[Dataset, ...] = ()
    parties: tuple[PartyRow, ...] = ()
    stopped: tuple[StoppedParcel, ...] = ()
    receivers: tuple[ReceiverRow, ...] = ()
    keys: tuple[ExpiringKey, ...] = ()
    unanswered: int = 0
    disbelieved: int = 0
    undistributed: tuple[str, ...] = ()

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> StatusView:
        """The view of a JSON document, as the control socket gives it. `ValueError` names what does not fit."""
        return _adapter().validate_python(document)

    def to_json(self) -> dict[str, Any]:
        """A document of JSON values that `from_json` turns into an equal view."""
        document: dict[str, Any] = _adapter().dump_python(self, mode="json")
        return document


def _adapter() -> TypeAdapter[StatusView]:
    return TypeAdapter(StatusView)
