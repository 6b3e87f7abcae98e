from __future__ import annotations

from dataclasses import replace

import pytest

from leadline.book.errors import BadInput
from leadline.book.venues import registry
from leadline.book.venues.binance.sequence import FUTURES
from leadline.book.venues.registry import SPECS, spec_of
from leadline.tasks.venues.binance.profiles import COINM, SPOT, USDM
from leadline.tasks.venues.common.adapter import StreamKind
from leadline.tasks.venues.common.profile import VenueProfile
from leadline.tasks.venues.registry import VENUES, custom, loopback, model_of, venue


@pytest.mark.parametrize(
    ("limit", "weight"),
    [(1, 5), (100, 5), (101, 25), (500, 25), (501, 50), (1000, 50), (1001, 250), (5000, 250)],
)
def test_spot_depth_weights_as_documented(limit: int, weight: int) -> None:
    assert SPOT.depth_weight(limit) == weight


@pytest.mark.parametrize(("limit", "weight"), [(5, 2), (50, 2), (100, 5), (500, 10), (1000, 20)])
def test_futures_depth_weights_as_documented(limit: int, weight: int) -> None:
    assert USDM.depth_weight(limit) == COINM.depth_weight(limit) == weight


@pytest.mark.parametrize("limit", [0, -1, 5001])
def test_a_limit_the_venue_does_not_serve_is_refused(limit: int) -> None:
    with pytest.raises(BadInput, match="depth limit 1 to 5000"):
        SPOT.depth_weight(limit)


@pytest.mark.parametrize(
    ("pending", "remaining", "limit"),
    [
        pytest.param(1, 4800, 5000, id="one-symbol-gets-all"),
        pytest.param(19, 4800, 5000, id="nineteen-still-fit"),
        pytest.param(20, 4800, 1000, id="twenty-do-not"),
        pytest.param(50, 4800, 1000, id="resync-storm-of-50"),
        pytest.param(150, 4800, 500, id="150-symbols"),
        pytest.param(300, 4800, 100, id="300-symbols"),
        pytest.param(5000, 4800, 100, id="never-below-100"),
        pytest.param(1, 0, 100, id="no-budget-left-still-100"),
    ],
)
def test_seed_limit_fits_the_budget(pending: int, remaining: int, limit: int) -> None:
    assert SPOT.seed_limit(pending, remaining) == limit


@pytest.mark.parametrize(
    ("symbol", "kind", "name"),
    [
        ("BTCUSDT", StreamKind.DEPTH, "btcusdt@depth@100ms"),
        ("BTCUSDT", StreamKind.TICKER, "btcusdt@bookTicker"),
        ("BTCUSDT", StreamKind.DEPTH20, "btcusdt@depth20@100ms"),
        ("币安人生USDT", StreamKind.TRADE, "币安人生usdt@trade"),
    ],
)
def test_stream_names(symbol: str, kind: StreamKind, name: str) -> None:
    assert SPOT.stream(symbol, kind) == name


def test_futures_take_aggregate_trades_on_the_other_path() -> None:
    base = USDM.ws_bases[0]
    trades = [USDM.stream("BTCUSDT", StreamKind.TRADE)]
    assert USDM.adapter.address(base, StreamKind.TRADE, trades) == (
        "wss://fstream.binance.com/market/stream?streams=btcusdt@aggTrade",
        True,
    )
    assert base.path_for(StreamKind.DEPTH) == base.path_for(StreamKind.TICKER) == "/public"


def test_a_name_outside_ascii_is_percent_encoded_in_the_address() -> None:
    base, streams = SPOT.ws_bases[0], ["这usdt@trade", "btcusdt@bookTicker"]
    url = "wss://stream.binance.com:9443/stream"
    asked = SPOT.adapter.address(base, StreamKind.DEPTH, streams)
    assert asked == (f"{url}?streams=%E8%BF%99usdt@trade/btcusdt@bookTicker", True)
    assert SPOT.adapter.address(base, StreamKind.DEPTH, []) == (url, False)


@pytest.mark.parametrize("profile", VENUES.values(), ids=VENUES)
def test_an_adapter_knows_the_streams_that_its_profile_names(profile: VenueProfile) -> None:
    for kind in profile.streams:
        stream = profile.stream("BTCUSDT", kind)
        assert profile.adapter.parse_stream(stream) == ("btcusdt", kind)
        key = profile.adapter.framing.key(stream)
        assert key.startswith(profile.adapter.framing.prefix)
        assert 0 <= profile.adapter.framing.start(key) < len(key)


def test_a_kind_that_a_venue_does_not_offer_is_refused_by_name() -> None:
    profile = replace(SPOT, streams={StreamKind.DEPTH: "{lower}@depth"})
    assert profile.stream("BTCUSDT", StreamKind.DEPTH) == "btcusdt@depth"
    with pytest.raises(BadInput, match="binance-spot: expected one of depth, got depth20"):
        profile.stream("BTCUSDT", StreamKind.DEPTH20)


def test_both_floors_know_the_same_venues() -> None:
    assert [profile.spec for profile in VENUES.values()] == list(SPECS.values())
    for name in (*registry.VENUES, *registry.CUSTOMS):
        assert model_of(name).spec is spec_of(name)
    assert set(registry.ALIASES.values()) <= set(registry.VENUES)


def test_two_venues_share_no_rest_host_and_no_name() -> None:
    """But the exchange's own fall-back, and depths of a book: those are the same order book."""
    own = {"https://data-api.binance.vision"}
    seen: dict[str, VenueProfile] = {}
    for profile in VENUES.values():
        for host in set(profile.rest_bases) - own:
            other = seen.setdefault(host, profile)
            assert other.spec.window is not None or other is profile, (host, other.name, profile.name)
    assert len({profile.spec.name for profile in VENUES.values()}) == len(VENUES)


@pytest.mark.parametrize("name", [name for name in VENUES if "testnet" in name or "demo" in name])
def test_a_test_network_is_never_taken_for_the_exchange(name: str) -> None:
    profile = venue(name)
    assert "test network" in (profile.spec.caveat or "")
    assert profile.spec.tardis_name is None
    assert all("demo" in url or "testnet" in url for url in profile.rest_bases)
    assert all("demo" in base.url or "testnet" in base.url for base in profile.ws_bases)


def test_binance_us_has_weights_of_its_own() -> None:
    us = venue("binance-us")
    assert [us.depth_weight(limit) for limit in (100, 500, 1000, 5000)] == [1, 5, 10, 50]
    assert (us.weight_per_minute, us.listing_weight, us.trade_weight) == (1200, 10, 1)
    assert us.time_units_ns == (1_000_000,)
    assert us.spec.rule is SPOT.spec.rule


@pytest.mark.parametrize("name", VENUES)
def test_an_address_that_is_given_has_a_name_of_its_own(name: str) -> None:
    found = custom(f"custom-{name}", ws_url="wss://h/", rest_url=None)
    like = venue(name)
    assert (found.name, found.spec.name) == (f"custom-{name}", f"custom-{name}")
    assert found.spec is spec_of(found.name)
    assert {base.url for base in found.ws_bases} == {"wss://h"}
    assert {base.trade_path for base in found.ws_bases} == {base.trade_path for base in like.ws_bases}
    assert found.rest_bases == like.rest_bases
    assert (found.spec.rule, found.weight_per_minute) == (like.spec.rule, like.weight_per_minute)
    assert "address that was given" in (found.spec.caveat or "")


def test_microseconds_are_asked_of_those_that_offer_them() -> None:
    offer = [name for name, profile in VENUES.items() if 1_000 in profile.time_units_ns]
    assert offer == [name for name in VENUES if name.startswith("binance-spot")]
    with pytest.raises(BadInput, match="binance-usdm: expected a time unit of 1000000 ns, got 1000 ns"):
        USDM.in_unit(1_000)


def test_venues_are_found_by_name() -> None:
    assert venue("binance-usdm").spec.rule is FUTURES
    with pytest.raises(BadInput, match=r"binance-spot, binance-usdm, binance-coinm, .*, got 'kraken'"):
        venue("kraken")


def test_a_loopback_is_its_model_at_other_addresses() -> None:
    profile = loopback("coinm", ws_url="ws://127.0.0.1:1/", rest_url="http://127.0.0.1:2/")
    assert (profile.name, profile.spec.rule) == ("loopback-coinm", FUTURES)
    assert profile.rest_bases == ("http://127.0.0.1:2",)
    address = profile.adapter.address(profile.ws_bases[0], StreamKind.TRADE, [])
    assert address.url == "ws://127.0.0.1:1/market/stream"
    with pytest.raises(BadInput, match=r"spot, usdm, coinm, .*, got 'x'"):
        loopback("x", ws_url="", rest_url="")
