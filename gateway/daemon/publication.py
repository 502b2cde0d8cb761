"""The log's publication as the daemon runs it: a round every second, proofs, witnesses, an alarm when they fail.

What must not go on stops the daemon: a disk that failed in the middle of a publication, a database that is older than
what was signed. A witness that is away stops nothing.
"""

from __future__ import annotations

import hashlib
import http.client
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway import wiring
from gateway.adapters.publishing import (
    POLICY,
    Contradiction,
    LogKeys,
    Mailbox,
    NoKey,
    NoSpace,
    PublicationFailed,
    Publisher,
    RolledBack,
    Witnesses,
    evidence,
    stamping,
)
from gateway.corridors.telling import proofs
from gateway.instants import rfc3339
from gateway.lifecycle import Event
from gateway.log import Entry
from gateway.log.quorum import BadPolicy
from gateway.log.timestamps import Authorities
from gateway.node import ACTOR, Node

SECONDS = 1.0
PROOF_ROUNDS = 2
ASK_SECONDS = 10.0
STAMP_SECONDS = 30.0
JUMP = 60
_SAID: dict[type[Exception], str] = {
    RolledBack: "交换日志：数据库比已签发的检查点旧（恢复了旧备份？），拒绝签名。请恢复最新的数据库，见“恢复备份”。"
    " / Exchange log: the database is older than what was signed; nothing is signed. Restore the newest database.",
    Contradiction: "交换日志：数据库与已签发的检查点矛盾，拒绝签名。请保留现场并联系审计人员。"
    " / Exchange log: the database contradicts what was signed; nothing is signed. Keep everything for the auditor.",
    NoKey: "交换日志：签名密钥缺失或无法读取（private/log.key），而日志已签发过检查点。请恢复密钥。"
    " / Exchange log: its key is missing, and it has signed before. Restore private/log.key.",
    PublicationFailed: "交换日志：写盘失败，进程必须重启。请检查磁盘。"
    " / Exchange log: the disk failed; the process has to start anew. Check the disk.",
}


class NotToBeSigned(Exception):
    """Nothing of the log may be signed; its message says why, for people."""


class Publication:
    """Owns the publisher. `failure` is empty until something stopped the daemon."""

    def __init__(self, node: Node, stop: Callable[[], None]) -> None:
        facts = node.facts.current()
        settings = facts.node
        self._node, self._stop = node, stop
        self.folder: Path = facts.path(settings.log)
        self._keys = LogKeys(facts.path(settings.private), settings.name)
        self._publisher = Publisher(node.ledger, self.folder, settings.name, self._keys.signers)
        self._witnesses = Witnesses(
            node.ledger, self.folder, facts.path(settings.state), facts.keys, self._keys.signers
        )
        self._lock = threading.Lock()
        self._round = 0
        self._alarmed = ""
        self._before: tuple[datetime, float] | None = None
        self._evidence: set[str] = set()
        self._stamped: tuple[float, int] | None = None
        self._mailboxes: tuple[str, dict[str, Mailbox]] = ("", {})
        self._silent: list[str] = []
        self.failure = ""

    def start(self) -> None:
        """Make the key of a new log; publish what was signed before. Raises `NotToBeSigned`."""
        try:
            with self._node.ledger.published() as tables:
                fresh = tables.signed() is None
            if fresh and not self._keys.exists():
                self._keys.generate()
            self._keys.signers()
            _ = self._witnesses.policy
            self._publisher.recover()
        except BadPolicy as error:
            raise NotToBeSigned(f"keys/{POLICY}: {error}") from error
        except OSError as error:
            self._node.log.error("log_refused", error=type(error).__name__, errno=error.errno)
            raise NotToBeSigned(_SAID[PublicationFailed]) from error
        except (RolledBack, Contradiction, NoKey) as error:
            self._node.log.error("log_refused", error=type(error).__name__)
            raise NotToBeSigned(_SAID[type(error)]) from error

    def round(self, node: Node) -> None:
        """One round; the scheduler's job. What may not go on is told, and the daemon stops."""
        if self.failure:
            return
        with self._lock:
            now = node.clock.now()
            try:
                self._watch_clock(node, now)
                self._two_histories(node, now)
                new = self._publisher.publish(now)
                changed = self._witnesses.collect()
                if new is not None or changed or self._round % PROOF_ROUNDS == 0:
                    self._beside(node, now)
            except NoSpace:
                node.log.warning("log_waits", reason="no space")
            except (RolledBack, Contradiction, NoKey, PublicationFailed) as error:
                node.log.error("log_refused", error=type(error).__name__)
                self.failure = _SAID[type(error)]
                self._two_histories(node, now)
                self._stop()
            self._round += 1

    @contextmanager
    def still(self) -> Iterator[None]:
        """Nothing is published meanwhile: what lies in the log's folder fits together."""
        with self._lock:
            yield

    def ask(self, node: Node) -> None:
        """Ask the witnesses that have an address or a mailbox; the scheduler's job, beside the rounds, since it waits
        for others."""
        if self.failure:
            return
        try:
            facts = node.facts.current()
            if self._mailboxes[0] != facts.digest:
                self._mailboxes = (facts.digest, wiring.mailboxes(facts))
            silent = self._witnesses.ask(self._mailboxes[1])
            if silent != self._silent:
                node.log.warning("witnesses_silent", witnesses=silent)
            self._silent = silent
        except (RolledBack, Contradiction) as error:
            node.log.error("log_refused", error=type(error).__name__)
            self.failure = _SAID[type(error)]
            self._two_histories(node, node.clock.now())
            self._stop()

    def stamp(self, node: Node) -> None:
        """A token for the newest checkpoint, when one is due; the scheduler's job. An authority that is away, or
        answers with something else, is told and asked again at the next look."""
        facts = node.facts.current()
        wanted, passed = facts.node.timestamps, time.monotonic()
        if wanted is None or self.failure or (self._stamped and passed - self._stamped[0] < wanted.minutes * 60):
            return
        try:
            authorities = Authorities.load((facts.keys / wanted.certificate).read_bytes())
            size, _ = stamping.stamp(node.ledger, self.folder, wanted.url, authorities)
        except LookupError:
            return
        except (OSError, ValueError, http.client.HTTPException) as error:
            node.log.warning("timestamp_waits", error=type(error).__name__)
            return
        self._stamped = (passed, size)

    def _two_histories(self, node: Node, now: datetime) -> None:
        """Evidence of two histories, ours or of a log we witness, kept by anybody, is an entry: once, by its digest.
        Should ours be what is doubted, the entry waits in the ledger until somebody has looked."""
        for path in evidence(node.spool.state):
            if path.name in self._evidence:
                continue
            entry = Entry(
                id=f"log/{Event.SPLIT}/{path.stem}",
                event=Event.SPLIT,
                time=now,
                actor=ACTOR,
                facts=node.facts.current().digest,
                digests={"evidence": hashlib.sha256(path.read_bytes()).hexdigest()},
            )
            with node.ledger.transaction(now) as tx:
                if tx.entries.get(entry.id) is None:
                    node.log.error("split_view_seen", evidence=path.name)
                    tx.log(entry)
            self._evidence.add(path.name)

    def _watch_clock(self, node: Node, now: datetime) -> None:
        """A host's clock that jumps, either way, is an entry: `seconds` it went ahead of what had passed. A rehearsal's
        clock runs as fast as it was told to."""
        passed = time.monotonic()
        before, self._before = self._before, (now, passed)
        if before is None or node.facts.current().node.rehearsal is not None:
            return
        jump = int((now - before[0]).total_seconds() - (passed - before[1]))
        if abs(jump) >= JUMP:
            node.log.warning("clock_jumped", seconds=jump)
            self._entry(node, Event.CLOCK, now, {"seconds": jump})

    def _entry(self, node: Node, event: Event, now: datetime, counts: dict[str, int]) -> None:
        with node.ledger.transaction(now) as tx:
            tx.log(
                Entry(
                    id=f"log/{event}/{rfc3339(now)}",
                    event=event,
                    time=now,
                    actor=ACTOR,
                    facts=node.facts.current().digest,
                    counts=counts,
                )
            )

    def state(self) -> dict[str, Any]:
        """For the health page: what is published, how far witnesses are, what is wrong."""
        published = self._publisher.published
        try:
            witnessed, alarm = self._witnesses.newest(), self._alarmed
        except BadPolicy as error:
            witnessed, alarm = 0, f"keys/{POLICY}: {error}"
        return {
            "size": published.size if published else 0,
            "witnessed": witnessed,
            "stamped": self._stamped[1] if self._stamped else 0,
            "alarm": alarm,
            "failure": self.failure,
        }

    def _beside(self, node: Node, now: datetime) -> None:
        if self._publisher.published is not None:
            proofs.write(node, self.folder)
        missing = self._witnesses.missing(now)
        if missing and not self._alarmed:
            node.log.warning("witnesses_missing", since=missing)
            self._entry(node, Event.UNWITNESSED, now, {})
        self._alarmed = missing
