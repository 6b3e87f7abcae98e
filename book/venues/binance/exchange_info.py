"""
What a venue says about its symbols: status, sizes, and the scale their numbers need.

``exchangeInfo`` of spot, USD-M and COIN-M differs in small ways; all become `SymbolInfo`. A status we
have never seen is kept as text: venues add new ones (CANCEL_ONLY in 2026-07) without asking.

The scale is not merely that of tick and step size. Orders older than a change of those sizes rest with
finer numbers: in the recording of 2024-08-08 BTCUSDT, stepSize 0.00001, shows a quantity of 93.756587.
So the scale has as many decimals as the venue says it writes (``baseAssetPrecision`` and the like), where
they fit (`book.venues.common.listing`).

Sources: binance-spot-api-docs, rest-api.md and filters.md; Binance derivatives docs, "Exchange
Information" of USD-M and COIN-M.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

import msgspec

from leadline.book.errors import BadFrame, BadInput
from leadline.book.scale import Scale
from leadline.book.venues.common.listing import Listed, SymbolInfo, kept_decimals, listed


class _Filter(msgspec.Struct):
    filterType: str  # noqa: N815 - the venue's names, here and below
    tickSize: str | None = None  # noqa: N815
    maxPrice: str | None = None  # noqa: N815
    stepSize: str | None = None  # noqa: N815
    maxQty: str | None = None  # noqa: N815


class _Symbol(msgspec.Struct):
    symbol: str
    status: str | None = None
    contractStatus: str | None = None  # noqa: N815 - COIN-M
    contractSize: int | float | str | None = None  # noqa: N815 - COIN-M
    baseAssetPrecision: int | None = None  # noqa: N815
    quotePrecision: int | None = None  # noqa: N815
    pricePrecision: int | None = None  # noqa: N815 - futures
    quantityPrecision: int | None = None  # noqa: N815 - futures
    filters: list[_Filter] = []


class _Info(msgspec.Struct):
    symbols: list[msgspec.Raw]


T = TypeVar("T")
_INFO = msgspec.json.Decoder(_Info)
_SYMBOL = msgspec.json.Decoder(_Symbol)


def parse_exchange_info(body: bytes, symbols: Collection[str] | None = None) -> dict[str, Listed]:
    """
    Read ``exchangeInfo`` of any of the three markets; only ``symbols``, when given.

    A symbol nobody asked for is not even looked at, so a strange one cannot stand in the way of the
    others. One that lacks its filters or says something that cannot be is a `BadListing`. Asked for and
    not there is not an error here: the result lacks it; so does an entry without a readable name. Raises
    `BadFrame` for a body that is no list of symbols.
    """
    return listed(_decode(_INFO, body, "exchangeInfo").symbols, symbols, _symbol_info)


def _symbol_info(name: str, entry: bytes) -> SymbolInfo:
    wire = _decode(_SYMBOL, entry, f"exchangeInfo of {name}")
    tick_size = _filter_value(wire, "PRICE_FILTER", "tickSize")
    step_size = _filter_value(wire, "LOT_SIZE", "stepSize")
    status = wire.status or wire.contractStatus
    if status is None:
        raise BadFrame(f"exchangeInfo of {wire.symbol}: expected status or contractStatus, got neither")
    try:
        least = Scale.from_sizes(tick_size, step_size)
    except BadInput as exc:
        raise BadFrame(f"exchangeInfo of {wire.symbol}: {exc}") from exc
    # Futures name a pricePrecision; quotePrecision means something else there.
    price_precision = wire.quotePrecision if wire.pricePrecision is None else wire.pricePrecision
    qty_precision = wire.baseAssetPrecision if wire.quantityPrecision is None else wire.quantityPrecision
    scale = Scale(
        kept_decimals(least.price_decimals, price_precision, _limits(wire, "maxPrice")),
        kept_decimals(least.qty_decimals, qty_precision, _limits(wire, "maxQty")),
    )
    contract_size = None if wire.contractSize is None else Decimal(str(wire.contractSize))
    return SymbolInfo(wire.symbol, status, scale, tick_size, step_size, contract_size)


def _filter_value(wire: _Symbol, kind: str, name: str) -> str:
    """Return a filter's value; raises `BadFrame` naming symbol and filter where there is none."""
    for one in wire.filters:
        value: str | None = getattr(one, name)
        if one.filterType == kind and value is not None:
            return value
    kinds = ", ".join(one.filterType for one in wire.filters) or "none"
    raise BadFrame(f"exchangeInfo of {wire.symbol}: expected {kind}.{name}, got filters: {kinds}")


def _limits(wire: _Symbol, name: str) -> list[Decimal]:
    """Return the venue's limits of that name, as far as they are numbers."""
    texts: Iterable[Any] = (getattr(one, name) for one in wire.filters)
    limits = []
    for text in texts:
        try:
            limits.append(Decimal(text))
        except (InvalidOperation, TypeError):
            continue
    return limits


def _decode(decoder: msgspec.json.Decoder[T], body: bytes, what: str) -> T:
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise BadFrame(f"{what}: {exc}; {len(body)} bytes beginning {body[:60]!r}") from exc
