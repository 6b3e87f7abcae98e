"""What a venue that is played has to bring: its handshake, commands, streams and REST paths."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from starlette.types import Scope

from leadline.book.synthetic.market import SymbolMarket
from leadline.book.synthetic.specs import Kind
from leadline.tasks.loopback.base.ledger import Ledger
from leadline.tasks.loopback.base.options import Options
from leadline.tasks.loopback.base.streams import Hub
from leadline.tasks.loopback.faults.desk import FaultDesk
from leadline.tasks.loopback.market.lines import Lines
from leadline.tasks.loopback.market.source import Source
from leadline.tasks.loopback.venues.common.rest import RestPaths


class NotServed(Exception):
    """A handshake that is answered with an HTTP error."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Admission(NamedTuple):
    """What the address of a connection asks for."""

    streams: Sequence[str] = ()
    combined: bool = True  # payloads with the name of their stream
    micros: bool = False
    kinds: frozenset[str] | None = None  # of topics that this address carries; None: all


class Subscriber(Protocol):
    """A connection, as the commands that come over it see it."""

    combined: bool
    streams: dict[str, None]  # as asked for

    def knows(self, name: str) -> bool:
        """Whether anybody carries a stream of this name."""
        ...

    def subscribe(self, names: Iterable[str]) -> None:
        """Take streams on."""
        ...

    def unsubscribe(self, name: str) -> None:
        """Give a stream up."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RestParts:
    """What REST paths work with; ``pump`` brings the market up to now, ``cut`` drops a connection."""

    options: Options
    source: Source
    faults: FaultDesk
    pump: Callable[[], None]
    cut: Callable[[Scope], None]


class VenueProtocol(Protocol):
    """One market of a venue that is played; frozen, without state."""

    @property
    def market(self) -> Kind:
        """Which synthetic market it shows."""
        ...

    @property
    def messages_per_s(self) -> int:
        """How many messages a client may send in a second."""
        ...

    def admit(self, path: str, query: Mapping[str, Sequence[str]]) -> Admission:
        """Read the address of a connection; raises `NotServed`."""
        ...

    def answer(self, text: bytes, client: Subscriber) -> bytes:
        """Do what a message of a client asks; return the reply."""
        ...

    def farewell(self, now_ns: int, *, combined: bool) -> bytes | None:
        """Write what announces the end of a connection; None where nothing does."""
        ...

    def make_lines(self, hub: Hub, market: SymbolMarket) -> Lines:
        """Make the topics of a synthetic symbol."""
        ...

    def make_tape(self, options: Options, hub: Hub, ledger: Ledger) -> Source:
        """Make the source that plays recordings; raises `BadInput` where none can be played."""
        ...

    def make_rest(self, parts: RestParts) -> RestPaths:
        """Make the HTTP paths."""
        ...
