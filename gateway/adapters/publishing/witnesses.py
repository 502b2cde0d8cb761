"""Our witnesses: partners who cosign our checkpoints, over files, HTTP or SFTP.

Who our witnesses are, and how many are enough, is `keys/witnesses.policy` (C2SP tlog-policy). A cosigned checkpoint
comes back as a file in `state/cosigned/`, however it got there; it is kept in `archive/<size>` beside the log's
tiles. A witness that is away stops nothing; a history that contradicts ours stops everything, and both notes are kept.
"""

from __future__ import annotations

import http.client
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from time import time

from gateway import durable
from gateway.adapters.ledger import Ledger
from gateway.adapters.publishing import over_http
from gateway.adapters.publishing.over_sftp import Mailbox
from gateway.adapters.publishing.publisher import MODE, Contradiction, RolledBack
from gateway.adapters.publishing.witness import keep_evidence
from gateway.instants import rfc3339
from gateway.log import canonical, merkle
from gateway.log.note import BadNote, Checkpoint, Note, Signer, read_checkpoint
from gateway.log.quorum import Policy
from gateway.log.tiles import ARCHIVE, TileTree
from gateway.log.verification.signatures import TOLERANCE

POLICY, INCOMING = "witnesses.policy", "cosigned"
ALARM = timedelta(minutes=5)


class Witnesses:
    """Our witnesses: collects what they signed and knows when they are late."""

    clock: Callable[[], float] = staticmethod(time)
    """The host's, by which witnesses sign."""

    def __init__(
        self, ledger: Ledger, log: Path, state: Path, keys: Path, signers: Callable[[], Sequence[Signer]]
    ) -> None:
        self._ledger, self._log, self._state, self._signers = ledger, log, state, signers
        self._policy = keys / POLICY

    @property
    def policy(self) -> Policy:
        """As the file stands now; without one, no witness is asked for. Raises `BadPolicy`."""
        return Policy.parse(self._policy.read_text("utf-8")) if self._policy.exists() else Policy()

    def collect(self) -> bool:
        """Take in what lies in the incoming folder; True when something was new. Raises `RolledBack` and
        `Contradiction`."""
        folder = self._state / INCOMING
        found = False
        for path in sorted(folder.glob("*.note")) if folder.is_dir() else ():
            try:
                note, checkpoint = read_checkpoint(path.read_bytes())
            except (BadNote, OSError):
                durable.remove(path)
                continue
            found = self._take(note, checkpoint) or found
            durable.remove(path)
        return found

    def ask(self, mailboxes: Mapping[str, Mailbox] | None = None) -> list[str]:
        """Ask every witness that has an address, or a mailbox, for its cosignature over the newest checkpoint it has
        not seen; what lay in a mailbox is put into the incoming folder. Answers the names of those that were away or
        refused. Raises `RolledBack` and `Contradiction`."""
        policy = self.policy
        boxes = {name: box for name, box in (mailboxes or {}).items() if name in policy.witnesses}
        if not policy.urls and not boxes:
            return []
        with self._ledger.published() as tables:
            signed, seen = tables.signed(), tables.newest_cosignatures()
        if signed is None:
            return []
        note, checkpoint = read_checkpoint(signed.note)
        tree = TileTree(self._log, checkpoint.size)
        silent = []
        for name, url in policy.urls.items():
            old = seen.get(name, (0, 0))[0]
            if old == checkpoint.size:
                continue
            try:
                cosigned = over_http.ask(
                    url, note, lambda size: merkle.consistency(tree.node, size, checkpoint.size), old
                )
            except (OSError, BadNote, ValueError, http.client.HTTPException):
                silent.append(name)
                continue
            self._take(cosigned, checkpoint)
        for name, box in boxes.items():
            old = seen.get(name, (0, 0))[0]
            if old == checkpoint.size:
                continue
            try:
                box.ask(
                    note,
                    lambda size: merkle.consistency(tree.node, size, checkpoint.size),
                    old,
                    self._state / INCOMING / f"{name}.note",
                )
            except (OSError, BadNote, ValueError):
                silent.append(name)
        return silent

    def newest(self) -> int:
        """The largest tree that enough witnesses cosigned; 0 without one."""
        with self._ledger.published() as tables:
            sizes = {name: size for name, (size, _) in tables.newest_cosignatures().items()}
        for size in sorted(set(sizes.values()), reverse=True):
            if self.policy.met({name for name, seen in sizes.items() if seen >= size}):
                return size
        return 0

    def missing(self, now: datetime) -> str:
        """Since when entries wait for witnesses, if that is longer than five minutes; else empty."""
        if self.policy.quorum == "none":
            return ""
        newest = self.newest()
        with self._ledger.published() as tables:
            signed = tables.signed()
            if signed is None or signed.size <= newest:
                return ""
            since = str(canonical.loads(next(tables.bodies(newest, newest + 1)))["logged_at"])
        return since if since < rfc3339(now - ALARM) else ""

    def _take(self, note: Note, checkpoint: Checkpoint) -> bool:
        keys = [signer.verifier for signer in self._signers()]
        if not any(note.signed_by(key) for key in keys):
            return False
        with self._ledger.published() as tables:
            last, row = tables.signed(), tables.signed(checkpoint.size)
        if row is None or Note.parse(row.note).text != note.text:
            keep_evidence(self._state, [note] + ([Note.parse(row.note)] if row else []))
            raise RolledBack if last is None or checkpoint.size > last.size else Contradiction
        new = False
        with self._ledger.publishing() as tables:
            for name, key in self.policy.witnesses.items():
                cosigned = note.cosigned_at(key)
                # One of the future would be held against the log for ever; the witness is asked again.
                if cosigned is not None and cosigned <= self.clock() + TOLERANCE:
                    line = next(s.line() for s in note.signatures if (s.name, s.id) == (key.name, key.id))
                    new = tables.add_cosignature(checkpoint.size, name, cosigned, line) or new
            lines = tables.cosignatures(checkpoint.size)
        if new:
            write_archive(self._log, checkpoint.size, row.note, lines)
        return new


def write_archive(log: Path, size: int, note: bytes, lines: Sequence[str] = ()) -> Path:
    """Keep a signed checkpoint, with its cosignature lines, beside the tiles. Answers its path."""
    durable.make_folder(log / ARCHIVE, 0o750)
    target = log / ARCHIVE / str(size)
    durable.write_bytes(target, note + "".join(lines).encode(), MODE)
    return target
