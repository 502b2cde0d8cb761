"""What the stages and workflows ask of the outside. Real adapters are in `gateway.adapters`; every adapter passes the
suite in `tests/ports` that its fake passes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from gateway.outcomes import Outcome, Refused
from gateway.parcels import AgreementId, Claim, ParcelId, PartyId

if TYPE_CHECKING:
    from gateway.packages import Descriptor


class Clock(Protocol):
    """Time is asked once per step and passed on. `now` is aware, in Asia/Shanghai."""

    def now(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class Copied:
    """A file that was copied into the spool and did not change meanwhile. `name` is personal data: it may be shown
    to its sender and is kept nowhere but in the spool."""

    size: int
    sha256: str
    name: str
    path: Path


class Inbox(Protocol):
    """The drop folders. Only the scan decides; an event merely wakes it."""

    def scan(self, now: datetime, *, taking: bool = True) -> Sequence[Claim]:
        """Claim every file that stood still for its quiet period, by renaming it to `.taken-<parcel>`. Claims of an
        earlier run that were never finished come back again."""
        ...

    def copy(self, parcel: ParcelId) -> Outcome[Copied]:
        """Copy a claimed file into the spool and hash it; adopt the copy that is there. Refused 205 (not a regular
        file), 206 (name), 216 (too large); Deferred 702 (no space), 703 (changed while it was read)."""
        ...

    def finish(self, parcel: ParcelId) -> None:
        """Remove the claimed file from the drop folder: its copy is committed. Idempotent."""
        ...


class Courier(Protocol):
    """A channel to one party. Delivering again what is there, whole, is no second delivery."""

    def deliver(self, receiver: PartyId, folder: str, files: Mapping[str, tuple[Path, str]]) -> Outcome[None]:
        """Put files (final name -> local path, SHA-256) into the receiver's `folder` under a temporary name, check size
        and digest, rename. Deferred 701 when the endpoint is down, 705 when its host key is not the pinned one."""
        ...


class Sealer(Protocol):
    """Signs as this node and encrypts to exactly one recipient."""

    def seal(self, members: Sequence[tuple[str, Path | bytes]], recipient: str, target: Path) -> Outcome[None]:
        """tar → zstd → sign + encrypt into `target` (0600, synced, renamed). `recipient` is a pinned fingerprint,
        whose form names the profile. Deferred 706 (agent), 707 (key expired, revoked, missing); Fault 902."""
        ...

    def sign(self, data: bytes, profile: str = "openpgp") -> Outcome[bytes]:
        """A detached signature of this node, in the profile of the partner's packages."""
        ...


class Received(Protocol):
    """A package that was opened and proved whole."""

    @property
    def descriptor(self) -> Descriptor: ...


class Opener(Protocol):
    """Opens what partners seal for this node, by the partner's pinned fingerprints: two in an overlap."""

    def open(
        self, sealed: Path, into: Path, *fingerprints: str, accept: Callable[[Descriptor], Refused | None]
    ) -> Outcome[Received]:
        """Open into the folder `into`, which holds nothing unless everything was judged. Refused 210-216, or what
        `accept` refuses by the descriptor; Deferred 702, 706, 707."""
        ...


class Verifier(Protocol):
    """Judges what a partner signed, by the partner's pinned fingerprints: two in an overlap."""

    def verify(self, data: bytes, signature: bytes, *fingerprints: str) -> Outcome[None]:
        """Refused 210 (not valid), 211 (another signer)."""
        ...


@dataclass(frozen=True, slots=True)
class ExamineJob:
    """What the worker is told: paths in the spool and rules, no keys.

    `sender` is a two-digit province code, `as_of` an ISO date; both may be missing offline.
    """

    source: Path
    out: Path
    schemas: Path
    dataset: str
    version: str
    route_by: str | None
    sender: str | None
    as_of: str | None
    nil: bool = False
    ignorable: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    language: str = "zh"
    max_errors_listed: int = 10_000
    area: str = ""
    """The digits that every code of the sender's own area begins with."""
    marks: Path | None = None
    """One line per record that the rules accept, in order: the part it goes to, or a code of three digits that refuses
    it. Made by whoever knows what no file can tell (`gateway.corridors.inquiries`)."""
    routes: tuple[str, ...] = ()
    """What the routing field has to begin with; empty: a province's two digits."""
    repeats: str = ""
    """A key (hex) for fingerprints of the records that travel; empty: none are made."""
    sums: tuple[str, ...] = ()
    """Of a statistical table: the fields by which, with which other side, and what is summed up."""
    whole_above: float = 1.0
    """The share of refused records above which the agreement refuses the file: its list then says to mend the file."""


class Examiner(Protocol):
    """Checks and sorts one table in a process without keys. The result is the JSON of `records.Examination`."""

    def examine(self, parcel: ParcelId, job: ExamineJob) -> Outcome[Mapping[str, object]]:
        """Deferred 704 when the process died; Refused 3xx for a table that cannot be read."""
        ...


@dataclass(frozen=True, slots=True)
class Message:
    """A notice as it is sent. `id` is the same whenever it holds the same matters; `at` is an RFC 3339 instant;
    `events` is what programs read. No personal data but the addresses in `to`, which are the contact's own."""

    id: str
    at: str
    to: Sequence[str]
    language: str
    subject: str
    text: str
    events: Sequence[Mapping[str, object]]


class Notices(Protocol):
    """One way of telling somebody something outside the folders."""

    def send(self, message: Message) -> Outcome[None]:
        """Deferred 701 when it did not get through."""
        ...


class Wake(Protocol):
    """Tells the daemon that there may be work: `folder` is where an event was seen."""

    def __call__(self, folder: Path) -> None: ...


Address = tuple[PartyId, AgreementId]
