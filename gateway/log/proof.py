"""C2SP tlog-proof: one entry, its audit path, the checkpoint. With a receipt and its proof nothing else is needed.

`extra` carries the entry's own bytes: they hash to the leaf, so they need no trust, and they say when it was logged.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.log import canonical, merkle
from gateway.log.entry import is_content
from gateway.log.note import BadNote, Checkpoint, Note, VerifierKey, unbase64
from gateway.log.tiles import TileTree

MAGIC = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True, slots=True)
class Proof:
    """`path` leads from the leaf's sibling to the root's child; `entry` are canonical bytes."""

    entry: bytes
    index: int
    path: tuple[bytes, ...]
    note: Note

    def to_bytes(self) -> bytes:
        lines = [MAGIC, f"extra {base64.b64encode(self.entry).decode()}", f"index {self.index}"]
        lines += [base64.b64encode(hash_).decode() for hash_ in self.path]
        return ("\n".join(lines) + "\n\n").encode() + self.note.to_bytes()

    @classmethod
    def parse(cls, data: bytes) -> Proof:
        """`BadNote` for bytes that are no proof of inclusion. What it shows is not judged."""
        head, blank, tail = data.partition(b"\n\n")
        lines = head.decode("ascii", "replace").split("\n")
        if not blank or lines[0] != MAGIC or len(lines) < 3 or not lines[1].startswith("extra "):
            raise BadNote("not a proof of inclusion")
        number = re.fullmatch(r"index (0|[1-9][0-9]{0,17})", lines[2])
        path = tuple(unbase64(line) for line in lines[3:])
        if number is None or any(len(hash_) != 32 for hash_ in path) or len(path) > 63:
            raise BadNote("not a proof of inclusion")
        return cls(unbase64(lines[1][6:]), int(number[1]), path, Note.parse(tail))


def prove(tree: TileTree, index: int, note: Note) -> Proof:
    """The proof that entry `index` is in the published tree that `note` signs. `ValueError` without such an entry."""
    path = merkle.inclusion(tree.node, index, tree.size)
    return Proof(tree.entry(index), index, tuple(path), note)


def shows(proof: Proof) -> str:
    """The leaf hash (hex) of the entry that a proof leads to the root of its own checkpoint. `BadNote` when it leads
    nowhere. Whose checkpoint it is, is not judged: that takes the log's key (`check`)."""
    checkpoint, leaf = Checkpoint.parse(proof.note.text), merkle.leaf(proof.entry)
    try:
        root = merkle.root_from_inclusion(leaf, proof.index, checkpoint.size, proof.path)
    except ValueError:
        raise BadNote("the path leads nowhere") from None
    if root != checkpoint.root:
        raise BadNote("the entry is not in the tree that was signed")
    return leaf.hex()


def check(proof: Proof, key: VerifierKey) -> tuple[Checkpoint, dict[str, Any]]:
    """The checkpoint and the entry that a proof shows. `BadNote` for another log's checkpoint, one that `key` did not
    sign, an entry that is not in its tree, or one that is not canonical."""
    checkpoint = Checkpoint.parse(proof.note.text)
    if checkpoint.origin != key.name or not proof.note.signed_by(key):
        raise BadNote("the checkpoint is not signed by this key")
    shows(proof)
    try:
        return checkpoint, canonical.loads(proof.entry)
    except ValueError:
        raise BadNote("the entry is not in canonical form") from None


def check_receipt(receipt: bytes, proof: bytes, key: VerifierKey) -> Mapping[str, str | int]:
    """What the log says about a receipt's entry, by receipt and proof alone. `BadNote` when they do not fit each other.

    The receipt's own signature is not judged here: it is its issuer's (OpenPGP or SM2)."""
    try:
        stated = json.loads(receipt)
        log, parcel, sha256, salt = stated["log"], stated["parcel"], str(stated["sha256"]), str(stated.get("salt", ""))
        where = (log["origin"], log["seq"], log["hash"])
    except (ValueError, KeyError, TypeError):
        raise BadNote("not a receipt") from None
    found = Proof.parse(proof)
    checkpoint, entry = check(found, key)
    if where != (checkpoint.origin, found.index, merkle.leaf(found.entry).hex()):
        raise BadNote("the receipt names another entry")
    if entry.get("parcel") != parcel or not is_content(entry.get("digests", {}), sha256, salt):
        raise BadNote("the receipt is of another parcel")
    return {
        "origin": checkpoint.origin,
        "seq": found.index,
        "size": checkpoint.size,
        "event": str(entry["event"]),
        "parcel": str(entry["parcel"]),
        "time": str(entry["time"]),
        "logged_at": str(entry["logged_at"]),
    }
