"""Compiled: eight bytes at a time, and calls into C. The few operations that numba has no words for."""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic


def _bare(typing_context: Any, array: Any) -> Any:  # noqa: ARG001
    """The same array without its reference count, which costs two locked instructions whenever a function is given it.
    Whoever calls compiled code holds the array as long as the call lasts; one that is made inside must not be bared."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        found = context.make_array(signature.args[0])(context, builder, value=arguments[0])
        found.meminfo = ir.Constant(found.meminfo.type, None)
        found.parent = ir.Constant(found.parent.type, None)
        return found._getvalue()

    return array(array), generate


def _eight_at(typing_context: Any, address: Any) -> Any:  # noqa: ARG001
    """The eight bytes at an address as a number, the first byte lowest; the address need not be aligned."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        pointer = builder.inttoptr(arguments[0], ir.IntType(64).as_pointer())
        return builder.load(pointer, align=1)

    return types.uint64(types.int64), generate


def _put_eight(typing_context: Any, address: Any, word: Any) -> Any:  # noqa: ARG001
    """Write a number as eight bytes to an address, the lowest byte first; the address need not be aligned."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        builder.store(arguments[1], builder.inttoptr(arguments[0], ir.IntType(64).as_pointer()), align=1)
        return context.get_dummy_value()

    return types.void(types.int64, types.uint64), generate


def _low_zeros(typing_context: Any, word: Any) -> Any:  # noqa: ARG001
    """How many bits below the lowest set bit of a word are not set; the word is not 0."""

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 1))

    return types.uint64(types.uint64), generate


def _call(typing_context: Any, address: Any, one: Any, two: Any, three: Any) -> Any:  # noqa: ARG001
    """Call a C function of three words at an address; what it returns is not looked at."""

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        word = ir.IntType(64)
        function = builder.inttoptr(arguments[0], ir.FunctionType(ir.IntType(32), [word] * 3).as_pointer())
        builder.call(function, arguments[1:])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64, types.int64), generate


bare: Any = intrinsic(_bare)
eight_at: Any = intrinsic(_eight_at)
put_eight: Any = intrinsic(_put_eight)
low_zeros: Any = intrinsic(_low_zeros)
call: Any = intrinsic(_call)
