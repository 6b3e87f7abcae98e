"""Every market there is, by the name that rows give its venue; a new venue is one more line here."""

from __future__ import annotations

from leadline.book.errors import BadInput
from leadline.book.venues.binance import specs as binance
from leadline.book.venues.common.spec import VenueSpec

LOOPBACK = "loopback-"  # the built-in venue's markets are named after the kind of market they play

SPECS: dict[str, VenueSpec] = {spec.name: spec for spec in (binance.SPOT, binance.USDM, binance.COINM)}
_PLAYED = {LOOPBACK + spec.loopback_kind: spec for spec in SPECS.values()}


def spec_of(venue: str) -> VenueSpec:
    """Find the market of a venue, real or built-in (``loopback-spot``); `BadInput` lists the names."""
    spec = find_spec(venue)
    if spec is None:
        raise BadInput(f"venue: expected one of {', '.join(venue_names())}, got {venue!r}")
    return spec


def find_spec(venue: str) -> VenueSpec | None:
    """Find the market of a venue; None for a name that nobody here knows, as an import may bring it."""
    return SPECS.get(venue) or _PLAYED.get(venue)


def venue_names() -> tuple[str, ...]:
    """Return the names of all venues, those of the built-in one last."""
    return (*SPECS, *_PLAYED)
