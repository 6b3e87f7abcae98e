"""
The few machine operations numba does not offer: unaligned loads, trailing zeros, a block move, a clock.

They compile to one instruction each; the move to ``memmove``, the clock to a call of some 25 ns. None
checks a bound: the callers in `book.kernel.parse` and `book.kernel.ladder` do, and say how at the place.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias, TypeVar, cast

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

Ints: TypeAlias = NDArray[np.int64]
Emitted: TypeAlias = tuple[Any, Callable[..., Any]]
Function = TypeVar("Function", bound=Callable[..., Any])

# Should numba have moved it, the loop below does the same, slower.
RAW_MOVE: Callable[..., Any] | None = getattr(cgutils, "raw_memmove", None)

# The clock that ``time.monotonic_ns`` reads here, as ``clock_gettime`` names it; -1 where it is another.
MONOTONIC = {
    "clock_gettime(CLOCK_MONOTONIC)": getattr(time, "CLOCK_MONOTONIC", -1),
    "mach_absolute_time()": getattr(time, "CLOCK_UPTIME_RAW", -1),
}.get(time.get_clock_info("monotonic").implementation, -1)

PYTHONS_CLOCK = time.monotonic_ns  # the one function that reads this clock

_emit = cast("Any", cgutils)
_BYTE = ir.IntType(8)
_WORD = ir.IntType(64)


# Without numba's reference counts: the arrays belong to the caller, and each count is a locked write.
_borrow: Callable[..., Any] = partial(cast("Any", njit), _nrt=False)


def compiled(function: Function) -> Function:
    """Compile a function for the kernels, when one of them first needs it."""
    return cast(Function, _borrow()(function))


def inlined(function: Function) -> Function:
    """Compile a function into each place that calls it: a call with arrays costs 20 ns."""
    return cast(Function, _borrow(forceinline=True)(function))


def _load(bits: int) -> Callable[..., Emitted]:
    """Return an intrinsic's body: ``bits`` at byte ``offset`` of a buffer, little-endian, zero-extended."""

    def body(_typing: Any, buffer: Any, _offset: Any) -> Emitted:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            start = context.make_array(signature.args[0])(context, builder, arguments[0]).data
            place = builder.gep(builder.bitcast(start, _BYTE.as_pointer()), [arguments[1]])
            number = builder.load(builder.bitcast(place, ir.IntType(bits).as_pointer()), align=1)
            return number if bits == _WORD.width else builder.zext(number, _WORD)

        return types.int64(buffer, types.int64), generate

    return body


# numba reads the names of the arguments, so each load has its own function.
def _load8(typing_context: Any, buffer: Any, offset: Any) -> Emitted:
    return _load(64)(typing_context, buffer, offset)


def _load4(typing_context: Any, buffer: Any, offset: Any) -> Emitted:
    return _load(32)(typing_context, buffer, offset)


def _load2(typing_context: Any, buffer: Any, offset: Any) -> Emitted:
    return _load(16)(typing_context, buffer, offset)


def _trailing_zeros(_typing_context: Any, _word: Any) -> Emitted:
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.IntType(1)(0))

    return types.int64(types.int64), generate


def _move(_typing_context: Any, array: Any, _to: Any, _start: Any, _count: Any) -> Emitted:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        target = builder.gep(data, [arguments[1]])
        source = builder.gep(data, [arguments[2]])
        if RAW_MOVE is not None:
            RAW_MOVE(builder, target, source, arguments[3], 8)
        else:
            _move_by_loop(builder, target, source, arguments[3])
        return context.get_dummy_value()

    return types.void(array, types.int64, types.int64, types.int64), generate


def _move_by_loop(builder: Any, target: Any, source: Any, count: Any) -> None:
    """Emit the copy as a loop that runs from the end on which nothing is overwritten too early."""
    forward = builder.icmp_unsigned("<", target, source)
    last = builder.sub(count, _WORD(1))
    with cgutils.for_range(builder, count) as loop:
        index = builder.select(forward, loop.index, builder.sub(last, loop.index))
        builder.store(builder.load(builder.gep(source, [index])), builder.gep(target, [index]))


def _mono_ns(_typing_context: Any) -> Emitted:
    def generate(_context: Any, builder: Any, _signature: Any, _arguments: Any) -> Any:
        if MONOTONIC < 0:
            return _WORD(0)
        moment = _emit.alloca_once(builder, ir.ArrayType(_WORD, 2))  # struct timespec
        kind = ir.FunctionType(ir.IntType(32), [ir.IntType(32), moment.type])
        ask = _emit.get_or_insert_function(builder.module, kind, "clock_gettime")
        builder.call(ask, [ir.IntType(32)(MONOTONIC), moment])
        seconds, rest = (builder.load(_emit.gep_inbounds(builder, moment, 0, n)) for n in range(2))
        return builder.add(builder.mul(seconds, _WORD(1_000_000_000)), rest)

    return types.int64(), generate


# Bytes of a buffer at an offset, as an int64; the caller makes sure that they are there.
load8: Callable[[bytes, int], int] = cast("Any", intrinsic(_load8))
load4: Callable[[bytes, int], int] = cast("Any", intrinsic(_load4))
load2: Callable[[bytes, int], int] = cast("Any", intrinsic(_load2))

# The zero bits below the lowest one; 64 for zero.
trailing_zeros: Callable[[int], int] = cast("Any", intrinsic(_trailing_zeros))

# move(array, to, start, count): copy int64 elements within an array; the two places may overlap.
move: Callable[[Ints, int, int, int], None] = cast("Any", intrinsic(_move))

# What ``time.monotonic_ns`` would say; 0 where `MONOTONIC` is -1.
mono_ns: Callable[[], int] = cast("Any", intrinsic(_mono_ns))
