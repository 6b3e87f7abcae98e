"""Every venue that can be streamed, by name; a new venue is one more line here."""

from __future__ import annotations

from dataclasses import replace

from leadline.book.errors import BadInput
from leadline.book.venues.registry import CUSTOM, LOOPBACK, spec_of
from leadline.tasks.venues.binance import profiles as binance
from leadline.tasks.venues.bybit import profiles as bybit
from leadline.tasks.venues.common.profile import VenueProfile

PROFILES = (*binance.PROFILES, *bybit.PROFILES)
ELSEWHERE = (*binance.ELSEWHERE, *bybit.TESTNET)
VENUES = {profile.name: profile for profile in (*PROFILES, *ELSEWHERE)}
LOOPBACK_KINDS = {profile.spec.loopback_kind: profile for profile in PROFILES}


def venue(name: str) -> VenueProfile:
    """Find a real venue's profile by name; raises `BadInput` that lists the names."""
    try:
        return VENUES[name]
    except KeyError:
        raise BadInput(f"venue: expected one of {', '.join(VENUES)}, got {name!r}") from None


def model_of(name: str) -> VenueProfile:
    """
    Find the profile of a venue, of the one that a built-in venue plays, or one for converted data.

    Raises `BadInput`.
    """
    spec = spec_of(name)
    if (profile := VENUES.get(spec.name)) is not None:
        return profile
    if (profile := VENUES.get(name.removeprefix(CUSTOM))) is not None:
        return replace(profile, name=name, spec=spec)
    return replace(binance.SPOT, name=spec.name, spec=spec)  # whose messages converted data are written in


def custom(name: str, *, ws_url: str | None, rest_url: str | None) -> VenueProfile:
    """
    Return the profile of ``custom-…``: a market at an address that was given, the other one its own.

    Paths that divide its streams are kept. Raises `BadInput` for an unknown market.
    """
    like = model_of(name)
    ws_bases = like.ws_bases
    if ws_url is not None:
        ws_bases = tuple(dict.fromkeys(replace(base, url=ws_url.rstrip("/")) for base in ws_bases))
    return replace(
        like,
        ws_bases=ws_bases,
        rest_bases=like.rest_bases if rest_url is None else (rest_url.rstrip("/"),),
    )


def loopback(
    kind: str,
    *,
    ws_url: str,
    rest_url: str,
    weight_per_minute: int | None = None,
    session_life_s: float | None = None,
) -> VenueProfile:
    """Return the profile of the built-in venue of ``kind``: its model's, at the given addresses."""
    try:
        like = LOOPBACK_KINDS[kind]
    except KeyError:
        raise BadInput(f"{LOOPBACK}: expected one of {', '.join(LOOPBACK_KINDS)}, got {kind!r}") from None
    return replace(
        like,
        name=f"{LOOPBACK}-{kind}",
        ws_bases=(replace(like.ws_bases[0], url=ws_url.rstrip("/")),),
        rest_bases=(rest_url.rstrip("/"),),
        weight_per_minute=weight_per_minute or like.weight_per_minute,
        session_life_s=session_life_s or like.session_life_s,
    )
