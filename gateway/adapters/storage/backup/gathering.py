"""Gathering: the database first, then the files it names, by links, so that it takes seconds and work goes on.

The gateway writes a file once and renames it into place; a link to it stays what it was, also when the node goes
on. Only what is changed in place (databases, journals of claims, facts that people edit) is copied. Packing the links
may then take hours.

```
state/backing-up/backup.json          what this is
                /database/            ledger.db or ledger.dump
                /facts/               config/ schemas/ keys/
                /state/               spool, sealed packages, batches, quarantine, snapshots of the facts, …
                /log/                 the published log
```
Private keys are not gathered: they would travel with every archive. Nor are keys that have an end of their own (of
fingerprints, per period and per inquiry): an archive outlives it.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gateway import durable
from gateway.adapters.storage import journals, nodelock, removals
from gateway.adapters.storage.backup import databases

GATHERED, MANIFEST = "backing-up", "backup.json"
FORMAT = 1
FACTS = ("config", "schemas", "keys")
# Made again by every process, or databases that are copied in another way; and the keys of periods, with what they
# made: they are destroyed when a period closes, and an archive would keep them.
_LEFT_OUT = frozenset({GATHERED, "compiled", nodelock.NAME, "recovering.json", "repeats"})
_LEFT_ENDINGS = (".sock", ".tmp", ".part", ".lock", ".db", ".db-wal", ".db-shm")


@dataclass(frozen=True, slots=True)
class Manifest:
    """`entries`: how many log entries there were at least; `made_at` in RFC 3339."""

    node: str
    made_at: str
    facts: str
    database: str
    entries: int
    format: int = FORMAT

    def to_json(self) -> bytes:
        return json.dumps(asdict(self), sort_keys=True, indent=1).encode() + b"\n"

    @classmethod
    def parse(cls, data: bytes) -> Manifest:
        """`ValueError` for what is no manifest of this format."""
        loaded: Any = json.loads(data)
        if not isinstance(loaded, dict) or loaded.get("format") != FORMAT:
            raise ValueError("not a backup of this format")
        try:
            return cls(**{**loaded, "entries": int(loaded["entries"])})
        except (TypeError, KeyError) as error:
            raise ValueError("not a backup of this format") from error


def gather(manifest: Manifest, url: str, home: Path, state: Path, log: Path) -> Path:
    """Gather into `state/backing-up`; removals wait meanwhile, the caller keeps the log still. Raises `OSError` and
    `DatabaseFailed`; then nothing stays behind."""
    into = state / GATHERED
    forget(state)
    durable.make_folder(into / "database")
    try:
        with removals.paused(state / "spool"):
            databases.dump(url, into / "database")
            for source in _files(state):
                _link(source, into / "state" / source.relative_to(state), copied=source.parent.name == journals.FOLDER)
            for collected in sorted((state / "collected").glob("*.db")):
                target = into / "state" / collected.relative_to(state)
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                databases.copy(collected, target)
            for source in _files(log):
                _link(source, into / "log" / source.relative_to(log))
        for folder in FACTS:
            if (home / folder).is_dir():
                shutil.copytree(home / folder, into / "facts" / folder)
        durable.write_bytes(into / MANIFEST, manifest.to_json())
    except BaseException:
        forget(state)
        raise
    return into


def forget(state: Path) -> None:
    """Remove what was gathered: its links would keep plain records that the node has removed."""
    if (state / GATHERED).exists():
        shutil.rmtree(state / GATHERED)
        durable.sync_folder(state)


def _files(top: Path) -> Iterator[Path]:
    """Regular files below `top`, without what is half written, a lock or a socket."""
    for folder, children, files in os.walk(top):
        if Path(folder) == top:
            children[:] = [name for name in children if name not in _LEFT_OUT]
        for name in files:
            path = Path(folder, name)
            left_out = Path(folder) == top and name in _LEFT_OUT
            if not left_out and name != removals.LOCK and not name.endswith(_LEFT_ENDINGS) and not path.is_symlink():
                yield path


def _link(source: Path, target: Path, *, copied: bool = False) -> None:
    """What vanishes meanwhile was half made: what the ledger names is not removed now."""
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        if copied:
            shutil.copyfile(source, target)
            return
        try:
            target.hardlink_to(source)
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK):
                raise
            shutil.copyfile(source, target)
