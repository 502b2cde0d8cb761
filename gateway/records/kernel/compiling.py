"""The compiled code made: machine code for this processor out of the compiled modules, with nothing left to look up.

Needs numba, which nothing else does: what comes out is loaded by `loading` alone.
"""

from __future__ import annotations

from typing import Any

import numba
from llvmlite import binding  # type: ignore[import-untyped]

from gateway.records.kernel import judging, linking, loading, output
from gateway.records.kernel.entries import ENTRIES
from gateway.records.kernel.sha import HARDWARE

_types: Any = numba.types
_KINDS = {
    "v": _types.int64,
    "b": _types.CPointer(_types.uint8),
    "h": _types.CPointer(_types.int16),
    "w": _types.CPointer(_types.uint16),
    "i": _types.CPointer(_types.int32),
    "n": _types.CPointer(_types.int64),
    "u": _types.CPointer(_types.uint64),
}
_OPTIONS: Any = {
    "nogil": True, "error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True, "_nrt": False,
}  # fmt: skip


def make() -> bytes:
    """Machine code with a function for each of `entries.ENTRIES`, as `loading` wants it.

    Each takes two pointers first that numba's convention wants, and returns a status: always 0.
    """
    whole: Any = None
    for name, kinds in ENTRIES.items():
        function = getattr(judging if name == "judge" else output, name)
        signature = _types.void(*(_KINDS[kind] for kind in kinds))
        compiled = numba.njit(signature, **_OPTIONS)(function.py_func).overloads.popitem()[1]
        module = binding.parse_assembly(compiled.library.get_llvm_str())
        module.get_function(compiled.fndesc.llvm_func_name).name = name
        if whole is None:
            whole = module
        else:
            whole.link_in(module)
    machine = binding.Target.from_default_triple().create_target_machine(
        cpu=binding.get_host_cpu_name(), features=binding.get_host_cpu_features().flatten(), opt=3, reloc="pic",
        codemodel="small",
    )  # fmt: skip
    return loading.packed(*linking.link(machine.emit_object(whole), ENTRIES), HARDWARE)
