"""The side of the keys: open files are handed to the worker, verdicts come back, and the bytes of a package's members.

Nothing that came from outside is parsed here. What is read of the worker's own words is short and canonical: a
descriptor restated (`container.restated`, a mebibyte at most), or a flat object of short strings.
"""

from __future__ import annotations

import dataclasses
import fcntl
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from gateway.adapters.container import Caps, ContainerError, Laying
from gateway.adapters.container.caps import free_bytes
from gateway.adapters.worker import frames
from gateway.outcomes import Deferred, Ok, Outcome, Refused
from gateway.packages import Descriptor, DescriptorError

Accept = Callable[[Descriptor], Refused | None]
_PIPE = 1 << 20


class Unpacker(Protocol):
    """What opens the inside of a package in another process."""

    def unpack(self, plain: int, into: Path, caps: Caps, accept: Accept) -> Outcome[Descriptor]:
        """Lay the members of the compressed tar in the open file `plain` into the empty folder `into`, synced. `accept`
        may refuse by the descriptor, before a member is written. Refused 214 to 216, 314, 315; Deferred 702 where the
        listed members do not fit on the disk, 704. What is in `into` on anything but Ok is the caller's to remove."""
        ...

    def describe(self, folder: Path) -> Outcome[Descriptor]:
        """What the `datapackage.json` of a folder that was unpacked before says."""
        ...


class Asking(ABC):
    """Jobs for a worker, wherever it runs."""

    @abstractmethod
    def ask(self, job: Mapping[str, Any], files: Sequence[int] = ()) -> Outcome[Mapping[str, Any]]:
        """One job, with open files. Deferred 704 when the worker or its child died."""

    def unpack(self, plain: int, into: Path, caps: Caps, accept: Accept) -> Outcome[Descriptor]:
        """As `Unpacker`."""
        reading, writing = os.pipe2(os.O_CLOEXEC)
        with suppress(OSError):  # an unprivileged user's pipes may be held to a smaller size
            fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, _PIPE)
        os.lseek(plain, 0, os.SEEK_SET)
        job = {"job": "unpack", "caps": dataclasses.astuple(caps), "bytes": os.fstat(plain).st_size}
        verdict: list[Outcome[Mapping[str, Any]]] = []

        def ask() -> None:
            try:
                verdict.append(self.ask(job, (plain, writing)))
            finally:
                os.close(writing)

        thread = threading.Thread(target=ask, name="unpacking", daemon=True)
        thread.start()
        taking = _Taking(into, accept)
        try:
            with os.fdopen(reading, "rb") as pipe:
                taking.all_of(pipe)
        finally:
            thread.join()
            taking.close()
        return taking.judged(verdict[0]) if verdict else Deferred("704", retry_after=5)

    def describe(self, folder: Path) -> Outcome[Descriptor]:
        """As `Unpacker`."""
        with (folder / "datapackage.json").open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            job = {"job": "describe", "caps": dataclasses.astuple(Caps()), "bytes": size}
            found = self.ask(job, (stream.fileno(),))
        if not isinstance(found, Ok):
            return found
        return _believed(str(found.value["descriptor"]).encode())

    def note(self, file: Path) -> Outcome[Mapping[str, object]]:
        """What a file beside another says: short plain values by key. Refused 264 where it cannot be read."""
        with file.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            return self.ask({"job": "note", "bytes": size}, (stream.fileno(),))

    def listed(self, data: bytes) -> Outcome[Mapping[str, Any]]:
        """Of a list that nobody vouched for: `packages` (id, size, digest), and `issuer` and `receiver` where it is a
        distribution list in full. Refused 247 where it is none at all."""
        held = os.memfd_create("list")
        try:
            with os.fdopen(os.dup(held), "wb") as stream:
                stream.write(data)
            os.lseek(held, 0, os.SEEK_SET)
            return self.ask({"job": "list", "bytes": len(data)}, (held,))
        finally:
            os.close(held)


class _Taking:
    """The frames of one package, taken as they come; the first thing that is wrong ends it."""

    def __init__(self, into: Path, accept: Accept) -> None:
        self._into, self._accept = into, accept
        self._laying = Laying(into)
        self._descriptor: Descriptor | None = None
        self._wrong: Outcome[Descriptor] | None = None

    def all_of(self, pipe: BinaryIO) -> None:
        """Until the pipe ends, or something is wrong. Raises `OSError` where a member cannot be written."""
        try:
            for kind, data in frames.read(pipe):
                self._wrong = self._one(kind, data)
                if self._wrong is not None:
                    return
        except ContainerError as error:
            self._wrong = Refused(error.code, {"reason": error.reason})
        except frames.Broken:
            self._wrong = Deferred("704", retry_after=5)

    def _one(self, kind: bytes, data: bytes) -> Outcome[Descriptor] | None:
        if kind == frames.ORIGINAL:
            self._laying.original(data)
        elif kind == frames.DESCRIPTOR:
            return self._described(data)
        elif kind == frames.MEMBER:
            self._laying.begin(data.decode("utf-8", "replace"))
        else:
            self._laying.write(data)
        return None

    def _described(self, data: bytes) -> Outcome[Descriptor] | None:
        believed = _believed(data)
        if not isinstance(believed, Ok):
            return believed
        self._descriptor = believed.value
        if (refused := self._accept(believed.value)) is not None:
            return refused
        if sum(r.bytes for r in believed.value.resources) > free_bytes(self._into):
            return Deferred("702")
        self._laying.expect(believed.value)
        return None

    def judged(self, verdict: Outcome[Mapping[str, Any]]) -> Outcome[Descriptor]:
        """What was wrong here, else what the worker says, else the descriptor. Raises `OSError`."""
        if self._wrong is not None:
            return self._wrong
        if not isinstance(verdict, Ok):
            return verdict
        if self._descriptor is None:
            return Deferred("704", retry_after=5)
        try:
            self._laying.end()
        except ContainerError as error:
            return Refused(error.code, {"reason": error.reason})
        return Ok(self._descriptor)

    def close(self) -> None:
        self._laying.close()


def _believed(data: bytes) -> Outcome[Descriptor]:
    try:
        return Ok(Descriptor.parse(data))
    except DescriptorError:  # not what `restated` writes
        return Deferred("704", retry_after=5)
