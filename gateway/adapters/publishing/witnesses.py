"""Witnesses, both sides of it, over files: partners cosign our checkpoints, and we cosign theirs.

Who our witnesses are, and how many are enough, is `keys/witnesses.policy` (C2SP tlog-policy). A cosigned checkpoint
comes back as a file in `state/cosigned/`, whoever carried it there; it is kept in `archive/<size>` beside the log's
tiles. A witness that is away stops nothing; a history that contradicts ours stops everything, and both notes are kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from gateway import durable
from gateway.adapters.ledger import Ledger
from gateway.adapters.publishing.publisher import MODE, Contradiction, RolledBack
from gateway.log import canonical, merkle, rfc3339
from gateway.log.note import BadNote, Checkpoint, Note, Signature, Signer, VerifierKey, read_checkpoint
from gateway.log.quorum import Policy
from gateway.log.tiles import ARCHIVE, TileTree

POLICY, INCOMING, EVIDENCE, SEEN = "witnesses.policy", "cosigned", "evidence", "witness"
ALARM = timedelta(minutes=5)


class Witnesses:
    """Our witnesses: collects what they signed and knows when they are late."""

    def __init__(
        self, ledger: Ledger, log: Path, state: Path, keys: Path, signers: Callable[[], Sequence[Signer]]
    ) -> None:
        self._ledger, self._log, self._state, self._signers = ledger, log, state, signers
        path = keys / POLICY
        self.policy = Policy.parse(path.read_text("utf-8")) if path.exists() else Policy()

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
                time = note.cosigned_at(key)
                if time is not None:
                    line = next(s.line() for s in note.signatures if (s.name, s.id) == (key.name, key.id))
                    new = tables.add_cosignature(checkpoint.size, name, time, line) or new
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


def keep_evidence(state: Path, notes: Sequence[Note]) -> Path:
    """Keep notes that contradict each other, signed by the same key: nobody can explain them away."""
    data = b"".join(note.to_bytes() + b"\n" for note in notes)
    folder = state / EVIDENCE
    durable.make_folder(folder)
    target = folder / f"{hashlib.sha256(data).hexdigest()[:16]}.notes"
    durable.write_bytes(target, data)
    return target


class Behind(Exception):
    """The checkpoint is older than one this witness cosigned: nothing is signed, nothing is wrong."""


class TwoHistories(Exception):
    """Two signed checkpoints of one log cannot both be true. `evidence` is where they are kept."""

    def __init__(self, evidence: Path) -> None:
        super().__init__("two histories")
        self.evidence = evidence


class Witness:
    """We as a witness of others' logs. It remembers, per log, the largest checkpoint it cosigned."""

    def __init__(self, state: Path, signer: Signer) -> None:
        self._state, self._signer = state, signer

    @property
    def key(self) -> VerifierKey:
        return self._signer.cosigner

    def remembered(self, key: VerifierKey) -> Note | None:
        path = self._memory(key)
        return Note.parse(path.read_bytes()) if path.exists() else None

    def cosign(self, log: Path, key: VerifierKey, time: int) -> Note:
        """Cosign the checkpoint in a copy of somebody's log, if its tiles show that it continues what was cosigned
        before. Raises `BadNote`, `Behind`, `TwoHistories`; `OSError` when tiles are missing."""
        note, checkpoint = read_checkpoint((log / "checkpoint").read_bytes())
        tree = TileTree(log, checkpoint.size)

        def proof(old: int) -> list[bytes]:
            return merkle.consistency(tree.node, old, checkpoint.size)

        return note.merged([self.add(note, checkpoint, key, proof, time)])

    def add(
        self,
        note: Note,
        checkpoint: Checkpoint,
        key: VerifierKey,
        proof: Callable[[int], Sequence[bytes]],
        time: int,
    ) -> Signature:
        """The heart of it: `proof(old)` is the consistency proof from the size remembered. What is cosigned is
        remembered first, durably: a witness that forgets is none."""
        if checkpoint.origin != key.name or not note.signed_by(key):
            raise BadNote("the checkpoint is not signed by this log's key")
        before = self.remembered(key)
        if before is not None:
            old = Checkpoint.parse(before.text)
            if checkpoint.size < old.size:
                raise Behind
            same = checkpoint.size == old.size
            path = () if same or not old.size else proof(old.size)
            if not merkle.consistent(old.size, old.root, checkpoint.size, checkpoint.root, path):
                raise TwoHistories(keep_evidence(self._state, [before, note]))
        durable.make_folder(self._state / SEEN)
        durable.write_bytes(self._memory(key), note.to_bytes())
        return self._signer.cosign(note.text, time)

    def _memory(self, key: VerifierKey) -> Path:
        return self._state / SEEN / f"{hashlib.sha256(key.name.encode()).hexdigest()[:32]}.note"
