"""Depth samples from the store instead of a running stream: rebuilt by SQL, written as rows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from leadline.book.analytics import features
from leadline.book.engine.sample import of_levels
from leadline.book.rows.batch import DepthSample, Market
from leadline.book.scale import Scale
from leadline.book.trust.certified import Reach
from leadline.book.venues.registry import spec_of
from leadline.flows.config.settings import Settings
from leadline.flows.render.tables import plain
from leadline.storage.access.connect import Connection, connect
from leadline.storage.errors import NoTrustedBook, StoreError
from leadline.storage.ingest.arrow import Names
from leadline.storage.ingest.tables import samples_table
from leadline.storage.queries.rebuild import PriceLevel, StoredBook, book_at
from leadline.storage.queries.seeds import seed_prices


@dataclass(slots=True)
class StoreSamples:
    """Samples, and the markets that their ``book`` counts into."""

    markets: list[Market] = field(default_factory=list)
    samples: list[DepthSample] = field(default_factory=list)

    def take(self, con: Connection, settings: Settings, symbol: str) -> None:
        """Sample the latest book of ``symbol``; for an untrusted one the sample says why."""
        ts_ns, index, spec = time.time_ns(), len(self.markets), spec_of(settings.venue)
        try:
            book = book_at(con, symbol, venue=settings.venue)
            market = Market(book.venue, symbol, _scale(book), spec.rule)
            reach = _reach(con, book, market.scale, spec.window)
            sample = sample_of(book, market.scale, index, ts_ns, settings, reach)
        except (NoTrustedBook, StoreError) as exc:
            market = Market(settings.venue, symbol, Scale(0, 0), spec.rule)
            sample = untrusted(index, ts_ns, str(exc))
        self.markets.append(market)
        self.samples.append(sample)


def sample_store(settings: Settings) -> StoreSamples:
    """Sample the settings' symbols from their store and write the rows there."""
    taken = StoreSamples()
    with connect(settings.db, write=True) as con:
        for symbol in settings.symbols:
            taken.take(con, settings, symbol)
        con.append("depth_snapshots", samples_table(taken.samples, Names(taken.markets)))
    return taken


def sample_of(
    book: StoredBook, scale: Scale, index: int, ts_ns: int, settings: Settings, reach: Reach | None = None
) -> DepthSample:
    """Sample a stored book as a live one; raises `NoTrustedBook` if it is one-sided."""
    if not book.bids or not book.asks:
        raise NoTrustedBook(f"{book.symbol}: one side of the stored book is empty")
    bids = _levels(book.bids, scale)
    asks = _levels(book.asks, scale)
    n, bands = settings.snapshot_levels, settings.snapshot_bands_bps
    depths = list(zip(*features.depth_within_bps(bids, asks, bands), strict=True))
    where = (index, book.epoch, ts_ns, book.last_id)
    return of_levels(*where, bids[:n], asks[:n], depths=depths, bands_bps=bands, scale=scale, reach=reach)


def untrusted(index: int, ts_ns: int, reason: str) -> DepthSample:
    """Return the sample of a book that may not be shown."""
    return DepthSample(
        index, -1, ts_ns, -1, (), (),
        mid=None, spread_bps=None, imbalance=None, weighted_mid=None,
        depth_bps=(), bid_depth=(), ask_depth=(),
        trusted=False, reason=reason,
    )  # fmt: skip


def _scale(book: StoredBook) -> Scale:
    levels = book.bids + book.asks
    return Scale.from_wire([plain(price) for price, _ in levels], [plain(qty) for _, qty in levels])


def _reach(con: Connection, book: StoredBook, scale: Scale, window: int | None) -> Reach | None:
    """
    Return how far a book is certified: by the window its venue keeps, else by the seed of its epoch.

    None where the seed is gone.
    """
    if window is not None:
        return Reach.of_window(_levels(book.bids, scale), _levels(book.asks, scale), window)
    sides = seed_prices(con, book.venue, book.symbol, book.epoch)
    if sides is None:
        return None
    bids, asks = ([(round(price.scaleb(scale.price_decimals)), 1) for price in side] for side in sides)
    return Reach.of_seed(bids, asks)


def _levels(levels: Sequence[PriceLevel], scale: Scale) -> list[tuple[int, int]]:
    return [(scale.ticks(plain(price)), scale.lots(plain(qty))) for price, qty in levels]
