"""The compiled engine: the same examination over raw bytes, more than an order of magnitude faster.

It is joined behind `examine` where it pays: a text table of some size and a schema that fits into its tables. Compiling
takes a quarter of a minute once and needs numba; the machine code is kept in a file (`python -m gateway.records.kernel
[FOLDER]` makes it beforehand, `make setup` does) and mapped in a millisecond. Where nothing can be compiled or
loaded (no numba, no executable memory) everything goes on in plain Python, and the result says so.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.records.cells import Circumstances
from gateway.records.readers.table import TextTable

if TYPE_CHECKING:
    from gateway.records.kernel.engine import Engine
    from gateway.records.kernel.loading import Machine
    from gateway.records.passing import Pass

LOADED, COMPILED, NEITHER = 256 << 10, 1 << 20, 256 << 20
"""Bytes of a file from which on the engine pays: when it is loaded, has to be loaded, has to be compiled first."""

# numpy's algebra, of which nothing is used here, would start a thread per processor, before the worker forks.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

_state: dict[str, Machine | None] = {}
_chosen: list[Path] = []


def prepare(cache: Path | None = None, compiling: bool = True) -> bool:
    """Load the compiled code, from its own folder, `cache` or the user's cache; where there is none, compile it into
    the first of them that takes it. False where that is not possible. No thread is started."""
    if _state.get("machine") is None and (compiling or "machine" not in _state):
        _state["machine"] = _machine(cache, compiling)
        _chosen[:] = [cache] if cache else []
    return _state["machine"] is not None


def _machine(cache: Path | None, compiling: bool) -> Machine | None:
    try:
        from gateway.records.kernel import digesting, loading

        places = loading.folders(cache)
        path = loading.find(places)
        if path is None and not compiling:
            return None
        machine = loading.Machine(path or make(places))
        digesting.prove(machine, machine.hardware)
    except Exception:  # any reason why it cannot run here: the plain engine does the same work
        return None
    return machine


def make(places: Sequence[Path]) -> Path:
    """Compile, and keep the code in the first folder that takes it. Raises `ImportError` without numba, `OSError` where
    no folder takes it."""
    from gateway.records.kernel import compiling, loading

    return loading.keep(compiling.make(), places)


def preload(cache: Path | None = None) -> bool:
    """Load the engine if it was compiled before, so that forked children have it; never wait for a compilation. False
    where it is not loaded."""
    return prepare(cache, compiling=False)


def choose(run: Pass, circumstances: Circumstances, threads: int | None) -> Engine | None:
    """The engine for a pass, or None where the plain one is to do it. `threads`: None decides by size; 0 is plain."""
    if threads == 0 or not isinstance(run.table, TextTable):
        return None
    size = run.table.path.stat().st_size if threads is None else NEITHER
    cache = _chosen[0] if _chosen else None
    if size < (LOADED if _state.get("machine") else COMPILED) or not prepare(cache, compiling=size >= NEITHER):
        return None
    machine = _state["machine"]
    assert machine is not None
    from gateway.records.kernel.engine import Engine

    return Engine.for_pass(machine, run, circumstances, threads or len(os.sched_getaffinity(0)))
