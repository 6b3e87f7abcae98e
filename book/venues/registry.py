"""Every market there is, by the name that rows give its venue; a new venue is one more line here."""

from __future__ import annotations

from leadline.book.errors import BadInput
from leadline.book.venues.binance import specs as binance
from leadline.book.venues.bybit import specs as bybit
from leadline.book.venues.common.spec import VenueSpec
from leadline.book.venues.converted import specs as converted

MARKETS = (binance.SPOT, binance.USDM, binance.COINM, *bybit.SPECS)

LOOPBACK = "loopback"  # the built-in venue plays any of them: loopback-spot, …
SPECS = {spec.name: spec for spec in MARKETS}
PLAYED = {f"{LOOPBACK}-{spec.loopback_kind}": spec for spec in MARKETS}

VENUES = (*SPECS, *PLAYED)
ALIASES = {LOOPBACK: next(iter(PLAYED))} | {spec.alias: spec.name for spec in MARKETS if spec.alias}


def spec_of(venue: str) -> VenueSpec:
    """Find the market of a venue, real or built-in; raises `BadInput` that lists the names."""
    spec = find_spec(venue)
    if spec is None:
        raise BadInput(f"venue: expected one of {', '.join(VENUES)}, got {venue!r}")
    return spec


def find_spec(venue: str) -> VenueSpec | None:
    """Find the market of a venue; None for a name that nobody here knows, as an import may bring it."""
    return SPECS.get(venue) or PLAYED.get(venue) or converted.converted(venue, MARKETS)


def converted_venue(exchange: str) -> str:
    """Return the name that rows give converted data of an exchange, by our name of it or Tardis'."""
    return converted.venue_of(exchange, MARKETS)
