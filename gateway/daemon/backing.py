"""`gateway backup`: the daemon gathers a moment of itself, then packs it, signed and encrypted to the offline key,
while everything else goes on."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from gateway import durable, wiring
from gateway.adapters.ledger import LedgerCorrupt
from gateway.adapters.storage import backup
from gateway.control.server import Rejected
from gateway.instants import rfc3339
from gateway.lifecycle import Event
from gateway.log import Entry
from gateway.node import Node
from gateway.outcomes import Ok

SUFFIX = ".tar.zst.gpg"
_ONE = threading.Lock()


def make(node: Node, still: AbstractContextManager[object], out: Path, actor: str) -> dict[str, Any]:
    """Write a backup to `out` (a file, or a folder it is named in). `still`: the log is not published meanwhile.
    Raises `Rejected` with what is missing, `LedgerCorrupt` where there is nothing left to back up."""
    facts = node.facts.current()
    key = facts.node.backup.key
    if key is None:
        raise Rejected("[backup] key is not set in gateway.toml: whom is the backup for?")
    if not out.is_absolute():
        raise Rejected("the path is not absolute")
    if not _ONE.acquire(blocking=False):
        raise Rejected("a backup is being made")
    try:
        now = node.clock.now()
        target = out / f"{facts.node.name}-{now:%Y%m%d-%H%M%S}{SUFFIX}" if out.is_dir() else out
        if target.exists():
            raise Rejected("there is a file of that name already")
        return _make(node, still, target, key, actor)
    except backup.DatabaseDamaged:
        node.ledger.distrust()
        raise LedgerCorrupt from None
    except (backup.DatabaseFailed, OSError) as error:
        raise Rejected(
            f"the backup failed: {error if isinstance(error, backup.DatabaseFailed) else error.strerror}"
        ) from None
    finally:
        _ONE.release()


def _make(node: Node, still: AbstractContextManager[object], target: Path, key: str, actor: str) -> dict[str, Any]:
    facts, now = node.facts.current(), node.clock.now()
    state = facts.path(facts.node.state)
    with node.ledger.reading() as reading:
        entries = reading.entries.head()[0] + 1
    url = node.ledger.url
    kind = "sqlite" if url.startswith("sqlite") else "postgresql"
    manifest = backup.Manifest(facts.node.name, rfc3339(now), facts.digest, kind, entries)
    with still:
        gathered = backup.gather(manifest, url, facts.home, state, facts.path(facts.node.log))
    try:
        size = sum(path.stat().st_size for path in gathered.rglob("*") if path.is_file())
        sealer = wiring.backup_sealer(facts)
        done = sealer.seal_stream(lambda write: backup.pack(gathered, write), size, key, target)
    finally:
        backup.forget(state)
    if not isinstance(done, Ok):
        raise Rejected(f"the backup was not sealed: {done.code}")
    keys_file = target.with_name(f"{facts.node.name}{backup.inquirykeys.SUFFIX}")
    with node.ledger.reading() as reading:
        keys = reading.inquiries.keys()
    beside = sealer.seal_stream(
        lambda write: backup.inquirykeys.write(facts.node.name, manifest.made_at, keys, write),
        128 + 200 * len(keys),
        key,
        keys_file,
    )
    if not isinstance(beside, Ok):
        raise Rejected(f"the keys beside the backup were not sealed: {beside.code}")
    sha256, sealed = durable.sha256_file(target)
    with node.ledger.transaction(now) as tx:
        tx.log(
            Entry(
                id=f"backup/{rfc3339(now)}",
                event=Event.BACKED_UP,
                time=now,
                actor=actor,
                facts=facts.digest,
                counts={"bytes": sealed, "entries": entries},
                digests={"archive": sha256},
            )
        )
    node.log.info("backed_up", bytes=sealed, entries=entries)
    return {
        "archive": str(target),
        "bytes": sealed,
        "sha256": sha256,
        "entries": entries,
        "made_at": rfc3339(now),
        "keys": str(keys_file),
    }
