"""Looks at one drop folder and says what is complete.

A file is complete when nobody writes it any more, which the kernel knows where the folder is on a disk of this machine
(`writers`), and when it ends as its format says (`wholeness`). Before that is asked, (dev, inode, size, mtime_ns) must
not change for the quiet period, the sidecar's too; where nobody can tell who writes, for much longer. A file that has
no end waits longer still, for its upload to go on; then it is taken as it is, and the intake refuses it.

A done marker `name.ok` is its sender's word that `name` is complete: it need not stand still, nor have an end. Quiet is
measured on the monotonic clock: the wall clock may jump, and in a rehearsal it runs fast.
"""

from __future__ import annotations

import os
import stat
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gateway import wholeness
from gateway.adapters.channels.folders import names
from gateway.adapters.channels.writers import Writers, Writing
from gateway.adapters.storage.claims import Key, key_of
from gateway.parcels import ParcelId
from gateway.policy.periods import WITHOUT_RECORDS, kind_from_name

NETWORK_SECONDS = 30.0
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_COMPANIONS = (names.MARKER, names.SIDECAR)


@dataclass(frozen=True, slots=True)
class Quiet:
    """How long a file has to stand still before it is taken, in seconds of the monotonic clock: `seconds`, but 30 at
    least on a network share, whose clients write late, and wherever it cannot be told who still writes; one without
    its end `unfinished`. `writers` tells who writes."""

    seconds: float = 2.0
    network: bool = False
    monotonic: Callable[[], float] = time.monotonic
    unfinished: float = 0.0
    writers: Writers = field(default_factory=Writers)

    @property
    def period(self) -> float:
        return max(self.seconds, NETWORK_SECONDS) if self.network else self.seconds


@dataclass(slots=True)
class Sighting:
    """Since when a file looks as it does: by the wall clock (the instant of receipt) and by the monotonic one. `whole`:
    whether it ends as its format says; None while nobody has looked, and for what is no regular file."""

    key: Key
    first_seen: datetime
    since: float
    regular: bool = True
    whole: bool | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """A file that may be taken now."""

    name: str
    key: Key
    first_seen: datetime
    sidecar: bool
    marker: bool


@dataclass(frozen=True, slots=True)
class Listing:
    """One look. `taken` maps parcels claimed earlier to the endings found (empty, `.json`, `.ok`).

    `left` counts what stays: `temporary`, `waiting` (not quiet yet), `writing` (somebody has it open for writing),
    `unfinished` (it has no end yet), `unseen` (who writes it cannot be told: waits longer), `subfolder`, `marker` and
    `sidecar` (alone).
    """

    ready: list[Ready] = field(default_factory=list)
    taken: dict[ParcelId, set[str]] = field(default_factory=dict)
    left: Counter[str] = field(default_factory=Counter)


class Observation:
    """What was seen of one drop folder so far, in memory: a restart begins a new quiet period. `before`: by name, what
    waited for its turn when an earlier run ended, and since when; as long as it is the same it was there since."""

    def __init__(self, quiet: Quiet, before: Mapping[str, tuple[Key, datetime]] | None = None) -> None:
        self._quiet = quiet
        self._sightings: dict[str, Sighting] = {}
        self._before = dict(before or {})

    def forget(self) -> None:
        """The folder was gone: what comes back has to stand still again."""
        self._sightings.clear()

    def wait_again(self, name: str, monotonic: float) -> None:
        """A file that could not be renamed (held open on a share) waits another quiet period; its receipt stands."""
        if name in self._sightings:
            self._sightings[name].since = monotonic

    def look(self, folder: int, now: datetime, monotonic: float) -> Listing:
        """Scan the open folder once. `now` is aware; `monotonic` in seconds."""
        listing, seen = Listing(), self._sightings
        self._sightings = {}
        with os.scandir(folder) as entries:
            for entry in entries:
                name = entry.name
                if names.never_taken(name):
                    self._pass_over(entry, listing)
                elif (status := self._status(entry, listing)) is not None:
                    known, key = seen.get(name), key_of(status)
                    if known is None or known.key != key:
                        known = Sighting(key, self._since_when(name, key, now), monotonic, stat.S_ISREG(status.st_mode))
                    self._sightings[name] = known
        still = [name for name in self._sightings if self._is_still(name, monotonic, listing)]
        self._judge(folder, still, monotonic, listing)
        return listing

    def _since_when(self, name: str, key: Key, now: datetime) -> datetime:
        was, since = self._before.pop(name, (key, now))
        return min(since, now) if was == key else now

    @staticmethod
    def _pass_over(entry: os.DirEntry[str], listing: Listing) -> None:
        claimed = names.parse_taken(entry.name)
        if claimed and not entry.is_dir(follow_symlinks=False):
            listing.taken.setdefault(claimed[0], set()).add(claimed[1])
        else:
            listing.left["temporary"] += 1

    @staticmethod
    def _status(entry: os.DirEntry[str], listing: Listing) -> os.stat_result | None:
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:
            return None  # gone, or not to be seen: the next scan knows more
        if stat.S_ISDIR(status.st_mode):
            listing.left["subfolder"] += 1
            return None
        return status

    def _is_still(self, name: str, monotonic: float, listing: Listing) -> bool:
        """Whether it stood still for the quiet period, or its sender says that it is complete."""
        if name.endswith(_COMPANIONS):
            ending, kind = (names.MARKER, "marker") if name.endswith(names.MARKER) else (names.SIDECAR, "sidecar")
            if name.removesuffix(ending) not in self._sightings:
                listing.left[kind] += 1
            return False
        if self._marked(name) or monotonic - self._since(name) >= self._quiet.period:
            return True
        listing.left["waiting"] += 1
        return False

    def _judge(self, folder: int, still: list[str], monotonic: float, listing: Listing) -> None:
        """Which of those that stand still are complete."""
        regular = [name for name in still if self._sightings[name].regular]
        beside = [name + names.SIDECAR for name in regular if name + names.SIDECAR in self._sightings]
        writing = self._quiet.writers.of(folder, [*regular, *beside])
        for name in still:
            sighting, sidecar = self._sightings[name], name + names.SIDECAR
            reason = self._reason(folder, name, {writing.get(name), writing.get(sidecar)}, monotonic)
            if reason:
                listing.left[reason] += 1
            else:
                there = sidecar in self._sightings
                ready = Ready(name, sighting.key, sighting.first_seen, there, self._marked(name))
                listing.ready.append(ready)

    def _reason(self, folder: int, name: str, writing: set[Writing | None], monotonic: float) -> str:
        """Why a file that stands still is not taken yet; empty where it is."""
        sighting, stood = self._sightings[name], monotonic - self._since(name)
        if Writing.YES in writing:
            return "writing"
        if self._marked(name) or not sighting.regular:
            return ""
        if Writing.UNKNOWN in writing and stood < NETWORK_SECONDS:
            return "unseen"
        if stood < self._quiet.unfinished:
            if sighting.whole is None:
                sighting.whole = _whole(folder, name, sighting.key[2])
            if not sighting.whole:
                return "unfinished"
        return ""

    def _marked(self, name: str) -> bool:
        return name + names.MARKER in self._sightings

    def _since(self, name: str) -> float:
        sidecar = self._sightings.get(name + names.SIDECAR)
        since = self._sightings[name].since
        return since if sidecar is None else max(since, sidecar.since)


def _whole(folder: int, name: str, size: int) -> bool:
    """Whether it has its end. What is declared nil or withdraws says so by its name; what cannot be read is for the
    intake to say."""
    if kind_from_name(name).kind in WITHOUT_RECORDS:
        return True
    try:
        descriptor = os.open(name, _READ, dir_fd=folder)
        try:
            return wholeness.is_whole(lambda offset, length: os.pread(descriptor, length, offset), size, name)
        finally:
            os.close(descriptor)
    except OSError:
        return True
