"""
What a venue's adapter offers: how one talks to the venue, and what its frames say on their outside.

What the messages mean is the decoder's (`book.venues.common`); addresses and limits are figures of a
`tasks.venues.common.profile.VenueProfile`, which holds the adapter. An adapter has no state: one serves
all connections.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum, auto
from typing import NamedTuple, Protocol

from leadline.tasks.net.session import Command


class StreamKind(StrEnum):
    """What a stream carries."""

    DEPTH = "depth"
    TICKER = "ticker"
    TRADE = "trade"
    DEPTH20 = "depth20"  # the best 20 levels a side, whole, ten times a second


# -- streams ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WsBase:
    """One WebSocket address; equal paths share a connection."""

    url: str
    book_path: str = ""  # diff depth, book tickers
    trade_path: str = ""

    def path_for(self, kind: StreamKind) -> str:
        """Return the path that carries streams of ``kind``."""
        return self.trade_path if kind is StreamKind.TRADE else self.book_path


class Address(NamedTuple):
    """Where to connect, and whether the address itself asks for the streams."""

    url: str
    subscribes: bool


class StreamName(NamedTuple):
    """A stream's name taken apart; ``kind`` is None for streams we do not use."""

    lower_symbol: str
    kind: StreamKind | None


# -- frames ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Framing:
    """
    How the usual frame begins: ``prefix``, the stream's name, ``middle``.

    All bytes up to there are one key, so that one look-up checks the frame, finds its book and tells where
    the payload starts. ``is_whole``: the decoder wants the frame from its first byte, else from the last
    byte of ``middle``.
    """

    prefix: bytes
    middle: bytes
    is_whole: bool = False

    def key(self, stream: str) -> bytes:
        """Return what frames of a stream begin with."""
        return self.prefix + stream.encode() + self.middle

    def start(self, key: bytes) -> int:
        """Return where the payload of such frames starts."""
        return 0 if self.is_whole else len(key) - 1


class Head(NamedTuple):
    """A frame in any spelling: the stream it belongs to, and its payload."""

    stream: str | None  # None: of no stream, or it does not say
    payload: bytes
    start: int  # of the payload, as the decoder is told
    is_snapshot: bool = False  # a REST order book that a recording kept


class Ids(NamedTuple):
    """What a frame says of its place: stream, newest id, and the id before its first; -1 untold."""

    stream: bytes
    last_id: int
    before_id: int


# -- REST ------------------------------------------------------------------------------------------


class Request(NamedTuple):
    """A path below the profile's prefix, its query, and the symbols it asks about; none: about all."""

    path: str
    params: Mapping[str, str]
    symbols: tuple[str, ...] = ()


class PastTrades(NamedTuple):
    """Trades of some time ago: from an id of the venue's aggregates on, or, None, between two times."""

    from_id: int | None
    from_ms: int
    to_ms: int


class Trouble(Enum):
    """What a refused request means for the next one."""

    LIMITED = auto()  # too many: wait
    BANNED = auto()  # that was ignored: wait long
    BROKEN = auto()  # the server's own fault: try another base
    PLACE = auto()  # this place is not served
    FIREWALL = auto()  # this address or request is not let in
    UNKNOWN_SYMBOL = auto()
    REFUSED = auto()  # anything else


class Refusal(NamedTuple):
    """A request that was answered with an error; ``hint`` is what a person may do."""

    trouble: Trouble
    hint: str = ""
    retry_after_s: float | None = None  # None: not told


class VenueAdapter(Protocol):
    """One market of a venue, as its clients know it; see the head of this module."""

    @property
    def framing(self) -> Framing:
        """How the usual frame begins."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """What every REST request carries."""
        ...

    def in_unit(self, unit_ns: int) -> VenueAdapter:
        """Return the adapter that asks for times in a unit, one of the profile's ``time_units_ns``."""
        ...

    def parse_stream(self, name: str) -> StreamName:
        """Take a stream's name apart."""
        ...

    def address(self, base: WsBase, kind: StreamKind, streams: Sequence[str]) -> Address:
        """Return where ``streams``, which travel with those of ``kind``, are to be had; none: any."""
        ...

    def raw_address(self, base: WsBase, kind: StreamKind, stream: str) -> str | None:
        """Return where one stream is to be had without a wrapper; None where there is no such form."""
        ...

    def command(self, command: Command, streams: Sequence[str], request_id: int) -> bytes:
        """Write a command; its reply, as the decoder reads it, bears the same id."""
        ...

    def read_head(self, frame: bytes) -> Head:
        """Tell what any frame is, the slow and sure way; raises `BadFrame`."""
        ...

    def read_ids(self, frame: bytes) -> Ids | None:
        """Read stream and ids of a frame, as little as possible; None for anything else."""
        ...

    def is_data(self, frame: bytes) -> bool:
        """Whether a frame belongs to a stream; the rest is about the connection itself."""
        ...

    def event_time(self, frame: bytes) -> int | None:
        """Read the venue's time off a frame, as little as possible, in the wire's unit; None if untold."""
        ...

    def depth_request(self, symbol: str, limit: int) -> Request:
        """Ask for an order book of ``limit`` levels a side."""
        ...

    def trade_request(self, symbol: str) -> Request | None:
        """Ask for the newest trade as the trade stream numbers it; None where that cannot be asked."""
        ...

    def newest_trade(self, body: bytes) -> int | None:
        """Read its id off the answer, None where there was no trade yet; raises `BadFrame`."""
        ...

    def listing_requests(self, symbols: Sequence[str]) -> list[Request]:
        """
        Ask for the sizes and the status of symbols, in as few requests as the venue allows.

        Each request names its symbols, or is the only one and asks about all there are.
        """
        ...

    def past_trades_request(self, symbol: str, wanted: PastTrades) -> Request | None:
        """Ask for trades of some time ago, without a key; None where the venue offers none."""
        ...

    def time_request(self) -> Request:
        """Ask for the venue's clock."""
        ...

    def server_ns(self, body: bytes) -> int:
        """Read the answer, in ns since 1970, cut off to the unit of the wire; raises `BadFrame`."""
        ...

    def used_weight(self, headers: Mapping[str, str]) -> int | None:
        """Read the request weight that the venue counted; None where it tells none."""
        ...

    def refusal(self, status: int, headers: Mapping[str, str], body: bytes) -> Refusal | None:
        """Tell what an answer means; None for a success."""
        ...
