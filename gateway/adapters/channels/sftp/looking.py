"""What lies in a partner's folder: what is new, and of that what is complete."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import paramiko

from gateway.adapters.channels.sftp import listing, offered, remote
from gateway.adapters.channels.sftp.fetching import Wire, wire
from gateway.adapters.channels.sftp.memory import Memory
from gateway.adapters.channels.sftp.offered import ReadList
from gateway.adapters.channels.sftp.session import Endpoint
from gateway.adapters.worker import Aside
from gateway.outcomes import Ok
from gateway.parcels import AgreementId, PartyId

_MOST = 100_000
"""Files not fetched yet that are held at a time; what is over is seen once these have landed."""


@dataclass(frozen=True, slots=True)
class Errand:
    """What is collected under one agreement. `remote` is relative to the endpoint's folder; `drop` (packages) and
    `beside` (everything else) to this node's exchange root. `optional`: the folder is made when there is something."""

    agreement: AgreementId
    remote: str
    drop: str
    beside: str
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What is collected from one partner, where, and how much at a time. `seconds` lie between two polls,
    `settle_seconds` at least between two that saw the same; `most_bytes` and `most_files` are for one round."""

    party: PartyId
    endpoint: Endpoint
    errands: Sequence[Errand]
    seconds: float = 60.0
    settle_seconds: float = 2.0
    most_bytes: int = 8192 << 20
    most_files: int = 2000
    listed: ReadList = field(default_factory=lambda: Aside().listed)
    """What a list names, read in the worker; by default in a process of its own."""


@dataclass
class Round:
    """Counts of one round. `files` and `bytes` landed; `waiting`: not known to be complete, or their name is still
    taken here; `left`: over the most of a round; `differing`: not what their list says; `denied`: not to be read;
    `too_large`; `passed_over`: names we never take; `missing`: folders that are not there."""

    files: int = 0
    bytes: int = 0
    waiting: int = 0
    left: int = 0
    differing: int = 0
    denied: int = 0
    too_large: int = 0
    passed_over: int = 0
    missing: int = 0


@dataclass(frozen=True, slots=True)
class Sighting:
    """A file that has not landed, and since when (monotonic, seconds) it looks like this. `mtime` in whole seconds."""

    token: str
    size: int
    mtime: int
    since: float


@dataclass
class Look:
    """A folder as it was listed: names to sightings; `still`, those seen alike before; `whole`, nothing left out."""

    seen: dict[str, Sighting] = field(default_factory=dict)
    still: set[str] = field(default_factory=set)
    whole: bool = True


class Missing(Exception):
    """The folder is not there (yet)."""


class Source:
    """A partner's folder over an open connection. `place` is how the memory calls it."""

    def __init__(
        self,
        sftp: paramiko.SFTPClient,
        memory: Memory,
        place: str,
        folder: PurePosixPath,
        progress: Callable[[], None],
        listed: ReadList,
    ) -> None:
        self.place = place
        self.folder = folder
        self._sftp = sftp
        self._memory = memory
        self._progress = progress
        self._listed = listed

    def look(self, before: Look | None, now: float, settle_seconds: float, counts: Round) -> Look:
        """What is there and has not landed. Raises `Missing`, `Wire`."""
        earlier = before.seen if before is not None else {}
        look = Look()
        try:
            with wire():
                for entry in listing.entries(self._sftp, str(self.folder), self._progress):
                    if not remote.is_regular(entry.attributes) or entry.size < 0:
                        continue
                    if entry.name is None or not offered.is_takeable(entry.name):
                        counts.passed_over += 1
                        continue
                    token = self._memory.token(self.place, entry.name, entry.size, entry.mtime)
                    known = self._memory.get(token)
                    if known is not None and known.state == "landed":
                        continue
                    if len(look.seen) >= _MOST:
                        look.whole = False
                        continue
                    seen = earlier.get(entry.name)
                    if seen is None or seen.token != token:
                        seen = Sighting(token, entry.size, entry.mtime, now)
                    elif now - seen.since >= settle_seconds:
                        look.still.add(entry.name)
                    look.seen[entry.name] = seen
        except Wire as trouble:
            if isinstance(trouble.__cause__, FileNotFoundError):
                raise Missing from None
            raise
        return look

    def read_lists(self, look: Look) -> set[str]:
        """Take over what distribution lists say that have not landed yet; their names. A list that can be read to its
        end is whole: it may land without a second poll. Raises `Wire`."""
        found = set[str]()
        for name, sighting in look.seen.items():
            if not offered.is_list(name) or sighting.size > offered.LIST_LIMIT:
                continue
            try:
                with wire():
                    data = b"".join(remote.blocks(self._sftp, str(self.folder / name), 0, sighting.size))
            except Wire:
                if not remote.is_answering(self._sftp):
                    raise
                continue
            self._progress()
            named = self._listed(data)
            if isinstance(named, Ok):
                self._memory.expect(self.place, offered.expected(named.value["packages"]))
                found.add(name)
        return found

    def vouched(self, name: str) -> offered.Expected | None:
        """What a list says of this file; None when it is no package or no list names it."""
        package = offered.package_id(name)
        return self._memory.expected(self.place, package) if package else None
