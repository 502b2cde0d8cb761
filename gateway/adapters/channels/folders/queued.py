"""What stands complete in a drop folder and waits there for its turn, kept on disk: since when it does.

The instant of receipt is when a file was first seen as it is. While files are taken as they come it needs no keeping;
one that waits for hours behind others of its sender would have come today after a restart. One file for each folder,
which goes when nothing waits there: it holds names.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TypeAlias

from gateway import durable
from gateway.adapters.channels.folders.scanning import Ready
from gateway.adapters.storage.claims import Key

QUEUED = ".queued"
Since: TypeAlias = Mapping[str, tuple[Key, datetime]]
"""By name: what stood still, and since when it was there."""


class Queued:
    """What waits in the drop folders of one spool's node."""

    def __init__(self, spool: Path) -> None:
        self._folder = spool / QUEUED
        self._kept: dict[str, dict[str, tuple[Key, datetime]]] = {}

    def read(self, folder: str) -> Since:
        """What waited in a drop folder when an earlier run ended; nothing where that cannot be read."""
        found: dict[str, tuple[Key, datetime]] = {}
        with suppress(OSError, ValueError, KeyError, TypeError):
            for name, key, since in json.loads(self._path(folder).read_bytes()):
                dev, inode, size, mtime = (int(number) for number in key)
                found[str(name)] = ((dev, inode, size, mtime), datetime.fromisoformat(since))
        self._kept[folder] = found
        return dict(found)

    def keep(self, folder: str, waiting: Iterable[Ready]) -> None:
        """Make durable what waits now. `OSError` where the disk is full."""
        fresh = {ready.name: (ready.key, ready.first_seen) for ready in waiting}
        if fresh == self._kept.get(folder, {}):
            return
        if fresh:
            durable.make_folder(self._folder)
            rows = [(name, key, since.isoformat()) for name, (key, since) in fresh.items()]
            durable.write_bytes(self._path(folder), json.dumps(rows).encode("ascii"), 0o600)
        else:
            durable.remove(self._path(folder))
        self._kept[folder] = fresh

    def _path(self, folder: str) -> Path:
        return self._folder / hashlib.sha256(folder.encode("utf-8", "surrogateescape")).hexdigest()[:32]
