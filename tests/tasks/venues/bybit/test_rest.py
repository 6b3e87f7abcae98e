"""The REST client of any venue, as it fares with Bybit's answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from leadline.book.venues.bybit.decode import decode_snapshot
from leadline.book.venues.bybit.instruments import parse_instruments
from leadline.tasks.loopback import Fault, Options, ThreadedVenue, run_in_thread
from leadline.tasks.net.clock import SYSTEM_CLOCK
from leadline.tasks.net.errors import RateLimited, RestFailed, UnknownSymbol, VenueError
from leadline.tasks.net.limits import WeightGovernor
from leadline.tasks.venues.bybit.adapter import BAN_S
from leadline.tasks.venues.common.rest import Rest
from leadline.tasks.venues.registry import loopback

KINDS = ("bybit-spot", "bybit-linear-50")


@pytest.fixture(params=KINDS)
def venue(request: pytest.FixtureRequest) -> Iterator[ThreadedVenue]:
    with run_in_thread(Options(kind=request.param, count=12, levels=120)) as server:
        yield server


@asynccontextmanager
async def client(venue: ThreadedVenue) -> AsyncIterator[Rest]:
    profile = loopback(venue.kind, ws_url=venue.ws_url, rest_url=venue.rest_url)
    governor = WeightGovernor(profile.weight_per_minute, SYSTEM_CLOCK.mono_s)
    async with Rest(profile, governor, SYSTEM_CLOCK) as rest:
        yield rest


async def test_book_listing_and_clock(venue: ThreadedVenue) -> None:
    async with client(venue) as rest:
        symbol = venue.symbols[0]
        answers = [answer async for answer in rest.listing(venue.symbols)]
        assert len(answers) == (1 if "spot" in venue.kind else len(venue.symbols))
        listed = {}
        for answer in answers:
            assert answer.reply is not None
            listed |= parse_instruments(answer.reply.body)
        assert set(listed) == set(venue.symbols)
        reply = await rest.depth(symbol, 100)
        assert len(decode_snapshot(reply.body, symbol, listed[symbol].scale, 1).bids) == 100
        assert (await rest.server_time()).error_ns >= 500_000


@pytest.mark.parametrize(
    ("fault", "error", "least_s"),
    [
        (Fault("rest_429"), RateLimited, 1.0),
        (Fault("rest_418", seconds=60), RateLimited, BAN_S - 1),
        (Fault("rest_5xx"), RestFailed, 0.0),
        (Fault("rest_5xx", code=502), RestFailed, 0.0),
        (Fault("rest_cut"), RestFailed, 0.0),
    ],
)
async def test_what_a_refusal_means(
    venue: ThreadedVenue, fault: Fault, error: type[VenueError], least_s: float
) -> None:
    async with client(venue) as rest:
        venue.inject(fault)
        with pytest.raises(error) as caught:
            await rest.depth(venue.symbols[0], 50)
        assert caught.value.transient
        assert caught.value.retry_after_s >= least_s


async def test_a_symbol_that_is_not_listed_is_told_by_a_code(venue: ThreadedVenue) -> None:
    async with client(venue) as rest:
        with pytest.raises(UnknownSymbol, match="check the spelling of the symbol and the market"):
            await rest.depth("NOSUCHUSDT", 50)
