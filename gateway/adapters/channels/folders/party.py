"""What the node lays down, reads and removes in the parties' folders: every folder through a descriptor that was opened
below the root without following a link, every file by its name in that folder.

A file is written under a hidden name that nobody has taken (a second link planted under a known name would be written
through), and renamed: in place of a link it replaces the link, never what that leads to.
"""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from gateway import durable
from gateway.adapters.channels.folders import moving
from gateway.adapters.channels.folders.root import ExchangeRoot, SourceDown
from gateway.ports import Lying, Obstacle

_HALF = re.compile(r"\.[0-9a-f]{24}\.tmp")
FOLDER_MODE = 0o770
FILE_MODE = 0o660
"""Less what the umask takes away: parties read what is theirs, and people remove it."""


class Folders:
    """`ports.PartyFolders` over one exchange root. Any number of threads."""

    def __init__(self, root: ExchangeRoot) -> None:
        self._root = root

    def is_up(self) -> bool:
        return self._root.is_up()

    def obstacles(self, folders: Iterable[PurePosixPath]) -> Mapping[str, Obstacle]:
        """See `ports.PartyFolders`. Looks now; nothing that was mended is told."""
        found: dict[str, Obstacle] = {}
        for folder in folders:
            try:
                with self._root.folder(folder):
                    pass
            except SourceDown as down:
                if down.reason == "root":
                    return {}
                if down.reason != "missing":
                    found[str(down.folder)] = down.reason
        return found | self._root.names_taken()

    def make(self, folder: PurePosixPath) -> None:
        with self.opened(folder):
            pass

    def opened(self, folder: PurePosixPath) -> AbstractContextManager[int]:
        return self._root.folder(folder, make_mode=FOLDER_MODE)

    def write(self, folder: PurePosixPath, name: str, content: bytes | Path) -> None:
        """See `ports.PartyFolders`. What has the name and cannot be replaced is told by `obstacles`."""
        with self.opened(folder) as descriptor:
            try:
                write_file(descriptor, name, content, FILE_MODE)
            except IsADirectoryError:
                self._root.taken(folder, name)
                raise

    def files(self, folder: PurePosixPath) -> Sequence[Lying]:
        """See `ports.PartyFolders`. What goes meanwhile is left out."""
        found = []
        with self._there(folder) as descriptor:
            if descriptor is None:
                return ()
            with os.scandir(descriptor) as entries:
                names = [entry.name for entry in entries if entry.is_file(follow_symlinks=False)]
            for name in names:
                status = moving.status(descriptor, name)
                if status is not None and stat.S_ISREG(status.st_mode):
                    found.append(Lying(name, status.st_size, status.st_mtime_ns))
        return sorted(found, key=lambda lying: lying.name)

    def read(self, folder: PurePosixPath, name: str, limit: int) -> bytes | None:
        with self._file(folder, name) as stream:
            data = stream.read(limit + 1) if stream is not None else None
        return data if data is not None and len(data) <= limit else None

    def sha256(self, folder: PurePosixPath, name: str) -> str:
        with self._file(folder, name) as stream:
            return _copied(stream, None) if stream is not None else ""

    def fetch(self, folder: PurePosixPath, name: str, target: Path, sha256: str) -> bool:
        """See `ports.PartyFolders`. What is compared is the copy: the party may change its file at any moment."""
        partial = target.with_name(f".{target.name}.part")
        with self._file(folder, name) as stream:
            if stream is None:
                return False
            try:
                with partial.open("wb") as copy:
                    same = _copied(stream, copy) == sha256
                    copy.flush()
                    os.fsync(copy.fileno())
                if same:
                    durable.publish(partial, target)
                return same
            finally:
                partial.unlink(missing_ok=True)

    def remove(self, folder: PurePosixPath, name: str) -> None:
        with self._there(folder) as descriptor:
            if descriptor is not None and moving.exists(descriptor, name):
                moving.remove(descriptor, name)
                moving.sync(descriptor)

    def tidy(self, folder: PurePosixPath, before_ns: int) -> int:
        """See `ports.PartyFolders`. What a party puts in the place of such a file meanwhile loses its name, whatever it
        leads to stays."""
        with self._there(folder) as descriptor:
            if descriptor is None:
                return 0
            with os.scandir(descriptor) as entries:
                names = [entry.name for entry in entries if _HALF.fullmatch(entry.name)]
            left = [name for name in names if durable.is_left(moving.status(descriptor, name), before_ns)]
            for name in left:
                moving.remove(descriptor, name)
            if left:
                moving.sync(descriptor)
            return len(left)

    def open_to_others(self, folder: PurePosixPath) -> bool:
        with self._there(folder) as descriptor:
            return descriptor is not None and bool(os.fstat(descriptor).st_mode & stat.S_IRWXO)

    @contextmanager
    def _there(self, folder: PurePosixPath) -> Iterator[int | None]:
        """The folder, or None where it is merely not there."""
        with ExitStack() as stack:
            descriptor = None
            try:
                descriptor = stack.enter_context(self._root.folder(folder))
            except SourceDown as down:
                if down.reason != "missing":
                    raise
            yield descriptor

    @contextmanager
    def _file(self, folder: PurePosixPath, name: str) -> Iterator[BinaryIO | None]:
        """A regular file; None where the name is nobody's, or something else has it."""
        with self._there(folder) as descriptor:
            stream = open_file(descriptor, name) if descriptor is not None else None
            if stream is None:
                yield None
                return
            with stream:
                yield stream


def open_file(folder: int, name: str) -> BinaryIO | None:
    """A regular file of an open folder, for reading; a link is not followed, a pipe holds nobody."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        there = moving.status(folder, name)
        if there is not None and stat.S_ISREG(there.st_mode):
            raise
        return None
    stream = os.fdopen(descriptor, "rb") if stat.S_ISREG(os.fstat(descriptor).st_mode) else None
    if stream is None:
        os.close(descriptor)
    return stream


def write_file(folder: int, name: str, content: bytes | Path, mode: int, *, exactly: bool = False) -> None:
    """Write a file of an open folder durably, whole or not at all. `exactly`: that mode, whatever the umask says."""
    partial = f".{secrets.token_hex(12)}.tmp"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(partial, flags, mode, dir_fd=folder), "wb") as stream:
            if isinstance(content, bytes):
                stream.write(content)
            else:
                with content.open("rb") as source:
                    shutil.copyfileobj(source, stream, durable.CHUNK)
            if exactly:
                os.fchmod(stream.fileno(), mode)
            stream.flush()
            os.fsync(stream.fileno())
        os.rename(partial, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with suppress(OSError):
            moving.remove(folder, partial)
        raise
    moving.sync(folder)


def _copied(source: BinaryIO, target: BinaryIO | None) -> str:
    digest = hashlib.sha256()
    while block := source.read(durable.CHUNK):
        digest.update(block)
        if target is not None:
            target.write(block)
    return digest.hexdigest()
