"""The profile of the venue that the settings name."""

from __future__ import annotations

import pytest

from leadline.flows.config.settings import BadSetting, Settings, load
from leadline.flows.config.venue import profile_of


@pytest.mark.parametrize(
    ("flags", "venue"),
    [
        ({"venue": "binance-us"}, "binance-us"),
        ({"venue": "binance", "ws_url": "wss://h"}, "custom-binance-spot"),
        ({"venue": "binance-usdm", "rest_url": "https://h"}, "custom-binance-usdm"),
        ({"venue": "custom-binance-usdm", "rest_url": "https://h"}, "custom-binance-usdm"),
        ({"venue": "bybit-spot-50", "ws_url": "wss://h", "rest_url": "https://h"}, "custom-bybit-spot-50"),
        ({"venue": "loopback", "ws_url": "ws://h", "rest_url": "http://h"}, "loopback-spot"),
    ],
)
def test_rows_name_the_address_they_came_from(flags: dict[str, object], venue: str) -> None:
    settings = load(flags, environ={})
    assert settings.venue == profile_of(settings).name == venue


def test_a_custom_venue_needs_an_address() -> None:
    with pytest.raises(BadSetting, match="custom-binance-spot: expected ws_url or rest_url, got neither"):
        profile_of(Settings(venue="custom-binance-spot"))


def test_a_custom_venue_is_not_offered_but_taken() -> None:
    with pytest.raises(BadSetting) as caught:
        load({"venue": "custom-kraken"}, environ={})
    assert "custom-binance" not in str(caught.value).partition("did you mean")[0]


@pytest.mark.parametrize(
    ("venue", "unit", "unit_ns"),
    [("binance-spot", "microsecond", 1_000), ("binance-usdm", "millisecond", 1_000_000)],
)
def test_the_unit_of_times_is_that_of_the_settings(venue: str, unit: str, unit_ns: int) -> None:
    assert profile_of(load({"venue": venue, "time_unit": unit}, environ={})).time_unit_ns == unit_ns


@pytest.mark.parametrize("venue", ["binance-usdm", "binance-coinm", "binance-us", "bybit-spot"])
def test_a_unit_that_a_venue_does_not_offer_is_refused_by_name(venue: str) -> None:
    with pytest.raises(BadSetting, match=f"time_unit microsecond: {venue} tells its times in milliseconds"):
        profile_of(load({"venue": venue, "time_unit": "microsecond"}, environ={}))
