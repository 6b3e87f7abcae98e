"""The profile of the venue that the settings name."""

from __future__ import annotations

from dataclasses import replace

from leadline.book.errors import BadInput
from leadline.book.venues.common.spec import VenueSpec
from leadline.book.venues.registry import CUSTOMS
from leadline.flows.config.settings import TIME_UNITS_NS, BadSetting, Settings
from leadline.tasks.net.proxies import ensure_proxies
from leadline.tasks.venues.common.profile import VenueProfile
from leadline.tasks.venues.registry import custom, loopback, venue


def profile_of(settings: Settings) -> VenueProfile:
    """
    Return the profile of the venue the settings name.

    Raises `BadSetting` for a loopback venue without its addresses, which only who started it knows, and for
    a custom one without any; for a unit of time that the venue does not offer; for a proxy that cannot be
    used.
    """
    ws_url, rest_url = settings.ws_url, settings.rest_url
    if settings.is_loopback:
        if ws_url is None or rest_url is None:
            raise BadSetting(f"venue {settings.venue}: expected ws_url and rest_url of a running one")
        profile = loopback(
            settings.venue.removeprefix("loopback-"),
            ws_url=ws_url,
            rest_url=rest_url,
            weight_per_minute=settings.weight_per_minute,
        )
        return _in_unit(profile, settings)
    if settings.venue in CUSTOMS:
        if ws_url is None and rest_url is None:
            raise BadSetting(f"venue {settings.venue}: expected ws_url or rest_url, got neither")
        profile = custom(settings.venue, ws_url=ws_url, rest_url=rest_url)
    else:
        profile = venue(settings.venue)
    if settings.weight_per_minute is not None:
        profile = replace(profile, weight_per_minute=settings.weight_per_minute)
    try:
        ensure_proxies([*(base.url for base in profile.ws_bases), *profile.rest_bases])
    except BadInput as exc:
        raise BadSetting(str(exc)) from exc
    return _in_unit(profile, settings)


def _in_unit(profile: VenueProfile, settings: Settings) -> VenueProfile:
    """Return the profile that asks for times in the unit of the settings."""
    try:
        return profile.in_unit(TIME_UNITS_NS[settings.time_unit])
    except BadInput as exc:
        raise BadSetting(
            f"time_unit {settings.time_unit}: {profile.name} tells its times in milliseconds alone"
        ) from exc


def refuse_unpaired(spec: VenueSpec) -> None:
    """Raise `BadSetting` for a venue of which one stream cannot follow another by ids."""
    if not spec.pairs_connections:
        raise BadSetting(
            f"venue {spec.name}: two of its connections need not number alike, so no stream can take over "
            "from another without a hole; end the running one with leadline stop, then start the next"
        )
