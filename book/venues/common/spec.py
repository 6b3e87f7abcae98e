"""Everything that is known of a venue's market without a connection to it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from leadline.book.messages import Trade
from leadline.book.sync.rules import SequenceRule
from leadline.book.trust.attestation import Faith
from leadline.book.venues.common.decoder import Decoder
from leadline.book.venues.common.documented import Documented
from leadline.book.venues.common.listing import Listed
from leadline.book.venues.common.recorded import Recorded
from leadline.book.venues.common.scanner import Scanner

ParseListing = Callable[[bytes, Collection[str] | None], dict[str, Listed]]
"""
Reads the answer that lists symbols, or only those asked for, each with a verdict of its own.

Raises `BadFrame` for an answer that lists nothing at all.
"""

ParseTrades = Callable[..., list[Trade]]
"""
Reads the answer that lists past aggregates: ``(body, symbol, scale, ts_recv_ns, *, time_unit_ns)``.

The id of each is the aggregate's own, ``covers`` the single trades in it. Raises `BadFrame`, `OffScale`.
"""


@dataclass(frozen=True, slots=True)
class VenueSpec:
    """One market of one venue: what its messages mean, and its names and fees."""

    name: str  # as in the rows
    alias: str | None  # what one may say for it in short
    loopback_kind: str  # what the built-in venue calls it: loopback-spot is one of kind spot
    rule: SequenceRule
    decoder: Decoder
    load_scanner: Callable[[], Scanner] | None  # imports numba; None: every frame is decoded
    parse_listing: ParseListing
    recorded: Recorded
    documented: Documented
    taker_fee_bps: float  # of one side, without discounts
    tardis_name: str | None  # the exchange's name in Tardis' files
    window: int | None = None  # the stream keeps so many best levels a side; None: all that ever changed
    faith: Faith = field(default_factory=Faith)  # what the venue promises of its tickers
    same_ids: bool = True  # the ids of its tickers are those of its diffs
    numbers_trades: bool = True  # a trade's id is the next after the one before: a missing one shows
    aggregates_trades: bool = False  # its stream tells aggregates, so its ids are theirs
    parse_trades: ParseTrades | None = None  # None: past trades cannot be asked for
    pairs_connections: bool = True  # two connections number a stream alike, so that one may follow another
    caveat: str | None = None  # what is yet to be proved of it; its certificates say so
