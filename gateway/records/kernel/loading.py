"""The compiled code found and loaded: a file of machine code per version of the sources and kind of processor.

It lies in `compiled/` beside this file, where `make setup` and `python -m gateway.records.kernel` put it, else in a
folder that is asked for, else in the user's cache. Only files that this user, the owner of these sources or root could
have written are loaded.
"""

from __future__ import annotations

import ctypes
import hashlib
import mmap
import os
import struct
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from gateway import durable
from gateway.records.kernel.entries import ENTRIES
from gateway.records.readers.quoting import CELL_FEEDS, CELL_LIMIT, LINE_LIMIT, RECORD_FEEDS

HERE = Path(__file__).parent
BESIDE = HERE / "compiled"
_SOURCES = (
    "cells", "characters", "charactertables", "compiling", "entries", "joining", "judging", "layout", "linking",
    "loading", "output", "reading", "ruling", "scanning", "sha", "splitting", "tables", "task", "values", "words",
    "writing",
)  # fmt: skip
_DIGEST = 32
_HEAD = struct.Struct(f"<{len(ENTRIES)}qq")
_BEGIN = -(-(_DIGEST + _HEAD.size) // 64) * 64
Entry = Callable[..., None]


class NotLoaded(RuntimeError):
    """There is no compiled code of this version, or none that may be trusted, or none that can be loaded."""


@cache
def file_name() -> str:
    """The name of the file with the code of these sources for this processor."""
    digest = hashlib.sha256()
    for part in _SOURCES:
        digest.update((HERE / f"{part}.py").read_bytes())
    digest.update(repr((LINE_LIMIT, CELL_LIMIT, CELL_FEEDS, RECORD_FEEDS)).encode())  # compiled into it
    digest.update(_processor())
    return digest.hexdigest()[:32]


def _processor() -> bytes:
    """The first processor as the system describes it: its name and its abilities."""
    try:
        # The worker's unit sees no /proc/cpuinfo.
        return Path("/sys/devices/system/cpu/modalias").read_bytes()
    except OSError:
        described = Path("/proc/cpuinfo").read_bytes()[: 1 << 16].partition(b"\n\n")[0]
        kinds = (b"vendor_id", b"cpu family", b"model", b"stepping", b"flags", b"CPU ", b"Features")
        return b"\n".join(line for line in described.splitlines() if line.startswith(kinds))


def folders(cache_folder: Path | None) -> tuple[Path, ...]:
    """Where compiled code may lie, the first choice first."""
    user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "exchange-gateway" / "compiled"
    return (BESIDE, cache_folder or user)


def find(places: Iterable[Path]) -> Path | None:
    """The file of this version in the first folder that has it."""
    for folder in places:
        path = folder / file_name()
        if path.is_file():
            return path
    return None


def packed(code: bytes, places: Sequence[int], hardware: bool) -> bytes:
    """A file of machine code, without its digest: where each of the entries stands, and the code."""
    head = _HEAD.pack(*(_BEGIN + place for place in places), hardware)
    return head.ljust(_BEGIN - _DIGEST, b"\0") + code


def keep(code: bytes, places: Iterable[Path], name: str = "") -> Path:
    """Put compiled code, or what else is kept under `name`, behind its digest, into the first folder that takes it.
    Raises `OSError` where none does."""
    error = OSError("no folder was named")
    for folder in places:
        try:
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            path = folder / (name or file_name())
            durable.write_bytes(path, hashlib.sha256(code).digest() + code, 0o644)
        except OSError as refused:
            error = refused
        else:
            return path
    raise error


def kept(path: Path) -> bytes:
    """What a file holds that `keep` wrote, without its digest. Raises `NotLoaded` for a damaged one, or one that others
    could have written."""
    with path.open("rb") as stream:
        found = os.fstat(stream.fileno())
        if found.st_uid not in (0, os.geteuid(), HERE.stat().st_uid) or found.st_mode & 0o022:
            raise NotLoaded("others could have written the compiled code")
        raw = stream.read()
    if hashlib.sha256(raw[_DIGEST:]).digest() != raw[:_DIGEST]:
        raise NotLoaded("the compiled code is damaged")
    return raw[_DIGEST:]


def _executable(path: Path) -> mmap.mmap:
    """A file of compiled code, mapped: as it lies there, or a copy where nothing in its folder may be executed."""
    code = path.read_bytes()[:_DIGEST] + kept(path)
    try:
        with path.open("rb") as stream:
            raw = mmap.mmap(stream.fileno(), 0, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC)
    except PermissionError:
        raw = mmap.mmap(-1, len(code), mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        raw[:] = code
    if raw[:] != code:
        raise NotLoaded("the compiled code is damaged")
    return raw


class Machine:
    """The entries of a file of compiled code, callable; arrays are given by their addresses. The code runs without the
    interpreter's lock. `hardware`: the processor takes digests by itself."""

    def __init__(self, path: Path) -> None:
        self._code = _executable(path)
        begin = _address(self._code)
        *places, hardware = _HEAD.unpack_from(self._code, _DIGEST)
        self.hardware = bool(hardware)
        entries = (_entry(name, begin + place) for name, place in zip(ENTRIES, places, strict=True))
        self.judge, self.digest_accepted, self.digest_lines, self.gather, self.tell = entries


def _address(raw: mmap.mmap) -> int:
    """Where mapped bytes begin that cannot be written."""
    buffer = (ctypes.c_void_p * 16)()  # a `Py_buffer`, whose first word is the address; the object keeps itself mapped
    ctypes.pythonapi.PyObject_GetBuffer(ctypes.py_object(raw), buffer, 0)
    return buffer[0] or 0


def _entry(name: str, address: int) -> Entry:
    kinds = [ctypes.c_int64] * len(ENTRIES[name])
    function: Any = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, *kinds)(address)
    nothing = ctypes.create_string_buffer(16)
    where = ctypes.addressof(nothing)

    def run(*given: int) -> None:
        # Two words that numba's convention keeps for a result and an exception; neither is ever written.
        if function(where, where + 8, *given):
            raise NotLoaded(f"{name} failed")

    run.__dict__["nothing"] = nothing
    return run
