"""Where the venue's messages come from: a synthetic market (`synthetic`) or a recording (`tape`)."""

from __future__ import annotations

from typing import Protocol

from leadline.tasks.loopback.base.ledger import Entry
from leadline.tasks.loopback.base.streams import Topic
from leadline.tasks.loopback.base.truth import Truth
from leadline.tasks.loopback.market.digests import Digests
from leadline.tasks.venues.common.adapter import PastTrades


class Source(Protocol):
    """A market that moves; everything is called on the venue's event loop."""

    symbols: tuple[str, ...]
    status: dict[str, str]  # trading status by symbol

    def now_ns(self) -> int:
        """Market time, ns since 1970."""
        ...

    def pump(self) -> None:
        """Publish what is due."""
        ...

    async def rest(self, tick_s: float) -> None:
        """Wait until there may be more to publish, about ``tick_s``."""
        ...

    def topic(self, name: str) -> Topic | None:
        """Find the topic of a stream name, None when nobody carries it."""
        ...

    def snapshot(self, symbol: str, limit: int, age_s: float) -> str:
        """Write the REST depth answer, or the one of ``age_s`` ago."""
        ...

    def newest_trade(self, symbol: str) -> int | None:
        """Give the id of the newest trade; None where none is known."""
        ...

    def past_trades(self, symbol: str, wanted: PastTrades, limit: int) -> str:
        """Write the REST answer that lists past trades, at most ``limit`` of them."""
        ...

    def sizes(self, symbol: str) -> tuple[str, str]:
        """Tick and step size as texts."""
        ...

    def truth(self, symbol: str, at_id: int | None) -> Truth:
        """Give the book exactly as it stood at ``at_id``."""
        ...

    def digests(self, symbol: str) -> Digests:
        """Give the digest of the book at every id of the history kept."""
        ...

    def change_market(self, entry: Entry) -> None:
        """Carry out a fault that changes the market itself."""
        ...
