"""The process that reads tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from gateway.outcomes import Outcome
from gateway.parcels import ParcelId


@dataclass(frozen=True, slots=True)
class ExamineJob:
    """What the worker is told: paths in the spool and rules, no keys.

    `sender` is a two-digit province code, `as_of` an ISO date; both may be missing offline. `sender` is missing too
    where the author has no side of its own: the node above, whose area holds everybody's.
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
    """The digits that every code of the sender's own area begins with: two of a province, six of a county, nine of a
    township; empty: the two of `sender`, where there are any."""
    marks: Path | None = None
    """One line per record that the rules accept, in order: the part it goes to, or a code of three digits that refuses
    it. Made by what knows what no file can tell (`gateway.corridors.inquiries`)."""
    routes: tuple[str, ...] = ()
    """What the routing field has to begin with; empty: a province's two digits. `rest` among them: where everything
    else goes."""
    back: tuple[str, ...] = ()
    """Which of these parts lead back to the sender: their records are refused."""
    repeats: str = ""
    """A key (hex) for fingerprints of the records that travel; empty: none are made."""
    sums: tuple[str, ...] = ()
    """Of a statistical table: the fields by which, with which other side, and what is summed up."""
    whole_above: float = 1.0
    """The share of refused records above which the agreement refuses the file: its list then says to mend the file."""
    unended: bool = False
    """The file has no end, and its sender says that this is all of it: then its last record must be a good one."""
    author: str = ""
    """Whose file it is. A Data Package that names another in its own descriptor is refused (255, with the name it
    claims); empty: nobody asks."""


class Examiner(Protocol):
    """Checks and sorts one table in a process without keys."""

    def examine(self, parcel: ParcelId, job: ExamineJob) -> Outcome[Mapping[str, object]]:
        """The JSON of `records.Examination`. Refused for a table that cannot be read (226, 227, 301 to 315), lies in
        the wrong folder (502) or names another author (255); Deferred 702 (no space), 704 (the process died); Fault
        900, 901."""
        ...


class Parser(Protocol):
    """Reads what came from outside and is no table; what it says is flat and short."""

    def note(self, file: Path) -> Outcome[Mapping[str, object]]:
        """What a file beside another (`name.json`) says: short plain values by key. Refused 264 where it cannot be
        read; Deferred 704."""
        ...

    def listed(self, data: bytes) -> Outcome[Mapping[str, Any]]:
        """Of a distribution list that nobody vouched for: `packages` (id, size, digest), and `issuer` and `receiver`
        where it is one in full. Refused 247 where it is none at all; Deferred 704."""
        ...


class AnyWorker(Examiner, Parser, Protocol):
    """An examiner and parser with a life: what the daemon holds, started by itself or by the service manager."""

    @property
    def confinement(self) -> Mapping[str, Any]:
        """What holds the process: for the journal and the status page; empty before `start`."""
        ...

    @property
    def pid(self) -> int | None:
        """The child's, while it runs; None where it is no child of ours."""
        ...

    def start(self) -> None:
        """Start it where it is ours, and do nothing where it runs. Raises `RuntimeError` when it does not listen, and
        `OSError` when it, or the folder it shares with us, cannot be made."""
        ...

    def is_up(self) -> bool: ...

    def stop(self) -> None:
        """End it where it is ours."""
        ...
