"""Making the compiled code: machine code for this processor out of the modules that numba compiles, with no symbol
left to look up.

This needs numba; `loading`, which loads the result, does not.
"""

from __future__ import annotations

from typing import Any

import numba
from llvmlite import binding  # type: ignore[import-untyped]

from gateway.records.kernel import judging, linking, loading, output
from gateway.records.kernel.entries import ENTRIES
from gateway.records.kernel.sha import HARDWARE
from gateway.records.kernel.words import KINDS

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
        signature: Any = numba.types.void(*(KINDS[kind] for kind in kinds))
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
