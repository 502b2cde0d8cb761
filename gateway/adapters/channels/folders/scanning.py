"""Looks at one drop folder and says what stands still: `scandir` and `stat`, no content is read.

A done marker `name.ok` makes `name` ready at once; otherwise (dev, inode, size, mtime_ns) must not change for the quiet
period, the sidecar's too. Size alone would be fooled by a preallocated file. Quiet is measured on the monotonic clock:
the wall clock may jump, and in a rehearsal it runs fast.
"""

from __future__ import annotations

import os
import stat
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from gateway.adapters.channels.folders import names
from gateway.adapters.storage.claims import Key, key_of
from gateway.parcels import ParcelId

NETWORK_SECONDS = 30.0
_COMPANIONS = (names.MARKER, names.SIDECAR)


@dataclass(frozen=True, slots=True)
class Quiet:
    """How long a file has to stand still before it is taken, in seconds of the monotonic clock. On a network
    share, whose clients write late, it is 30 at least."""

    seconds: float = 2.0
    network: bool = False
    monotonic: Callable[[], float] = time.monotonic

    @property
    def period(self) -> float:
        return max(self.seconds, NETWORK_SECONDS) if self.network else self.seconds


@dataclass(slots=True)
class Sighting:
    """Since when a file looks as it does: by the wall clock (the instant of receipt) and by the monotonic one."""

    key: Key
    first_seen: datetime
    since: float


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

    `left` counts what stays: `temporary`, `waiting` (not quiet yet), `subfolder`, `marker` and `sidecar` (alone).
    """

    ready: list[Ready] = field(default_factory=list)
    taken: dict[ParcelId, set[str]] = field(default_factory=dict)
    left: Counter[str] = field(default_factory=Counter)


class Observation:
    """What was seen of one drop folder so far, in memory: a restart begins a new quiet period."""

    def __init__(self, quiet: float) -> None:
        self._quiet = quiet
        self._sightings: dict[str, Sighting] = {}

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
                elif (key := self._key(entry, listing)) is not None:
                    known = seen.get(name)
                    if known is None or known.key != key:
                        known = Sighting(key, now, monotonic)
                    self._sightings[name] = known
        for name, sighting in self._sightings.items():
            self._judge(name, sighting, monotonic, listing)
        return listing

    @staticmethod
    def _pass_over(entry: os.DirEntry[str], listing: Listing) -> None:
        claimed = names.parse_taken(entry.name)
        if claimed and not entry.is_dir(follow_symlinks=False):
            listing.taken.setdefault(claimed[0], set()).add(claimed[1])
        else:
            listing.left["temporary"] += 1

    @staticmethod
    def _key(entry: os.DirEntry[str], listing: Listing) -> Key | None:
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:
            return None  # gone, or not to be seen: the next scan knows more
        if stat.S_ISDIR(status.st_mode):
            listing.left["subfolder"] += 1
            return None
        return key_of(status)

    def _judge(self, name: str, sighting: Sighting, monotonic: float, listing: Listing) -> None:
        if name.endswith(_COMPANIONS):
            ending, kind = (names.MARKER, "marker") if name.endswith(names.MARKER) else (names.SIDECAR, "sidecar")
            if name.removesuffix(ending) not in self._sightings:
                listing.left[kind] += 1
            return
        sidecar = self._sightings.get(name + names.SIDECAR)
        marker = name + names.MARKER in self._sightings
        since = sighting.since if sidecar is None else max(sighting.since, sidecar.since)
        if marker or monotonic - since >= self._quiet:
            listing.ready.append(Ready(name, sighting.key, sighting.first_seen, sidecar is not None, marker))
        else:
            listing.left["waiting"] += 1
