"""
What ``/v5/market/instruments-info`` says of symbols: status, sizes, and the scale their numbers need.

Futures name a ``qtyStep``, spot a ``basePrecision``. Tick and step are the scale: when the venue changes
them its books begin anew, so that no finer order goes on resting. A list holds one page, and by default
leaves out a symbol that does not trade.

Source: bybit-exchange/docs, v5/market/instrument, v5/enum (status), v5/sbe/market/level-50 (precision).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeVar

import msgspec

from leadline.book.errors import BadFrame, BadInput
from leadline.book.scale import Scale
from leadline.book.venues.bybit.decode import read_result
from leadline.book.venues.common.listing import Listed, SymbolInfo, listed
from leadline.book.venues.common.wire import decode_json


class _PriceFilter(msgspec.Struct):
    tickSize: str  # noqa: N815 - the venue's names, here and below


class _LotSizeFilter(msgspec.Struct):
    qtyStep: str | None = None  # noqa: N815 - futures
    basePrecision: str | None = None  # noqa: N815 - spot


class _Instrument(msgspec.Struct):
    symbol: str
    status: str
    priceFilter: _PriceFilter  # noqa: N815
    lotSizeFilter: _LotSizeFilter  # noqa: N815


class _List(msgspec.Struct):
    instruments: list[msgspec.Raw] = msgspec.field(name="list")


T = TypeVar("T")
_LIST = msgspec.json.Decoder(_List)
_INSTRUMENT = msgspec.json.Decoder(_Instrument)


def parse_instruments(body: bytes, symbols: Collection[str] | None = None) -> dict[str, Listed]:
    """
    Read one page of instruments; only ``symbols``, when given.

    A symbol nobody asked for is not looked at beyond its name. One that says something that cannot be is
    a `BadListing`. Asked for and not there is not an error here: the result lacks it; so does an entry
    without a readable name. Raises `BadFrame` with the error the venue answered with.
    """
    try:
        result = read_result(body)
    except BadFrame as exc:
        raise BadFrame(f"instruments-info: {exc}") from exc
    return listed(_decode(_LIST, result, "instruments-info").instruments, symbols, _symbol_info)


def _symbol_info(name: str, entry: bytes) -> SymbolInfo:
    wire = _decode(_INSTRUMENT, entry, f"instruments-info of {name}")
    lots = wire.lotSizeFilter
    step_size = lots.qtyStep or lots.basePrecision
    if step_size is None:
        raise BadFrame(f"instruments-info of {wire.symbol}: expected qtyStep or basePrecision, got neither")
    tick_size = wire.priceFilter.tickSize
    try:
        scale = Scale.from_sizes(tick_size, step_size)
    except BadInput as exc:
        raise BadFrame(f"instruments-info of {wire.symbol}: {exc}") from exc
    return SymbolInfo(wire.symbol, wire.status, scale, tick_size, step_size)


def _decode(decoder: msgspec.json.Decoder[T], body: bytes, what: str) -> T:
    try:
        return decode_json(decoder, body)
    except BadFrame as exc:
        raise BadFrame(f"{what}: {exc}") from exc
