"""The compiled engine: the same examination over raw bytes, an order of magnitude faster.

It is joined behind `examine` where it pays: a text table of some size, a schema that fits into its tables, and numba at
hand. Compiled code is cached under `NUMBA_CACHE_DIR`, which `prepare` sets; where nothing can be compiled (no numba, no
executable memory) everything goes on in plain Python, and the result says so.
"""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.records.cells import Circumstances
from gateway.records.readers.table import TextTable

if TYPE_CHECKING:
    from gateway.records.kernel.engine import Engine
    from gateway.records.passing import Pass

SMALL = 256 << 10
"""Bytes from which on a compiled engine that is loaded already pays."""
LARGE = 24 << 20
"""Bytes from which on loading it pays (half a second; some more when it has to be compiled first)."""

_state: dict[str, bool] = {}


def prepare(cache: Path | None = None) -> bool:
    """Load the engine, compiling what `cache` (by default the user's cache folder) does not hold; False where that is
    not possible. A process that forks does this first: no thread is started, and its children have it already."""
    if "ready" not in _state:
        folder = cache or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "exchange-gateway"
        os.environ.setdefault("NUMBA_CACHE_DIR", str(folder / "compiled" if cache is None else folder))
        try:
            importlib.import_module("gateway.records.kernel.engine").warm_up()
            _state["ready"] = True
        except Exception:  # whatever keeps it from compiling here: the plain engine does the same work
            _state["ready"] = False
    return _state["ready"]


def choose(run: Pass, circumstances: Circumstances, threads: int | None) -> Engine | None:
    """The engine for a pass, or None where the plain one is to do it. `threads`: None decides by size; 0 is plain."""
    if threads == 0 or not isinstance(run.table, TextTable):
        return None
    size = run.table.path.stat().st_size
    if threads is None and size < (SMALL if _state.get("ready") else LARGE):
        return None
    if not prepare():
        return None
    from gateway.records.kernel.engine import Engine

    return Engine.for_pass(run, circumstances, threads or len(os.sched_getaffinity(0)))
