"""Fetches what a partner laid out for this node on its SFTP server, once each, and removes nothing there.

A poll lists the partner's folder of every agreement it is collected under. A file is complete when a distribution list
names it with the size it has, or when two polls saw the same size and mtime. Packages go to the partner's drop folder
here, where the intake takes them; lists, forms, pages and signatures beside them are no submissions and go to the
partner's other folder (`接收`). The list goes last: who sees it finds everything on it.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, Literal, TypeAlias

import paramiko

from gateway.adapters.channels.folders import ExchangeRoot
from gateway.adapters.channels.room import Room
from gateway.adapters.channels.sftp import landing, offered, remote
from gateway.adapters.channels.sftp.breaker import Breaker
from gateway.adapters.channels.sftp.fetching import Fetch, Wanted, Wire
from gateway.adapters.channels.sftp.landing import Halt
from gateway.adapters.channels.sftp.looking import Errand, Look, Missing, Plan, Round, Sighting, Source
from gateway.adapters.channels.sftp.memory import Memory
from gateway.adapters.channels.sftp.session import NoSession, Supervisor, Unreachable, session
from gateway.outcomes import Deferred, Fault, Ok
from gateway.parcels import AgreementId

_AGAIN = 3600.0
"""Seconds until a file that differs from its list is fetched again."""

Polled: TypeAlias = Ok[Round] | Deferred | Fault


class Collector:
    """Collects from one partner. `round` does one poll; it may be called from any thread, one round runs at a time."""

    def __init__(
        self,
        plan: Plan,
        root: ExchangeRoot,
        memory: Memory,
        *,
        now: Callable[[], datetime],
        room: Room,
        breaker: Breaker | None = None,
    ) -> None:
        """`now` is for what is remembered; all waiting goes by the monotonic clock of the breaker."""
        self.party, self.seconds = plan.party, plan.seconds
        self._plan = plan
        self._root = root
        self._memory = memory
        self._now = now
        self._room = room
        self._breaker = breaker or Breaker()
        self._monotonic = self._breaker.monotonic
        self._looks: dict[AgreementId, Look] = {}
        self._put_off: dict[str, float] = {}
        self._stopping = threading.Event()
        self._supervisor: Supervisor | None = None
        self._code = ""
        self._last_round: datetime | None = None
        self._last_ok: datetime | None = None
        self._last = Round()
        self._total = Round()

    def stop(self) -> None:
        """End a round that is under way and let none begin. What was half fetched is resumed another time."""
        self._stopping.set()
        supervisor = self._supervisor
        if supervisor is not None:
            supervisor.abort()

    def close(self) -> None:
        """Close the memory, once no round is under way in any collector that shares it."""
        self._memory.close()

    def health(self) -> dict[str, Any]:
        """For the operator: the breaker, the last round's counts, what landed since the start. No names."""
        breaker = self._breaker
        return {
            "state": breaker.state,
            "failures": breaker.failures,
            "retry_in_seconds": round(breaker.seconds_left),
            "code": self._code,
            "last_round": self._last_round.isoformat() if self._last_round else None,
            "last_ok": self._last_ok.isoformat() if self._last_ok else None,
            **{key: count for key, count in asdict(self._last).items() if key not in ("files", "bytes")},
            "files": self._total.files,
            "bytes": self._total.bytes,
        }

    def round(self) -> Polled:
        """One poll. Ok with its counts; Deferred 701 with `reason` (`connect`, `handshake`, `login`, `stall`,
        `dropped`, `breaker`, `busy`, `stopped`), 702 (no room here), 705 (host key), 709 (our share is away), 712 (no
        algorithm in common); Fault 900 (our key or known_hosts)."""
        if self._stopping.is_set():
            return _later("stopped")
        wait = self._breaker.seconds_left
        if wait:
            return _later("breaker", wait)
        with self._alone() as alone:
            if not alone:
                return _later("busy")
            counts = Round()
            outcome = self._outcome(counts)
        self._account(outcome, counts)
        return outcome

    # -- one round ---------------------------------------------------------------------------------------------------

    def _outcome(self, counts: Round) -> Polled:
        supervisor = self._supervisor = Supervisor(self._plan.endpoint.stall_seconds)
        if self._stopping.is_set():  # told to stop before there was a connection to cut
            return _later("stopped")
        try:
            self._mend(counts)
            with session(self._plan.endpoint, supervisor) as (sftp, _):
                try:
                    for errand in self._plan.errands:
                        self._collect(sftp, errand, counts)
                except Wire:
                    if self._stopping.is_set():
                        return _later("stopped")
                    return _later("stall" if supervisor.stalled else "dropped")
        except Halt as halt:
            return halt.outcome
        except NoSession as error:
            stopped = isinstance(error, Unreachable) and self._stopping.is_set()
            return _later("stopped") if stopped else error.outcome
        finally:
            self._supervisor = None
        return Ok(counts)

    def _mend(self, counts: Round) -> None:
        for errand in self._plan.errands:
            counts.waiting += landing.mend(
                self._root, self._memory, self._place(errand), (errand.drop, errand.beside), self._now()
            )

    def _collect(self, sftp: paramiko.SFTPClient, errand: Errand, counts: Round) -> None:
        folders = (errand.drop, errand.beside)
        source = Source(
            sftp, self._memory, self._place(errand), self._remote(errand), self._progress, self._plan.listed
        )
        try:
            look = source.look(self._looks.get(errand.agreement), self._monotonic(), self._plan.settle_seconds, counts)
        except Missing:
            counts.missing += not errand.optional
            return
        self._looks[errand.agreement] = look
        if look.whole:
            landing.clear(self._root, self._memory, folders, {s.token for s in look.seen.values()})
        lists = source.read_lists(look)
        fetch = Fetch(sftp, self._progress, self._root, self._memory, self._now(), self._left)
        for name in sorted(look.seen, key=lambda n: (n in lists, not offered.is_package(n), n)):
            sighting = look.seen[name]
            vouched = source.vouched(name)
            match self._verdict(sighting, vouched, counts, complete=name in lists or name in look.still):
                case "take":
                    wanted = Wanted(
                        token=sighting.token,
                        place=source.place,
                        name=name,
                        remote=source.folder / name,
                        folder=errand.drop if offered.is_package(name) else errand.beside,
                        size=sighting.size,
                        mtime=sighting.mtime,
                        sha256=vouched.sha256 if vouched else "",
                    )
                    self._take(fetch, sftp, wanted, counts)
                case "known":  # whole here, and counted by `landing.mend`
                    pass
                case reason:
                    setattr(counts, reason, getattr(counts, reason) + 1)

    def _verdict(
        self, sighting: Sighting, vouched: offered.Expected | None, counts: Round, *, complete: bool
    ) -> Literal["take", "known", "too_large", "differing", "waiting", "left"]:
        known = self._memory.get(sighting.token)
        if known is not None and known.state == "landing":
            return "known"
        if sighting.size > self._room.max_file:
            return "too_large"
        put_off = self._put_off.get(sighting.token, 0.0) > self._monotonic()
        if put_off or (vouched is not None and vouched.size != sighting.size):
            return "differing"
        if vouched is None and not complete:
            return "waiting"
        full = counts.bytes and counts.bytes + sighting.size > self._plan.most_bytes
        return "left" if full or counts.files >= self._plan.most_files else "take"

    def _take(self, fetch: Fetch, sftp: paramiko.SFTPClient, wanted: Wanted, counts: Round) -> None:
        try:
            result = fetch.run(wanted)
        except Wire:
            if self._stopping.is_set() or not remote.is_answering(sftp):
                raise
            counts.denied += 1  # the server's answer to this one file; the others may do
            return
        if result == "landed":
            counts.files += 1
            counts.bytes += wanted.size
        elif result == "differing":
            counts.differing += 1
            self._put_off[wanted.token] = self._monotonic() + _AGAIN
        elif result != "again":
            counts.waiting += 1

    # -- small things ------------------------------------------------------------------------------------------------

    def _place(self, errand: Errand) -> str:
        return f"{self.party}/{errand.agreement}"

    def _remote(self, errand: Errand) -> PurePosixPath:
        return PurePosixPath(self._plan.endpoint.remote_folder) / errand.remote

    def _progress(self) -> None:
        if self._stopping.is_set():
            raise Halt(_later("stopped"))
        if self._supervisor is not None:
            self._supervisor.progress()

    def _left(self, folder: int) -> int:
        return self._room.free(Path(f"/proc/self/fd/{folder}")) - self._room.min_free

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        descriptor = os.open(self._memory.lock_of(self.party), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(descriptor)

    def _account(self, outcome: Polled, counts: Round) -> None:
        self._last_round = self._now()
        self._last = counts
        self._total.files += counts.files
        self._total.bytes += counts.bytes
        self._put_off = {token: until for token, until in self._put_off.items() if until > self._monotonic()}
        match outcome:
            case Ok():
                self._code, self._last_ok = "", self._last_round
                self._breaker.succeeded()
            case Deferred(code, detail):
                self._code = code
                if code in ("701", "705", "712") and detail.get("reason") != "stopped":
                    self._breaker.failed(at_once=code == "705")
            case Fault(code):
                self._code = code
                self._breaker.failed()


def _later(reason: str, retry_after: float = 60.0) -> Deferred:
    return Deferred("701", {"reason": reason}, retry_after)
