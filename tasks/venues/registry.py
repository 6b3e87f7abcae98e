"""Every venue that can be streamed, by name; the lists of commands and messages are made from it."""

from __future__ import annotations

from dataclasses import replace

from leadline.book.errors import BadInput
from leadline.tasks.venues.binance.profiles import COINM, SPOT, USDM
from leadline.tasks.venues.common.profile import VenueProfile, WsBase

VENUES = {profile.name: profile for profile in (SPOT, USDM, COINM)}

LOOPBACK_KINDS = {"spot": SPOT, "usdm": USDM, "coinm": COINM}


def venue(name: str) -> VenueProfile:
    """Find a real venue's profile by name; raises `BadInput` that lists the names."""
    try:
        return VENUES[name]
    except KeyError:
        raise BadInput(f"venue: expected one of {', '.join(VENUES)}, got {name!r}") from None


def loopback(
    kind: str,
    *,
    ws_url: str,
    rest_url: str,
    weight_per_minute: int | None = None,
    session_life_s: float = 86_400.0,
    divided: bool = True,
) -> VenueProfile:
    """
    Profile of the loopback venue of ``kind`` (spot, usdm, coinm) at the given addresses.

    Like its model, except that not ``divided`` puts all futures streams on one address and takes plain
    trades, which is what recordings hold.
    """
    try:
        like = LOOPBACK_KINDS[kind]
    except KeyError:
        raise BadInput(f"loopback: expected one of {', '.join(LOOPBACK_KINDS)}, got {kind!r}") from None
    model = like.ws_bases[0] if divided else WsBase("")
    return replace(
        like,
        name=f"loopback-{kind}",
        ws_bases=(replace(model, url=ws_url.rstrip("/")),),
        rest_bases=(rest_url.rstrip("/"),),
        trade_suffix=like.trade_suffix if divided else "trade",
        weight_per_minute=weight_per_minute or like.weight_per_minute,
        session_life_s=session_life_s,
    )
