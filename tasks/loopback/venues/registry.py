"""Every market that the built-in venue plays, by its kind; a new one is one more line here."""

from __future__ import annotations

from leadline.book.errors import BadInput
from leadline.book.synthetic.specs import Kind
from leadline.book.venues.bybit import specs as bybit
from leadline.tasks.loopback.venues.binance.protocol import BinanceProtocol
from leadline.tasks.loopback.venues.bybit.protocol import BybitProtocol
from leadline.tasks.loopback.venues.common.protocol import VenueProtocol

PROTOCOLS: dict[str, VenueProtocol] = {
    **{str(kind): BinanceProtocol(kind) for kind in Kind},
    **{spec.loopback_kind: BybitProtocol("spot", levels) for levels, spec in bybit.SPOT.items()},
    **{spec.loopback_kind: BybitProtocol("linear", levels) for levels, spec in bybit.LINEAR.items()},
}


def protocol_of(kind: str) -> VenueProtocol:
    """Find a market by its kind; raises `BadInput` that lists the kinds."""
    try:
        return PROTOCOLS[kind]
    except KeyError:
        raise BadInput(f"kind: expected one of {', '.join(PROTOCOLS)}, got {kind!r}") from None
