"""
The compiled entries that every venue's books share, and how an entry is made.

Each function here is an entry that Python calls; the work is in `book.kernel.ladder` and
`book.kernel.attest`. Entries that read a venue's frames stand beside the venue's decoder.

Entries are compiled when first asked for, and numba keeps them on disk. It asks only whether *the entry's*
file changed since, so each entry is a closure over a digest of all the code it calls.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import cache
from types import CodeType, ModuleType
from typing import Any, NamedTuple, cast

from numba import njit, types

from leadline.book.kernel import attest, ladder, memory
from leadline.book.kernel.attest import check_book, hear_ticker
from leadline.book.kernel.ladder import fill_both, set_both
from leadline.book.kernel.memory import Ints

# Argument types of entries.
TEXT, NUMBER, TABLE = types.Bytes(types.uint8, 1, "C"), types.int64, types.Array(types.int64, 1, "C")


def _apply_levels(stamp: int) -> Callable[..., int]:
    def apply_levels(state: Ints, table: Ints, row: int, bids: int, asks: int, work: Ints) -> int:
        """Set the levels of a diff that was scanned before; there is room for them. 1 if sound."""
        _ = stamp
        return int(set_both(state, table, row, bids, asks, work))

    return apply_levels


def _fill_levels(stamp: int) -> Callable[..., int]:
    def fill_levels(state: Ints, table: Ints, bids: int, asks: int) -> int:
        """Replace all levels by those of a seed; there is room for them. 1 if sound."""
        _ = stamp
        return int(fill_both(state, table, bids, asks))

    return fill_levels


def _check_top(stamp: int) -> Callable[..., int]:
    def check_top(state: Ints) -> int:
        """Hold the top as it stands against the tickers; 1 if there is something to tell."""
        _ = stamp
        return int(check_book(state))

    return check_top


def _hear_top(stamp: int) -> Callable[..., int]:
    def hear_top(state: Ints, ticker: Ints) -> int:
        """Hold the book against a ticker that was decoded elsewhere: id and top."""
        _ = stamp
        return int(hear_ticker(state, ticker, 0))

    return hear_top


class Kernels(NamedTuple):
    """The entries, ready to call; arguments as in the functions above."""

    apply_levels: Callable[[Ints, Ints, int, int, int, Ints], int]
    fill_levels: Callable[[Ints, Ints, int, int], int]
    check_top: Callable[[Ints], int]
    hear_top: Callable[[Ints, Ints], int]


@cache
def kernels() -> Kernels:
    """Load the entries, compiling what numba has not kept: 0.2 s, or some seconds the first time."""
    stamp = stamp_of(memory, ladder, attest)
    return Kernels(
        entry(_apply_levels(stamp), TABLE, TABLE, NUMBER, NUMBER, NUMBER, TABLE),
        entry(_fill_levels(stamp), TABLE, TABLE, NUMBER, NUMBER),
        entry(_check_top(stamp), TABLE),
        entry(_hear_top(stamp), TABLE, TABLE),
    )


def entry(function: Callable[..., int], *arguments: Any) -> Callable[..., int]:
    """Compile ``function`` for these argument types, or load it, and return what calls it fastest."""
    signature = types.int64(*arguments)
    try:
        dispatcher = njit(signature, cache=True)(function)
    except RuntimeError:  # no folder that numba may write to: compile at every start
        dispatcher = njit(signature)(function)
    # The dispatcher looks at each argument to choose among overloads; there is one. Saves 0.25 µs.
    entry = getattr(dispatcher.get_compile_result(signature), "entry_point", None)
    return cast("Callable[..., int]", dispatcher if entry is None else entry)


def stamp_of(*modules: ModuleType) -> int:
    """Return a digest of the code and the constants of modules, the same in every process."""
    digest = 0
    for module in modules:
        for name, thing in sorted(vars(module).items()):
            function = getattr(thing, "py_func", getattr(thing, "_defn", thing))
            code = getattr(function, "__code__", None)
            if code is not None:
                digest = zlib.crc32(_code_text(code), digest)
            elif isinstance(thing, int):
                digest = zlib.crc32(f"{name}={thing}".encode(), digest)
    return digest


def _code_text(code: CodeType) -> bytes:
    """Return what a code object does, without its file and line numbers."""
    inner = [c if not isinstance(c, CodeType) else _code_text(c) for c in code.co_consts]
    return code.co_code + repr((inner, code.co_names, code.co_varnames)).encode()
