"""Which engine a live book gets, and how it is made ready before time matters."""

from __future__ import annotations

import importlib.util
import time
from functools import cache
from typing import Literal, TypeAlias

from leadline.book.engine.live import LiveBook
from leadline.book.engine.options import Clock, Options
from leadline.book.errors import BadInput
from leadline.book.rows.batch import Market
from leadline.book.sync.machine import BUFFER_LIMIT
from leadline.book.venues.common.spec import VenueSpec

Engine: TypeAlias = Literal["auto", "compiled", "plain"]


# Four times the largest seed. BTCUSDT spot grew from 1,000 to 2,962 asks in 11 minutes (recorded).
MAX_LEVELS = 20_000


@cache
def has_numba() -> bool:
    """Tell whether the compiled engine can run here."""
    return importlib.util.find_spec("numba") is not None


def warm_up(spec: VenueSpec, engine: Engine = "auto") -> None:
    """Load or compile what the engine needs, before time matters: 0.5 s, or 15 s the first time."""
    if engine == "compiled" or (engine == "auto" and has_numba()):
        from leadline.book.kernel.entries import kernels  # noqa: PLC0415 - numba takes 0.5 s to import

        kernels()
        if spec.load_scanner is not None:
            spec.load_scanner()


def make_book(
    index: int,
    market: Market,
    spec: VenueSpec,
    *,
    engine: Engine = "auto",
    max_levels: int = MAX_LEVELS,
    buffer_limit: int = BUFFER_LIMIT,
    time_unit_ns: int = 1_000_000,
    mono_ns: Clock = time.monotonic_ns,
) -> LiveBook:
    """
    Make the book of ``market``, the ``index``-th of ``Batch.markets``, whose venue speaks as ``spec`` says.

    ``engine`` "auto" is "compiled" where numba is installed, else "plain". ``time_unit_ns`` is the unit
    of the venue's times. ``mono_ns`` is the clock that ``recv_mono_ns`` was read from: it measures how
    long a diff took to its book and nothing else. Raises `BadInput` for an engine that cannot run here.
    """
    if engine == "compiled" and not has_numba():
        raise BadInput("engine: 'compiled' needs numba, which is not installed; use 'auto' or 'plain'")
    options = Options(max_levels, buffer_limit, time_unit_ns, mono_ns, spec.window, spec.faith)
    if engine == "plain" or not has_numba():
        from leadline.book.engine.plain import PlainBook  # noqa: PLC0415 - the engines import this module

        return PlainBook(index, market, spec.decoder, options)
    from leadline.book.engine.compiled import CompiledBook  # noqa: PLC0415 - numba takes 0.5 s to import

    scanner = None if spec.load_scanner is None else spec.load_scanner()
    return CompiledBook(index, market, spec.decoder, scanner, options)
