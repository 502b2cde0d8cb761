"""The exchange root, and whether it is really there.

An unmounted share leaves an empty folder behind: read naively it says "every file is gone", and a delivery would fill
the mount point. So each root carries a sentinel, `.gateway-root`, with a random id that the node also keeps in its own
spool. A root without that id is *down*, also when files lie in it. Below the root no link is ever followed: parties
may write into their folders, and a link planted there must not lead the node elsewhere.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from gateway import durable

SENTINEL = ".gateway-root"
ROOT_RECORD = ".exchange-root"
"""The node's own note of the sentinel's id, in its spool."""


class SourceDown(Exception):
    """The root, or a folder below it, is not there: neither empty nor full, simply not to be judged."""


class ExchangeRoot:
    """One exchange root. `record` is where the node keeps the id of the sentinel it once put there."""

    def __init__(self, path: Path, record: Path) -> None:
        """First start (no record yet): puts a sentinel into an existing root, or adopts the one that is there.

        A root that does not exist at first start stays down, and nothing is recorded, until it does.
        """
        self.path = path
        self._record = record
        self._id = record.read_text("ascii").strip() if record.exists() else ""
        if not self._id:
            self._establish()

    def _establish(self) -> None:
        if not self.path.is_dir():
            return
        sentinel = self.path / SENTINEL
        found = self._read(sentinel)
        if not found:
            found = secrets.token_hex(16)
            durable.write_bytes(sentinel, found.encode("ascii") + b"\n", 0o644)
        durable.make_folder(self._record.parent)
        durable.write_bytes(self._record, found.encode("ascii") + b"\n")
        self._id = found

    @staticmethod
    def _read(sentinel: Path) -> str:
        try:
            with os.fdopen(os.open(sentinel, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as stream:
                return stream.read(64).decode("ascii", "replace").strip()
        except OSError:
            return ""

    def is_up(self) -> bool:
        """The sentinel of this node is there. A share that was mounted again with the same sentinel is up again."""
        if not self._id:
            self._establish()
        return bool(self._id) and self._read(self.path / SENTINEL) == self._id

    @contextmanager
    def folder(self, relative: str | PurePosixPath, *, make_mode: int | None = None) -> Iterator[int]:
        """A descriptor of a folder below the root, opened component by component without following links.

        With `make_mode` missing components are made (exactly that mode, under any umask), durably.
        Raises `SourceDown` when the root is down or a component is missing or not a folder.
        """
        if not self.is_up():
            raise SourceDown
        parts = PurePosixPath(relative).parts
        if any(part in ("..", "/") for part in parts):
            raise SourceDown
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        try:
            descriptor = os.open(self.path, flags)
        except OSError:
            raise SourceDown from None
        try:
            for part in parts:
                deeper = self._enter(descriptor, part, flags | os.O_NOFOLLOW, make_mode)
                os.close(descriptor)
                descriptor = deeper
            yield descriptor
        finally:
            os.close(descriptor)

    @staticmethod
    def _enter(parent: int, part: str, flags: int, make_mode: int | None) -> int:
        try:
            return os.open(part, flags, dir_fd=parent)
        except FileNotFoundError:
            if make_mode is None:
                raise SourceDown from None
        except OSError:
            raise SourceDown from None
        try:
            os.mkdir(part, make_mode, dir_fd=parent)
        except FileExistsError:
            return os.open(part, flags, dir_fd=parent)
        descriptor = os.open(part, flags, dir_fd=parent)
        os.fchmod(descriptor, make_mode)
        os.fsync(parent)
        return descriptor
