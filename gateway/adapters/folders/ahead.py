"""Copying many small claimed files at once: two flushes of the file system in all, instead of three syncs for each.

A burst of thousands of files would otherwise cost its senders' patience: on a disk that syncs 500 times a second ten
thousand files take a minute. What is large, or has a sidecar, or has anything in its way, is left to its own step.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from gateway import durable
from gateway.adapters.folders import names
from gateway.adapters.folders.claims import CONTENT, Claims, Record, key_of
from gateway.adapters.folders.copying import Answer, Limits, open_regular
from gateway.adapters.folders.root import ExchangeRoot, SourceDown
from gateway.parcels import ParcelId
from gateway.ports import Copied

FEW, LARGEST, HANDS = 8, 1 << 20, 4
_PARTIAL = f".{CONTENT}.part"
_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW


def copy(root: ExchangeRoot, claims: Claims, records: Sequence[Record], limits: Limits) -> dict[ParcelId, Copied]:
    """Copy what can be copied of `records`; answers the copies, whole and durable. Their size and hash are not written
    down: after a restart they are reckoned again from the copy."""
    fit = [r for r in records if r.key[2] <= min(LARGEST, limits.max_file) and not r.sidecar]
    fit = [r for r in fit if names.is_plain(r.name)]
    if len(fit) <= FEW or limits.free(claims.spool) < sum(r.key[2] for r in fit) + limits.min_free:
        return {}
    copied: dict[ParcelId, Copied] = {}
    for folder in dict.fromkeys(record.folder for record in fit):
        mine = [record for record in fit if record.folder == folder]
        with suppress(SourceDown, OSError), root.folder(folder) as descriptor, ThreadPoolExecutor(HANDS) as hands:
            made = hands.map(lambda r: _copy(descriptor, r, f"{claims.spool}/{r.parcel}"), mine, chunksize=64)
            for record, sha256 in zip(mine, made, strict=True):
                if sha256:
                    content = claims.folder(record.parcel) / CONTENT
                    copied[record.parcel] = Copied(record.key[2], sha256, record.name, content)
    return copied if copied and _publish(claims, list(copied)) else {}


def _copy(folder: int, record: Record, target: str) -> str:
    """One file, under its temporary name and not synced: its SHA-256; empty when it is not the one that was claimed."""
    try:
        with open_regular(folder, names.taken(record.parcel)) as source:
            if key_of(os.fstat(source.fileno())) != record.key:
                return ""
            data = source.read(record.key[2] + 1)
            if len(data) != record.key[2] or key_of(os.fstat(source.fileno())) != record.key:
                return ""
        descriptor = os.open(f"{target}/{_PARTIAL}", _NEW, 0o600)
        try:
            whole = os.write(descriptor, data) == len(data)
        finally:
            os.close(descriptor)
    except (Answer, OSError):
        return ""
    return hashlib.sha256(data).hexdigest() if whole else ""


def _publish(claims: Claims, parcels: Sequence[ParcelId]) -> bool:
    """Content first, its name after: a name is never durable before what it names."""
    try:
        durable.flush_file_system(claims.spool)
        for parcel in parcels:
            os.rename(f"{claims.spool}/{parcel}/{_PARTIAL}", f"{claims.spool}/{parcel}/{CONTENT}")  # noqa: PTH104
        durable.flush_file_system(claims.spool)
    except OSError:
        for parcel in parcels:  # whether they are durable is not known: each is copied again by its own step
            (claims.folder(parcel) / CONTENT).unlink(missing_ok=True)
        return False
    return True
