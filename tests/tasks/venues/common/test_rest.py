from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from leadline.book.venues.binance.exchange_info import parse_exchange_info
from leadline.tasks.loopback import Fault, Options, ThreadedVenue, run_in_thread
from leadline.tasks.net.clock import SYSTEM_CLOCK
from leadline.tasks.net.errors import AccessRefused, RateLimited, RestFailed, UnknownSymbol
from leadline.tasks.net.limits import WeightGovernor
from leadline.tasks.venues.common.profile import VenueProfile
from leadline.tasks.venues.common.rest import Rest
from leadline.tasks.venues.registry import loopback


@pytest.fixture
def venue(request: pytest.FixtureRequest) -> Iterator[ThreadedVenue]:
    with run_in_thread(Options(kind=getattr(request, "param", "spot"), count=3)) as server:
        yield server


def profile_of(venue: ThreadedVenue, **changes: Any) -> VenueProfile:
    profile = loopback(venue.kind, ws_url=venue.ws_url, rest_url=venue.rest_url)
    return replace(profile, **changes)


@asynccontextmanager
async def client(profile: VenueProfile, **settings: Any) -> AsyncIterator[Rest]:
    governor = WeightGovernor(profile.weight_per_minute, SYSTEM_CLOCK.mono_s)
    async with Rest(profile, governor, SYSTEM_CLOCK, **settings) as rest:
        yield rest


@pytest.mark.parametrize("venue", ["spot", "usdm", "coinm"], indirect=True)
async def test_depth_exchange_info_and_time_of_every_kind(venue: ThreadedVenue) -> None:
    async with client(profile_of(venue)) as rest:
        before_ns = SYSTEM_CLOCK.wall_ns()
        reply = await rest.depth(venue.symbols[0], 100)
        assert before_ns <= reply.sent_ns <= reply.received_ns <= SYSTEM_CLOCK.wall_ns()
        assert len(json.loads(reply.body)["bids"]) == 100
        (answer,) = [answer async for answer in rest.listing(venue.symbols)]
        assert answer.reply is not None
        assert set(parse_exchange_info(answer.reply.body)) == set(venue.symbols) == set(answer.symbols)
        offset = await rest.server_time()
        assert offset.error_ns >= 500_000
        assert rest.governor.used == venue.status()["used_weight"]


async def test_the_weight_is_what_the_venue_counts(venue: ThreadedVenue) -> None:
    async with client(profile_of(venue)) as rest:
        for limit in (100, 500, 1000, 5000):
            await rest.depth(venue.symbols[0], limit)
        assert venue.status()["used_weight"] == rest.governor.used == 5 + 25 + 50 + 250


async def test_many_symbols_are_asked_for_in_several_requests(
    venue: ThreadedVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leadline.tasks.venues.binance.adapter.SYMBOLS_A_REQUEST", 2)
    async with client(profile_of(venue)) as rest:
        answers = [answer async for answer in rest.listing(venue.symbols)]
    assert [symbol for answer in answers for symbol in answer.symbols] == list(venue.symbols)
    assert len(answers) == 2
    for answer in answers:
        assert answer.reply is not None
        assert set(parse_exchange_info(answer.reply.body)) == set(answer.symbols)


async def test_an_unknown_symbol_is_permanent(venue: ThreadedVenue) -> None:
    async with client(profile_of(venue)) as rest:
        with pytest.raises(UnknownSymbol, match=r"NOSUCH.*check the spelling") as caught:
            await rest.depth("NOSUCH", 100)
        assert not caught.value.transient
        assert rest.requests == 1, "no other base was bothered"


@pytest.mark.parametrize(
    ("fault", "error", "transient", "says"),
    [
        (Fault("rest_5xx", code=502), RestFailed, True, "502"),
        (Fault("rest_cut"), RestFailed, True, "RemoteProtocolError"),
        (Fault("rest_slow", seconds=30), RestFailed, True, "Timeout"),
        (Fault("rest_garbage", code=403), AccessRefused, False, "firewall"),
        (Fault("rest_garbage", code=451), AccessRefused, False, "data-api.binance.vision"),
        (Fault("rest_429", seconds=2), RateLimited, True, "waiting 2 s"),
        (Fault("rest_418", seconds=3), RateLimited, True, "waiting 3 s"),
    ],
)
async def test_what_goes_wrong_says_whether_to_try_again(
    venue: ThreadedVenue, fault: Fault, error: type[Exception], transient: bool, says: str
) -> None:
    async with client(profile_of(venue), timeout_s=0.3) as rest:
        venue.inject(fault)
        with pytest.raises(error, match=says) as caught:
            await rest.depth(venue.symbols[0], 100)
    assert caught.value.transient is transient  # type: ignore[attr-defined]


async def test_a_ban_holds_every_caller_back(venue: ThreadedVenue) -> None:
    async with client(profile_of(venue), longest_turn_s=0.5) as rest:
        venue.inject(Fault("rest_429", seconds=60))
        with pytest.raises(RateLimited):
            await rest.depth(venue.symbols[0], 100)
        listing = anext(rest.listing(["X"]))
        for call in (rest.depth(venue.symbols[1], 100), rest.server_time(), listing):
            with pytest.raises(RateLimited) as caught:
                await call
            assert 59 < caught.value.retry_after_s <= 60
        assert rest.requests == 1, "nothing was sent"


async def test_our_own_budget_is_kept_before_the_venue_s(venue: ThreadedVenue) -> None:
    profile = profile_of(venue, weight_per_minute=20)
    async with client(profile, longest_turn_s=0.1) as rest:
        for _ in range(3):
            await rest.depth(venue.symbols[0], 100)
        with pytest.raises(RateLimited) as caught:
            await rest.depth(venue.symbols[0], 100)
        assert 50 < caught.value.retry_after_s <= 60
        assert rest.requests == 3


async def test_a_waiting_caller_goes_on_when_its_turn_comes(venue: ThreadedVenue) -> None:
    async with client(profile_of(venue)) as rest:
        venue.inject(Fault("rest_429", seconds=1))
        with pytest.raises(RateLimited):
            await rest.depth(venue.symbols[0], 100)
        refused_ns = SYSTEM_CLOCK.mono_ns()
        await rest.depth(venue.symbols[0], 100)
        assert SYSTEM_CLOCK.mono_ns() - refused_ns > 0.95e9


async def test_another_base_takes_over(venue: ThreadedVenue) -> None:
    dead = "http://127.0.0.1:9"  # the discard port: nobody listens
    async with client(profile_of(venue, rest_bases=(dead, venue.rest_url))) as rest:
        await rest.depth(venue.symbols[0], 100)  # within the same call

    with pytest.raises(RestFailed, match=r"ConnectError.*ConnectError") as caught:
        async with client(profile_of(venue, rest_bases=(dead, "https://127.0.0.1:9"))) as rest:
            await rest.depth(venue.symbols[0], 100)
    assert dead in str(caught.value)
    assert "https://127.0.0.1:9" in str(caught.value)

    bases = (venue.rest_url + "/elsewhere", venue.rest_url)  # 404 there
    async with client(profile_of(venue, rest_bases=bases)) as rest:
        await rest.depth(venue.symbols[0], 100)  # refused at the first, served by the second
        assert rest.requests == 2
