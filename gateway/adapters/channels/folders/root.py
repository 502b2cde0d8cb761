"""The exchange root, and whether it is really there.

An unmounted share leaves an empty folder behind: read naively it says "every file is gone", and a delivery would fill
the mount point. So each root carries a sentinel, `.gateway-root`, with a random id that the node also keeps in its own
spool. A root without that id is *down*, also when files lie in it. Below the root no link is ever followed: parties
may write into their folders, and a link planted there must not lead the node elsewhere.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Literal

from gateway import durable
from gateway.adapters.channels.folders import moving
from gateway.outcomes import NO_ROOM
from gateway.ports import Obstacle

SENTINEL = ".gateway-root"
ROOT_RECORD = ".exchange-root"
"""The node's own note of the sentinel's id, in its spool."""


class SourceDown(OSError):
    """The root, or a folder below it, is not there: neither empty nor full, simply not to be judged. `folder` says
    where the way ends, relative to the root, `reason` why."""

    def __init__(self, reason: Obstacle = "root", folder: str | PurePosixPath = "") -> None:
        super().__init__(errno.ENODEV, reason)
        self.reason = reason
        self.folder = PurePosixPath(folder)


class ExchangeRoot:
    """One exchange root. `record` is where the node keeps the id of the sentinel it once put there."""

    def __init__(self, path: Path, record: Path) -> None:
        """First start (no record yet): puts a sentinel into an existing root, or adopts the one that is there.

        A root that does not exist at first start stays down, and nothing is recorded, until it does.
        """
        self.path = path
        self._record = record
        self._names: set[tuple[PurePosixPath, str]] = set()
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

        With `make_mode` missing components are made, durably, with exactly that mode under any umask; but for those in
        a folder that hands down its group, as `gateway parties provision` makes them: there the umask decides.
        Raises `SourceDown` when the root is down or a component is missing, no folder, or not to be entered; another
        `OSError` where there is no room to make one.
        """
        if not self.is_up():
            raise SourceDown
        way = PurePosixPath(relative)
        if any(part in ("..", "/") for part in way.parts):
            raise SourceDown("error", way)
        try:
            descriptor = os.open(self.path, _FLAGS)
        except OSError:
            raise SourceDown from None
        try:
            for depth, part in enumerate(way.parts, 1):
                try:
                    deeper = _enter(descriptor, part, make_mode)
                except OSError as error:
                    if error.errno in NO_ROOM:
                        raise
                    where = PurePosixPath(*way.parts[:depth])
                    raise SourceDown(_reason(descriptor, part, error), where) from None
                os.close(descriptor)
                descriptor = deeper
            yield descriptor
        finally:
            os.close(descriptor)

    def taken(self, folder: str | PurePosixPath, name: str) -> None:
        """A file could not get its name, as something else than a file has it: told by `names_taken` until it is
        gone."""
        self._names.add((PurePosixPath(folder), name))

    def names_taken(self) -> dict[str, Obstacle]:
        """What still has a name that a file of ours should have, by where it stands."""
        found: dict[str, Obstacle] = {}
        for folder, name in sorted(self._names):
            with suppress(OSError), self.folder(folder) as descriptor:
                status = moving.status(descriptor, name)
                if status is None or stat.S_ISREG(status.st_mode):
                    self._names.discard((folder, name))
                else:
                    found[str(folder / name)] = what_stands(descriptor, name) or "error"
        return found


_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def _enter(parent: int, part: str, make_mode: int | None) -> int:
    try:
        return os.open(part, _FLAGS | os.O_NOFOLLOW, dir_fd=parent)
    except FileNotFoundError:
        if make_mode is None:
            raise
    with suppress(FileExistsError):  # made by another thread, or planted: opening it tells
        os.mkdir(part, make_mode, dir_fd=parent)
        descriptor = os.open(part, _FLAGS | os.O_NOFOLLOW, dir_fd=parent)
        if not os.fstat(descriptor).st_mode & stat.S_ISGID:
            os.fchmod(descriptor, make_mode)
        os.fsync(parent)
        return descriptor
    return os.open(part, _FLAGS | os.O_NOFOLLOW, dir_fd=parent)


def _reason(parent: int, part: str, error: OSError) -> Obstacle:
    """Why a folder could not be entered."""
    if error.errno in (errno.ENOTDIR, errno.ELOOP):
        return what_stands(parent, part) or "error"
    if isinstance(error, FileNotFoundError):
        return "missing"
    return "denied" if isinstance(error, PermissionError) else "error"


def what_stands(parent: int, name: str) -> Literal["link", "folder", "file"] | None:
    """What has a name in an open folder; None when nothing has."""
    status = moving.status(parent, name)
    if status is None:
        return None
    if stat.S_ISLNK(status.st_mode):
        return "link"
    return "folder" if stat.S_ISDIR(status.st_mode) else "file"
