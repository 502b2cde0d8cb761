"""Keys of open inquiries beside the archives: one small file per node, sealed to the same offline key, written again
with every backup. An archive is kept for years and holds none of them; this file holds those of its last writing, so
that a key that was destroyed is gone from it a day later.

Losing it loses no inquiry: replies can then not be matched, and `gateway restore --reconcile` lists what is concerned.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from gateway.adapters.storage.backup.archive import BadArchive, decrypted

SUFFIX = ".keys.gpg"
FORMAT = 1
LIMIT = 64 << 20
_KEY = re.compile(r"[0-9a-f]{64}")

Key = tuple[str, str, str]
"""(parcel, receiver, key) of an inquiry in one receiver's hands."""


def write(node: str, made_at: str, keys: Iterable[Key], out: Callable[[bytes], None]) -> None:
    """The file's content, before it is sealed."""
    content = {"format": FORMAT, "node": node, "made_at": made_at, "keys": [list(key) for key in keys]}
    out(json.dumps(content, sort_keys=True).encode() + b"\n")


def read(file: Path, gnupg: Path | None, signer: Path | None, node: str) -> Sequence[Key]:
    """What `write` wrote, of this node's; sealed, or as stock gpg has decrypted it. Raises `BadArchive`."""
    with file.open("rb", buffering=0) as stream:
        plain = stream.read(1) == b"{"
    if plain:
        data = file.read_bytes()
    else:
        with decrypted(file, gnupg, signer) as content:
            data = content.read(LIMIT)
    try:
        loaded = json.loads(data)
        if (loaded["format"], loaded["node"]) != (FORMAT, node):
            raise BadArchive("the keys are not of this node")
        found = [(str(parcel), str(receiver), str(key)) for parcel, receiver, key in loaded["keys"]]
    except (ValueError, KeyError, TypeError) as error:
        raise BadArchive("the file of keys is damaged, or is none") from error
    if not all(_KEY.fullmatch(key) for _, _, key in found):
        raise BadArchive("the file of keys is damaged, or is none")
    return found
