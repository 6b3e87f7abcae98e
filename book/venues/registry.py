"""
Every market there is, by the name that rows give its venue; a new venue is one more line here.

    MARKETS     what the built-in venue plays
    ELSEWHERE   the same messages from other addresses and other order books, each by a name of its own
    custom-…    any of them at an address that a person gave: nobody here knows who answers there
"""

from __future__ import annotations

from dataclasses import replace

from leadline.book.errors import BadInput
from leadline.book.venues.binance import specs as binance
from leadline.book.venues.bybit import specs as bybit
from leadline.book.venues.common.spec import VenueSpec
from leadline.book.venues.converted import specs as converted

MARKETS = (*binance.MARKETS, *bybit.SPECS)
ELSEWHERE = (*binance.HOSTS.values(), *binance.OTHERS, *bybit.TESTNET)

LOOPBACK = "loopback"  # the built-in venue plays any of the markets: loopback-spot, …
CUSTOM = "custom-"
CUSTOM_CAVEAT = "Streamed from an address that was given, not from one of the exchange's own."
SPECS = {spec.name: spec for spec in (*MARKETS, *ELSEWHERE)}
CUSTOMS = {
    f"{CUSTOM}{spec.name}": replace(
        spec,
        name=f"{CUSTOM}{spec.name}",
        alias=None,
        tardis_name=None,
        caveat=f"{CUSTOM_CAVEAT} {spec.caveat or ''}".strip(),
    )
    for spec in SPECS.values()
}
PLAYED = {f"{LOOPBACK}-{spec.loopback_kind}": spec for spec in MARKETS}

VENUES = (*SPECS, *PLAYED)
ALIASES = {LOOPBACK: next(iter(PLAYED))} | {spec.alias: spec.name for spec in MARKETS if spec.alias}


def spec_of(venue: str) -> VenueSpec:
    """Find the market of a venue, real or built-in; raises `BadInput` that lists the names."""
    spec = find_spec(venue)
    if spec is None:
        raise BadInput(f"venue: expected one of {', '.join(VENUES)}, got {venue!r}")
    return spec


def at_given_address(venue: str) -> str:
    """Return the name of a venue whose address a person gave; a built-in one keeps its own."""
    return venue if venue in PLAYED or venue.startswith(CUSTOM) else f"{CUSTOM}{venue}"


def find_spec(venue: str) -> VenueSpec | None:
    """Find the market of a venue; None for a name that nobody here knows, as an import may bring it."""
    found = SPECS.get(venue) or PLAYED.get(venue) or CUSTOMS.get(venue)
    return found or converted.converted(venue, SPECS.values())


def converted_venue(exchange: str) -> str:
    """Return the name that rows give converted data of an exchange, by our name of it or Tardis'."""
    return converted.venue_of(exchange, SPECS.values())
