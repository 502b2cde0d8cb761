"""The compiled code found and loaded: a file of machine code per version of the sources and kind of processor.

It lies in `compiled/` beside this file, where `make setup` and `python -m gateway.records.kernel` put it, else in a
folder that is asked for, else in the user's cache. Only files that this user, the owner of these sources or root could
have written are loaded.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

from llvmlite import binding  # type: ignore[import-untyped]

from gateway import durable
from gateway.records.kernel.entries import ENTRIES

HERE = Path(__file__).parent
BESIDE = HERE / "compiled"
_SOURCES = (
    "characters", "charactertables", "compiling", "entries", "judging", "output", "reading", "ruling", "scanning",
    "sha", "tables", "values", "words",
)  # fmt: skip
_DIGEST = 32
Entry = Callable[..., None]


class NotLoaded(RuntimeError):
    """There is no compiled code of this version, or none that may be trusted, or none that can be loaded."""


@cache
def file_name() -> str:
    """The name of the file with the code of these sources for this processor."""
    digest = hashlib.sha256()
    for part in _SOURCES:
        digest.update((HERE / f"{part}.py").read_bytes())
    digest.update(f"{binding.get_host_cpu_name()} {binding.get_host_cpu_features().flatten()}".encode())
    return digest.hexdigest()[:32]


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


def keep(code: bytes, places: Iterable[Path]) -> Path:
    """Put compiled code, behind its digest, into the first folder that takes it. Raises `OSError` where none does."""
    error = OSError("no folder was named")
    for folder in places:
        try:
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            path = folder / file_name()
            durable.write_bytes(path, hashlib.sha256(code).digest() + code, 0o644)
        except OSError as refused:
            error = refused
        else:
            return path
    raise error


class Machine:
    """The entries of a file of compiled code, callable; arrays are given by their addresses. The code runs without the
    interpreter's lock. `hardware`: the processor takes digests by itself."""

    def __init__(self, path: Path) -> None:
        found = path.stat()
        if found.st_uid not in (0, os.geteuid(), HERE.stat().st_uid) or found.st_mode & 0o022:
            raise NotLoaded("others could have written the compiled code")
        binding.initialize_native_target()
        binding.initialize_native_asmprinter()
        whole = path.read_bytes()
        if hashlib.sha256(whole[_DIGEST:]).digest() != whole[:_DIGEST]:
            raise NotLoaded("the compiled code is damaged")
        machine = binding.Target.from_default_triple().create_target_machine()
        self.hardware = bool(binding.get_host_cpu_features().get("sha"))
        self._engine = binding.create_mcjit_compiler(binding.parse_assembly(""), machine)
        self._engine.add_object_file(binding.object_file.ObjectFileRef.from_data(whole[_DIGEST:]))
        self._engine.finalize_object()
        self.judge = self._entry("judge")
        self.digest_accepted = self._entry("digest_accepted")
        self.digest_lines = self._entry("digest_lines")
        self.gather = self._entry("gather")
        self.tell = self._entry("tell")

    def _entry(self, name: str) -> Entry:
        address = self._engine.get_function_address(name)
        if not address:
            raise NotLoaded("the compiled code has no such entry")
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
