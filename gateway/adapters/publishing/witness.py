"""We as a witness of other nodes' logs: what continues what we cosigned before is cosigned, nothing else."""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gateway import durable
from gateway.log import merkle
from gateway.log.note import BadNote, Checkpoint, Note, Signature, Signer, VerifierKey, read_checkpoint
from gateway.log.tiles import TileTree

EVIDENCE, SEEN = "evidence", "witness"


def evidence(state: Path) -> list[Path]:
    """Every kept pair of notes that contradict each other, of our own log or one we witness."""
    return sorted((state / EVIDENCE).glob("*.notes"))


def keep_evidence(state: Path, notes: Sequence[Note]) -> Path:
    """Keep notes that contradict each other, signed by the same key: they prove that the log showed two histories."""
    data = b"".join(note.to_bytes() + b"\n" for note in notes)
    folder = state / EVIDENCE
    durable.make_folder(folder)
    target = folder / f"{hashlib.sha256(data).hexdigest()[:16]}.notes"
    durable.write_bytes(target, data)
    return target


class Behind(Exception):
    """The checkpoint is older than one this witness cosigned: nothing is signed, nothing is wrong."""


class BadProof(BadNote):
    """Nothing shows that the checkpoint continues what was cosigned: nothing is signed, and nothing is proved."""


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
        """Cosign the checkpoint in a copy of another node's log, if its tiles show that it continues what was cosigned
        before. Raises `BadNote`, `Behind`, `TwoHistories`; `OSError` when tiles are missing."""
        note, checkpoint = read_checkpoint((log / "checkpoint").read_bytes())
        tree = TileTree(log, checkpoint.size)
        before = self.remembered(key)

        def proof(old: int) -> list[bytes]:
            return merkle.consistency(tree.node, old, checkpoint.size)

        if before is not None and note.signed_by(key):
            old = Checkpoint.parse(before.text)
            if 0 < old.size < checkpoint.size:
                # What these tiles say the old tree was, bound to the new root: only then is a difference evidence.
                root = merkle.range_hash(tree.node, 0, old.size)
                if not merkle.consistent(old.size, root, checkpoint.size, checkpoint.root, proof(old.size)):
                    raise BadProof("the tiles are not those of the checkpoint")
                if root != old.root:
                    raise TwoHistories(keep_evidence(self._state, [before, note]))
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
        with self._alone():
            self._remember(note, checkpoint, key, proof)
        return self._signer.cosign(note.text, time)

    def _remember(
        self, note: Note, checkpoint: Checkpoint, key: VerifierKey, proof: Callable[[int], Sequence[bytes]]
    ) -> None:
        before = self.remembered(key)
        if before is not None:
            old = Checkpoint.parse(before.text)
            if checkpoint.size < old.size:
                raise Behind
            if checkpoint.size == old.size:
                if checkpoint.root != old.root:
                    raise TwoHistories(keep_evidence(self._state, [before, note]))
            elif not merkle.consistent(
                old.size, old.root, checkpoint.size, checkpoint.root, proof(old.size) if old.size else ()
            ):
                raise BadProof("the proof of consistency does not hold")
        durable.write_bytes(self._memory(key), note.to_bytes())

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """The daemon and a command may run at once: what one remembers the other has to see."""
        durable.make_folder(self._state / SEEN)
        descriptor = os.open(self._state / SEEN / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _memory(self, key: VerifierKey) -> Path:
        return self._state / SEEN / f"{hashlib.sha256(key.name.encode()).hexdigest()[:32]}.note"
