"""The profile of the venue that the settings name."""

from __future__ import annotations

from dataclasses import replace

from leadline.book.venues.common.spec import VenueSpec
from leadline.flows.config.settings import BadSetting, Settings
from leadline.tasks.venues.common.adapter import WsBase
from leadline.tasks.venues.common.profile import VenueProfile
from leadline.tasks.venues.registry import loopback, venue


def profile_of(settings: Settings) -> VenueProfile:
    """
    Return the profile of the venue the settings name.

    Raises `BadSetting` for a loopback venue without its addresses, which only who started it knows.
    """
    ws_url, rest_url = settings.ws_url, settings.rest_url
    if settings.is_loopback:
        if ws_url is None or rest_url is None:
            raise BadSetting(f"venue {settings.venue}: expected ws_url and rest_url of a running one")
        return loopback(
            settings.venue.removeprefix("loopback-"),
            ws_url=ws_url,
            rest_url=rest_url,
            weight_per_minute=settings.weight_per_minute,
        )
    profile = venue(settings.venue)
    if ws_url is not None:
        profile = replace(profile, ws_bases=(WsBase(ws_url.rstrip("/")),))
    if rest_url is not None:
        profile = replace(profile, rest_bases=(rest_url.rstrip("/"),))
    if settings.weight_per_minute is not None:
        profile = replace(profile, weight_per_minute=settings.weight_per_minute)
    return profile


def refuse_unpaired(spec: VenueSpec) -> None:
    """Raise `BadSetting` for a venue of which one stream cannot follow another by ids."""
    if not spec.pairs_connections:
        raise BadSetting(
            f"venue {spec.name}: two of its connections need not number alike, so no stream can take over "
            "from another without a hole; end the running one with leadline stop, then start the next"
        )
