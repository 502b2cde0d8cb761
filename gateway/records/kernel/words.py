"""Compiled: memory eight and sixty-four bytes at a time, records of `layout`, calls into C: what numba does not offer.

Memory is a pointer and a place. Nothing is checked: callers keep `entries.SLACK` bytes behind every buffer.
"""

from __future__ import annotations

from typing import Any, get_type_hints

from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types
from numba.extending import intrinsic

_types: Any = types
KINDS: Any = {
    "v": _types.int64,
    "b": _types.CPointer(_types.uint8),
    "h": _types.CPointer(_types.int16),
    "w": _types.CPointer(_types.uint16),
    "i": _types.CPointer(_types.int32),
    "n": _types.CPointer(_types.int64),
    "u": _types.CPointer(_types.uint64),
}
"""The letters of `entries.ENTRIES` as numba's types."""
BYTES, LONGS = KINDS["b"], KINDS["n"]
_WORD, _BYTE, _INDEX = ir.IntType(64), ir.IntType(8), ir.IntType(32)


def _eight_at(_typing: Any, data: Any, at: Any) -> Any:  # noqa: ARG001
    """Eight bytes as a number, the first byte lowest."""

    def generate(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        pointer = builder.bitcast(builder.gep(given[0], [given[1]]), _WORD.as_pointer())
        return builder.load(pointer, align=1)

    return types.uint64(BYTES, types.int64), generate


def _put_eight(_typing: Any, data: Any, at: Any, word: Any) -> Any:  # noqa: ARG001
    """Write a number as eight bytes, the lowest first."""

    def generate(context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        builder.store(given[2], builder.bitcast(builder.gep(given[0], [given[1]]), _WORD.as_pointer()), align=1)
        return context.get_dummy_value()

    return types.void(BYTES, types.int64, types.uint64), generate


def _put_many(_typing: Any, target: Any, to: Any, source: Any, at: Any) -> Any:  # noqa: ARG001
    """Copy 64 bytes."""

    def generate(context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        kind = ir.VectorType(_BYTE, 64).as_pointer()
        source, target = builder.gep(given[2], [given[3]]), builder.gep(given[0], [given[1]])
        builder.store(builder.load(builder.bitcast(source, kind), align=1), builder.bitcast(target, kind), align=1)
        return context.get_dummy_value()

    return types.void(BYTES, types.int64, BYTES, types.int64), generate


def _within(_typing: Any, data: Any, at: Any, low: Any, high: Any) -> Any:  # noqa: ARG001
    """Which of 64 bytes are from `low` to `high`: a bit for each, the first byte's lowest."""

    def generate(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        """Write the instructions."""
        vector = ir.VectorType(_BYTE, 64)
        none, zeros = ir.Constant(vector, ir.Undefined), ir.Constant(ir.VectorType(_INDEX, 64), [0] * 64)

        def spread(number: Any) -> Any:
            one = builder.insert_element(none, builder.trunc(number, _BYTE), ir.Constant(_INDEX, 0))
            return builder.shuffle_vector(one, none, zeros)

        data = builder.load(builder.bitcast(builder.gep(given[0], [given[1]]), vector.as_pointer()), align=1)
        reach = builder.sub(given[3], given[2])
        inside = builder.icmp_unsigned("<=", builder.sub(data, spread(given[2])), spread(reach))
        return builder.bitcast(inside, _WORD)

    return types.uint64(BYTES, types.int64, types.int64, types.int64), generate


def _low_zeros(_typing: Any, word: Any) -> Any:  # noqa: ARG001
    """How many bits below the lowest set bit of a word are not set; the word is not 0."""

    def generate(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        return builder.cttz(given[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.uint64), generate


def _ones(_typing: Any, word: Any) -> Any:  # noqa: ARG001
    """How many bits of a word are set."""

    def generate(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        return builder.ctpop(given[0])

    return types.int64(types.uint64), generate


def _turned(_typing: Any, word: Any) -> Any:  # noqa: ARG001
    """A word with its bytes in the other order."""

    def generate(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        return builder.bswap(given[0])

    return types.uint64(types.uint64), generate


def _address(_typing: Any, data: Any) -> Any:
    """The address that a pointer is."""

    def generate(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        return builder.ptrtoint(given[0], _WORD)

    return types.int64(data), generate


def _behind(_typing: Any, data: Any, places: Any) -> Any:  # noqa: ARG001
    """The pointer to so many places behind another."""

    def generate(_context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        return builder.gep(given[0], [given[1]])

    return data(data, types.int64), generate


def reader(record: type[tuple[Any, ...]]) -> Any:
    """A compiled function that reads a record of `layout` from the words at a pointer."""
    hints = get_type_hints(record, include_extras=True).values()
    kind = _types.NamedTuple([KINDS[hint.__metadata__[0]] for hint in hints], record)

    def read(_typing: Any, data: Any) -> Any:  # noqa: ARG001
        """The record at a pointer."""

        def generate(context: Any, builder: Any, _signature: Any, given: Any) -> Any:
            """Write the instructions."""
            members = []
            for place, member in enumerate(kind):
                word = builder.load(builder.gep(given[0], [ir.Constant(_WORD, place)]))
                pointer = isinstance(member, _types.CPointer)
                members.append(builder.inttoptr(word, context.get_value_type(member)) if pointer else word)
            return context.make_tuple(builder, kind, members)

        return kind(LONGS), generate

    return intrinsic(read)


def _call(_typing: Any, address: Any, one: Any, two: Any, three: Any) -> Any:  # noqa: ARG001
    """Call a C function of three words at an address; what it returns is not looked at."""

    def generate(context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        function = builder.inttoptr(given[0], ir.FunctionType(_INDEX, [_WORD] * 3).as_pointer())
        builder.call(function, given[1:])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64, types.int64), generate


eight_at: Any = intrinsic(_eight_at)
put_eight: Any = intrinsic(_put_eight)
put_many: Any = intrinsic(_put_many)
within: Any = intrinsic(_within)
low_zeros: Any = intrinsic(_low_zeros)
ones: Any = intrinsic(_ones)
turned: Any = intrinsic(_turned)
address: Any = intrinsic(_address)
behind: Any = intrinsic(_behind)
call: Any = intrinsic(_call)


called: Any = njit(forceinline=False)
"""Compiled; called, or inlined where the compiler sees fit. Without this word a function inherits the option from an
`inlined` caller, and the loop over all lines would grow by all the code for rare cases."""
inlined: Any = njit(forceinline=True)
"""Compiled into its callers: one part of a long function that is written as several."""


@njit(inline="always")
def copy(source, at, target, to, count):  # type: ignore[no-untyped-def]
    """Copy `count` bytes from `source[at]` to `target[to]`, 64 at a time: up to 63 more are written behind them."""
    for i in range(0, count, 64):
        put_many(target, to + i, source, at + i)
