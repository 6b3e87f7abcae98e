"""A connection of the loopback venue on which everything comes late, and one beside it that is in time."""

from __future__ import annotations

from leadline.tasks.loopback.base.faults import Fault, FaultKind
from tests.tasks.loopback.conftest import connect, open_venue, until

DEPTH = "/stream?streams=btcusdt@depth@100ms"


async def test_the_connection_that_is_struck_is_late_and_the_ledger_says_so() -> None:
    async with open_venue(ping_s=600.0, symbols=["BTCUSDT"]) as venue, connect(venue, DEPTH) as ws:
        await until(ws, lambda each: "stream" in each)
        async with connect(venue, DEPTH) as other:
            await until(other, lambda each: "stream" in each)
            entry = venue.inject(Fault(FaultKind.LAG, seconds=0.3, which="newest"))
            await until(other, lambda each: venue.source.now_ns() / 1e6 - each["data"]["E"] >= 300)
            assert entry.done
            assert len(entry.hits) == 1
            assert [client.lag_s for client in venue.hub.connections] == [0.0, 0.3]
