"""The members of a package, as the worker tells them, laid into a folder beside the keys.

Nothing is looked into here: bytes are counted, hashed and written. What the worker says is held against the
descriptor, so that a worker that was taken over can lay nothing else than the files that the descriptor lists, with
their lengths and digests.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from gateway.adapters.container.caps import ContainerError
from gateway.durable import Writer, sync_folder
from gateway.packages import DESCRIPTOR, Descriptor, Resource

_BEHIND = 4
_SMALL = 4 << 20


class Laying:
    """One package on its way into the empty folder `into` (files 0600, folders 0700, all synced at `end`). Raises
    `ContainerError` and `OSError`; what was written until then is the caller's to remove."""

    def __init__(self, into: Path) -> None:
        self._into = into
        self._stack = contextlib.ExitStack()
        self._missing: dict[str, Resource] = {}
        self._folders: set[str] = set()
        self._open: _Open | None = None
        self._original = 0

    def original(self, data: bytes) -> None:
        """`datapackage.json`, byte for byte as it came."""
        writing = _Open(self._into / DESCRIPTOR, len(data), lambda _: None)
        try:
            writing.write(data)
            writing.sync()
        finally:
            writing.close()

    def expect(self, descriptor: Descriptor) -> None:
        """What may come: exactly the members this descriptor lists."""
        self._missing = {resource.path: resource for resource in descriptor.resources}
        self._folders = {f"{p}" for path in self._missing for p in Path(path).parents if f"{p}" != "."}

    def begin(self, path: str) -> None:
        """The bytes that follow are this member's."""
        self._end_member()
        listed = self._missing.pop(path, None)
        if listed is None:
            raise ContainerError("215", "a member is not listed, or comes twice")
        target = self._into / listed.path
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._open = _Open(target, listed.bytes, self._judge(listed))

    def write(self, data: bytes) -> None:
        """More of the member."""
        if self._open is None:
            raise ContainerError("215", "bytes of no member")
        self._open.write(data)

    def end(self) -> None:
        """Everything came: judge it, and sync it."""
        self._end_member()
        if self._missing:
            raise ContainerError("214", "a listed member is missing")
        for folder in sorted(self._folders, reverse=True):
            sync_folder(self._into / folder)
        sync_folder(self._into)

    def close(self) -> None:
        """Let go of what is open, in any case."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _end_member(self) -> None:
        if self._open is not None:
            writing, self._open = self._open, None
            try:
                writing.sync()
            finally:
                writing.close()

    @staticmethod
    def _judge(listed: Resource) -> Callable[[str], None]:
        def judge(digest: str) -> None:
            if digest != listed.sha256:
                raise ContainerError("214", "a member has not the listed digest")

        return judge


class _Open:
    """A member that is being written, to exactly `size` bytes; a large one is hashed in a thread of its own."""

    def __init__(self, target: Path, size: int, judge: Callable[[str], None]) -> None:
        self._left, self._judge, self._digest = size, judge, hashlib.sha256()
        self._descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        self._out = Writer(self._descriptor)
        self._threads = contextlib.ExitStack()
        update: Callable[[bytes], Any] = self._digest.update
        self._see = self._threads.enter_context(_beside(update)) if size > _SMALL else update

    def write(self, data: bytes) -> None:
        if len(data) > self._left:
            raise ContainerError("214", "a member has not the listed length")
        self._left -= len(data)
        self._see(data)
        self._out.write(data)

    def sync(self) -> None:
        """Judge length and digest, then make it durable."""
        self._threads.close()
        if self._left:
            raise ContainerError("214", "a member has not the listed length")
        self._judge(self._digest.hexdigest())
        self._out.sync()

    def close(self) -> None:
        self._threads.close()
        os.close(self._descriptor)


@contextlib.contextmanager
def _beside(work: Callable[[bytes], object]) -> Iterator[Callable[[bytes], object]]:
    """Do `work`, which does not fail, in another thread, in order, a few pieces behind; all is done at the end."""
    waiting: queue.Queue[bytes | None] = queue.Queue(_BEHIND)

    def do() -> None:
        while (piece := waiting.get()) is not None:
            work(piece)

    thread = threading.Thread(target=do, name="hashing", daemon=True)
    thread.start()
    try:
        yield waiting.put
    finally:
        waiting.put(None)
        thread.join()
