"""Compiled: SHA-256 (FIPS 180-4) of two messages at a time, with the processor's own instructions.

One message alone waits for every round's result; two of them fill the gaps, and take little longer than one. Only where
the processor has these instructions (`HARDWARE`); elsewhere `output` calls libcrypto. Proved against `hashlib` whenever
it is loaded.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from llvmlite import binding, ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic

from gateway.records.kernel.layout import Digests
from gateway.records.kernel.words import address, behind, called, eight_at, put_eight, turned

HARDWARE = bool(binding.get_host_cpu_features().get("sha"))
STATES, PADS = 96, 256
"""Bytes of a context: states of both lanes and one of no meaning; the ends of both messages, padded."""
_NONE, _ONE, _END = np.uint64(0), np.uint64(1), np.uint64(0x80)
_PRIMES = [n for n in range(2, 312) if all(n % k for k in range(2, math.isqrt(n) + 1))]
_MASK = (1 << 32) - 1


def _cube_root(number: int) -> int:
    low, high = 0, 1 << 36
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**3 <= number else (low, middle)
    return low


_K = [_cube_root(prime << 96) & _MASK for prime in _PRIMES[:64]]
_A, _B, _C, _D, _E, _F, _G, _H = (math.isqrt(prime << 64) & _MASK for prime in _PRIMES[:8])
# As the instructions want it: F E B A and H G D C, two words a number.
_START = tuple(np.uint64(high << 32 | low) for high, low in ((_E, _F), (_A, _B), (_G, _H), (_C, _D)))
_START_0, _START_1, _START_2, _START_3 = _START


def _two_blocks(_typing: Any, one: Any, two: Any, data_one: Any, data_two: Any) -> Any:  # noqa: ARG001
    """One block of each of two messages: addresses of their states and of their 64 bytes."""
    vector, index = ir.VectorType(ir.IntType(32), 4), ir.IntType(32)

    def generate(context: Any, builder: Any, _signature: Any, given: Any) -> Any:
        """Write the instructions."""

        def function(name: str, *kinds: Any) -> Any:
            return builder.module.globals.get(name) or ir.Function(builder.module, ir.FunctionType(vector, kinds), name)

        rounds = function("llvm.x86.sha256rnds2", vector, vector, vector)
        first, second = (function(f"llvm.x86.sha256msg{n}", vector, vector) for n in (1, 2))
        swap = function("llvm.bswap.v4i32", vector)

        def places(*numbers: int) -> Any:
            return ir.Constant(ir.VectorType(index, 4), list(numbers))

        def at(start: Any, place: int) -> Any:
            pointer = builder.inttoptr(start, vector.as_pointer())
            return builder.gep(pointer, [ir.Constant(index, place)])

        lanes = []
        for state, data in ((given[0], given[2]), (given[1], given[3])):
            before = [builder.load(at(state, place), align=1) for place in range(2)]
            words = [builder.call(swap, [builder.load(at(data, place), align=1)]) for place in range(4)]
            lanes.append((state, before, list(before), words))
        for group in range(16):
            constants = ir.Constant(vector, _K[4 * group : 4 * group + 4])
            for _, _, now, words in lanes:
                if group >= 4:
                    # Words 4 before, 3 before, 2 before and 1 before make the next four.
                    shifted = builder.shuffle_vector(words[2], words[3], places(1, 2, 3, 4))
                    partly = builder.add(builder.call(first, [words[0], words[1]]), shifted)
                    words[:] = [*words[1:], builder.call(second, [partly, words[3]])]
                added = builder.add(words[3] if group >= 4 else words[group], constants)
                now[1] = builder.call(rounds, [now[1], now[0], added])
                upper = builder.shuffle_vector(added, added, places(2, 3, 0, 1))
                now[0] = builder.call(rounds, [now[0], now[1], upper])
        for state, before, now, _ in lanes:
            for place in range(2):
                builder.store(builder.add(before[place], now[place]), at(state, place), align=1)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64, types.int64), generate


two_blocks: Any = intrinsic(_two_blocks)


@called
def _begin(data, s, e, context, lane):  # type: ignore[no-untyped-def]
    """Begin a message in a lane: its state, and its end with the padding; returns how many blocks the end takes."""
    state, pad = 32 * lane, STATES + 128 * lane
    put_eight(context, state, _START_0)
    put_eight(context, state + 8, _START_1)
    put_eight(context, state + 16, _START_2)
    put_eight(context, state + 24, _START_3)
    rest = (e - s) & 63
    begin, whole, bits = e - rest, rest >> 3, np.uint64(8 * (rest & 7))
    words = 16 if rest >= 56 else 8
    for i in range(whole):
        put_eight(context, pad + 8 * i, eight_at(data, begin + 8 * i))
    last = eight_at(data, begin + 8 * whole) & ((_ONE << bits) - _ONE) | _END << bits
    put_eight(context, pad + 8 * whole, last)
    for i in range(whole + 1, words - 1):
        put_eight(context, pad + 8 * i, _NONE)
    put_eight(context, pad + 8 * (words - 1), turned(np.uint64(8 * (e - s))))
    return words >> 3


@called
def add_number(total, one, two, three, four):  # type: ignore[no-untyped-def]
    """Add a number of four words, the lowest first, to `total`, modulo 2^256."""
    carry = _NONE
    for place in range(4):
        value = one if place == 0 else two if place == 1 else three if place == 2 else four
        now = total[place] + value
        over = _ONE if now < value else _NONE
        now += carry
        if carry and now == _NONE:
            over = _ONE
        total[place] = now
        carry = over


@called
def _end(context, lane, total):  # type: ignore[no-untyped-def]
    state = 32 * lane
    one, two = eight_at(context, state + 16), eight_at(context, state)
    add_number(total, one, two, eight_at(context, state + 24), eight_at(context, state + 8))


@called
def add_digests(data, count, digests):  # type: ignore[no-untyped-def]
    """Add the SHA-256 of `count` pieces of `data` to the total of `digests` (`layout.Digests`), modulo 2^256."""
    bounds, context = digests.bounds, digests.context
    base, state = address(data), address(context)
    for k in range(0, count, 2):
        s, e = bounds[2 * k], bounds[2 * k + 1]
        whole = (e - s) >> 6
        blocks = whole + _begin(data, s, e, context, 0)
        whole_2 = blocks_2 = s_2 = np.int64(0)
        if k + 1 < count:
            s_2, e_2 = bounds[2 * k + 2], bounds[2 * k + 3]
            whole_2 = (e_2 - s_2) >> 6
            blocks_2 = whole_2 + _begin(data, s_2, e_2, context, 1)
        for j in range(max(blocks, blocks_2)):
            one = base + s + 64 * j if j < whole else state + STATES + 64 * (j - whole)
            two = base + s_2 + 64 * j if j < whole_2 else state + STATES + 128 + 64 * (j - whole_2)
            # A lane at its end goes on with what means nothing.
            lane, lane_2 = (state if j < blocks else state + 64), (state + 32 if j < blocks_2 else state + 64)
            two_blocks(lane, lane_2, one if j < blocks else base, two if j < blocks_2 else base)
        _end(context, 0, digests.total)
        if k + 1 < count:
            _end(context, 1, digests.total)


@called
def add_digests_beside(data, count, digests, whole, at, limit):  # type: ignore[no-untyped-def]
    """The same, and beside the pieces, in the other lane, the blocks of `data[at:limit]` into the state `whole`.
    Returns how far that came: to less than 64 bytes before `limit`."""
    bounds, context = digests.bounds, digests.context
    base, state, beside = address(data), address(context), address(whole)
    k = 0
    while k < count and at + 64 <= limit:
        s, e = bounds[2 * k], bounds[2 * k + 1]
        inside = (e - s) >> 6
        for j in range(inside + _begin(data, s, e, context, 0)):
            one = base + s + 64 * j if j < inside else state + STATES + 64 * (j - inside)
            if at + 64 <= limit:
                two_blocks(state, beside, one, base + at)
                at += 64
            else:
                two_blocks(state, state + 64, one, base)
        _end(context, 0, digests.total)
        k += 1
    while at + 64 <= limit:
        two_blocks(state + 64, beside, base, base + at)
        at += 64
    add_digests(data, count - k, Digests(digests.sha, context, behind(bounds, 2 * k), digests.total))
    return at
