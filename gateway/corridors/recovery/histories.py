"""Which log is the newest that was published, and whether anybody has seen a longer one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from gateway.adapters.publishing import Contradiction
from gateway.log import merkle
from gateway.log.merkle import WIDTH, Edge
from gateway.log.note import BadNote, Checkpoint, Note, VerifierKey, read_checkpoint
from gateway.log.proof import Proof
from gateway.log.tiles import ARCHIVE, CHECKPOINT, ENTRIES, TileTree, read_tile, unbundle
from gateway.node import Node
from gateway.policy.facts import places
from gateway.receipts.receipt import Receipt, parse

LIMIT: Final = 4 << 20
"""Bytes: no receipt, signature or proof of ours is near it."""


class Unusable(Exception):
    """A copy of the log is damaged, not whole, or another's. Says where."""


class Behind(Exception):
    """A longer log was published than any that was given: nothing may be signed before it is here."""

    def __init__(self, size: int, seen: int) -> None:
        super().__init__(size, seen)
        self.size, self.seen = size, seen


@dataclass(frozen=True, slots=True)
class History:
    """A published log, verified: its tiles are those of a checkpoint that our key signed."""

    folder: Path
    note: Note
    checkpoint: Checkpoint
    tree: TileTree

    @property
    def size(self) -> int:
        return self.checkpoint.size

    def root_at(self, size: int) -> bytes:
        """The root of its first `size` entries."""
        return merkle.range_hash(self.tree.node, 0, size) if size else merkle.EMPTY

    def bodies(self, start: int) -> list[bytes]:
        """The entries from `start` on, each held against the tree. Raises `Unusable`."""
        found: list[bytes] = []
        try:
            for number in range(start // WIDTH, -(-self.size // WIDTH)):
                width = min(WIDTH, self.size - number * WIDTH)
                found += unbundle(read_tile(self.folder, ENTRIES, number, width))
        except (OSError, ValueError) as error:
            raise Unusable(f"{self.folder.name}: its entries are not whole") from error
        wanted = found[start % WIDTH :] if found else []
        for index, body in enumerate(wanted, start):
            if merkle.leaf(body) != self.tree.node(0, index):
                raise Unusable(f"{self.folder.name}: entry {index} is not the one that was signed")
        if len(wanted) != max(0, self.size - start):
            raise Unusable(f"{self.folder.name}: its entries are not whole")
        return wanted


def newest(node: Node, copies: Sequence[Path], keys: Sequence[VerifierKey]) -> History | None:
    """The longest of the copies; None where nothing was ever published. Every copy and the ledger must be its
    beginning: else `Contradiction`. Raises `Unusable`, and `Behind` where somebody holds proof of a longer one."""
    found = [opened for copy in copies if (opened := _open(copy, keys)) is not None]
    longest = max(found, key=lambda history: history.size, default=None)
    size = longest.size if longest else 0
    seen = max([size, *_seen(node, copies, keys)])
    with node.ledger.published() as tables:
        count, _ = tables.head()
        signed = tables.signed()
        if seen > max(size, signed.size if signed else 0):
            raise Behind(size, seen)
        if longest is None:
            return None
        for other in found:
            if longest.root_at(other.size) != other.checkpoint.root:
                raise Contradiction
        edge = Edge()
        edge.extend([merkle.leaf(body) for body in tables.bodies(0, min(count, size))])
    if edge.root() != longest.root_at(min(count, size)):
        raise Contradiction
    return longest


def _open(folder: Path, keys: Sequence[VerifierKey]) -> History | None:
    folder = folder / "log" if (folder / "log" / CHECKPOINT).is_file() else folder
    if not (folder / CHECKPOINT).is_file():
        return None
    try:
        note, checkpoint = read_checkpoint((folder / CHECKPOINT).read_bytes())
    except BadNote as error:
        raise Unusable(f"{folder.name}: its checkpoint cannot be read") from error
    if not _ours(note, checkpoint, keys):
        raise Unusable(f"{folder.name}: its checkpoint is not signed by this node's log key")
    tree = TileTree(folder, checkpoint.size)
    try:
        whole = tree.root() == checkpoint.root
    except (OSError, ValueError):
        whole = False
    if not whole:
        raise Unusable(f"{folder.name}: its tiles are not those of its checkpoint")
    return History(folder, note, checkpoint, tree)


def _ours(note: Note, checkpoint: Checkpoint, keys: Sequence[VerifierKey]) -> bool:
    return any(checkpoint.origin == key.name and note.signed_by(key) for key in keys)


def _seen(node: Node, copies: Sequence[Path], keys: Sequence[VerifierKey]) -> Iterator[int]:
    """Sizes of our checkpoints that others hold: witnesses, archives, the proofs beside parties' receipts."""
    facts = node.facts.current()
    folders = [facts.path(facts.node.log), *copies]
    notes = [path for folder in folders for path in (folder / ARCHIVE).glob("*") if path.name.isdigit()]
    notes += (facts.path(facts.node.state) / "cosigned").glob("*.note")
    for path in notes:
        try:
            note, checkpoint = read_checkpoint(path.read_bytes())
        except (BadNote, OSError):
            continue
        if _ours(note, checkpoint, keys):
            yield checkpoint.size
    for _, _, data in _machine_files(node, ".tlog-proof"):
        try:
            note = Proof.parse(data).note
            checkpoint = Checkpoint.parse(note.text)
        except ValueError:
            continue
        if _ours(note, checkpoint, keys):
            yield checkpoint.size


def _machine_files(node: Node, ending: str) -> Iterator[tuple[PurePosixPath, str, bytes]]:
    """Files for programs beside the parties' receipts: folder, name and content. A folder that cannot be entered is
    passed over as if its party had removed what it holds; a root that is away raises `OSError`."""
    facts = node.facts.current()
    for party in facts.parties.values():
        if party.id == facts.node.party:
            continue
        folder = places.machine_folder(facts, party)
        try:
            files = node.folders.files(folder)
        except OSError as error:
            if not node.folders.is_up():
                raise
            node.log.warning("receipts_not_read", party=party.id, errno=error.errno)
            continue
        for file in files:
            data = node.folders.read(folder, file.name, LIMIT) if file.name.endswith(ending) else None
            if data is not None:
                yield folder, file.name, data


def receipts(node: Node, start: int) -> Iterator[tuple[Receipt, bytes, bytes]]:
    """Receipts of ours that parties hold and that rest on entries from `start` on, each with what lies beside it as its
    signature. Whether our key made that is for the caller to ask: the folders are the parties' too."""
    for folder, name, data in _machine_files(node, ".receipt.json"):
        try:
            loaded: Any = json.loads(data)
            if int(loaded["log"]["seq"]) >= start:
                yield parse(data), data, node.folders.read(folder, f"{name}.sig", LIMIT) or b""
        except (OSError, ValueError, KeyError, TypeError):
            continue
