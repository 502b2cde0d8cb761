"""The compiled engine: the same examination over raw bytes, an order of magnitude faster.

It is joined behind `examine` where it pays: a text table of some size, a schema that fits into its tables, and numba
at hand. Compiling takes half a minute once; the result is kept in a folder (`python -m gateway.records.kernel [FOLDER]`
does it beforehand). Where nothing can be compiled (no numba, no executable memory) everything goes on in plain Python,
and the result says so.
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

LOADED, COMPILED, NEITHER = 256 << 10, 24 << 20, 256 << 20
"""Bytes of a file from which on the engine pays: when it is loaded, has to be loaded, has to be compiled first."""
_MARK = "complete"

_state: dict[str, bool] = {}


def _folder(cache: Path | None = None) -> Path:
    """Where compiled code is kept: `$NUMBA_CACHE_DIR`, else `cache`, else the user's cache folder."""
    if "NUMBA_CACHE_DIR" not in os.environ:
        user = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "exchange-gateway"
        os.environ["NUMBA_CACHE_DIR"] = str(cache or user / "compiled")
    return Path(os.environ["NUMBA_CACHE_DIR"])


def prepare(cache: Path | None = None) -> bool:
    """Load the engine, compiling what `cache` does not hold; False where that is not possible. No thread is started."""
    if "ready" not in _state:
        try:
            folder = _folder(cache)
            importlib.import_module("gateway.records.kernel.engine").warm_up()
            folder.mkdir(parents=True, exist_ok=True)
            (folder / _MARK).touch()
            _state["ready"] = True
        except Exception:  # whatever keeps it from compiling here: the plain engine does the same work
            _state["ready"] = False
    return _state["ready"]


def preload(cache: Path | None = None) -> bool:
    """Load the engine if it was compiled before, so that forked children have it; never wait for a compilation. False
    where it is not loaded."""
    return (_folder(cache) / _MARK).exists() and prepare()


def choose(run: Pass, circumstances: Circumstances, threads: int | None) -> Engine | None:
    """The engine for a pass, or None where the plain one is to do it. `threads`: None decides by size; 0 is plain."""
    if threads == 0 or not isinstance(run.table, TextTable):
        return None
    if threads is None:
        pays = LOADED if _state.get("ready") else COMPILED if (_folder() / _MARK).exists() else NEITHER
        if run.table.path.stat().st_size < pays:
            return None
    if not prepare():
        return None
    from gateway.records.kernel.engine import Engine

    return Engine.for_pass(run, circumstances, threads or len(os.sched_getaffinity(0)))
