"""What a venue's compiled scanner offers to `book.engine.compiled`, where there is one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:  # the names of venues are wanted where numpy is not
    import numpy as np
    from numpy.typing import NDArray

    Ints: TypeAlias = NDArray[np.int64]


class Scanner(NamedTuple):
    """
    Entries that take a whole frame in one call and do all of it or nothing.

    ``state`` is the array of `book.kernel.ladder`, ``flat`` a batch's. What is not in the one spelling
    that a scanner knows is `book.kernel.parse.ODD`: the decoder reads it, or words the error.
    """

    receive_depth: Callable[[bytes, int, Ints, Ints, Ints, int, int], int]
    """frame, start, state, flat, work, ts_recv_ns, recv_mono_ns -> a code of `book.kernel.accept`"""
    receive_trade: Callable[[bytes, int, Ints, Ints, int], int]
    """frame, start, state, flat, ts_recv_ns -> 0, ODD or FULL"""
    receive_ticker: Callable[[bytes, int, Ints, Ints, int], int]
    """frame, start, state, flat, ts_recv_ns -> 0, TOLD, ODD or FULL"""
    read_snapshot: Callable[[bytes, Ints, Ints], int]
    """body, state, levels -> 0 or ODD"""
