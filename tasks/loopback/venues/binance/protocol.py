"""
Binance's handshake and commands, as web-socket-streams.md and the derivatives documents describe them.

Codes and messages of errors are those of the documents.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leadline.book.synthetic.market import SymbolMarket
from leadline.book.synthetic.specs import Kind
from leadline.tasks.loopback.base.ledger import Ledger
from leadline.tasks.loopback.base.options import Options
from leadline.tasks.loopback.base.streams import Hub, compact
from leadline.tasks.loopback.venues.binance.lines import SymbolLines
from leadline.tasks.loopback.venues.binance.rest import BinanceRest
from leadline.tasks.loopback.venues.binance.tape import Tape
from leadline.tasks.loopback.venues.common.protocol import Admission, NotServed, RestParts, Subscriber

METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")
STREAMS_MAX = 1024  # of one connection, web-socket-streams.md
# Where the derivatives venues carry what, since 2026-03-06; a stream on the wrong path stays silent.
PUBLIC = frozenset({"depth", "depth20", "bookTicker"})
ROUTES = {"": None, "public": PUBLIC, "market": frozenset({"aggTrade"}), "private": frozenset[str]()}


class Refused(Exception):
    """A command that is answered with an error; carries code and message of the documents."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class BinanceProtocol:
    """See `tasks.loopback.venues.common.protocol.VenueProtocol`."""

    market: Kind

    @property
    def messages_per_s(self) -> int:
        """Messages of a client in a second, pings and pongs included."""
        return 5 if self.market is Kind.SPOT else 10

    def admit(self, path: str, query: Mapping[str, Sequence[str]]) -> Admission:
        """Take an address apart: ``/public/stream?streams=a/b``, ``/ws/a/b``."""
        prefix, door, rest = _split(path)
        if door not in ("ws", "stream"):
            raise NotServed(404, "Not Found\n")
        names = rest if door == "ws" else "/".join(query.get("streams", []))
        streams = [name for name in names.split("/") if name]
        if len(streams) > STREAMS_MAX:
            raise NotServed(400, f"more than {STREAMS_MAX} streams\n")
        micros = (query.get("timeUnit") or [""])[0].upper() == "MICROSECOND"
        return Admission(streams, door == "stream", micros, ROUTES[prefix])

    def answer(self, text: bytes, client: Subscriber) -> bytes:
        """Answer one command."""
        request_id: Any = None
        try:
            asked = _parse(text)
            request_id = asked.get("id")
            reply: dict[str, Any] = {"result": _obey(asked, client), "id": request_id}
        except Refused as exc:
            reply = {"error": {"code": exc.code, "msg": str(exc)}, "id": request_id}
        return compact(reply)

    def farewell(self, now_ns: int, *, combined: bool) -> bytes | None:
        """Write ``serverShutdown``."""
        text = f'{{"e":"serverShutdown","E":{now_ns // 1_000_000}}}'
        return (f'{{"stream":"!serverShutdown","data":{text}}}' if combined else text).encode()

    def make_lines(self, hub: Hub, market: SymbolMarket) -> SymbolLines:
        """Make the topics of a synthetic symbol."""
        return SymbolLines(hub, market)

    def make_tape(self, options: Options, hub: Hub, ledger: Ledger) -> Tape:
        """Make the source that plays recordings."""
        return Tape(self.market, options, hub, ledger)

    def make_rest(self, parts: RestParts) -> BinanceRest:
        """Make the HTTP paths."""
        return BinanceRest(self.market, parts)


def _obey(asked: dict[str, Any], client: Subscriber) -> Any:
    """Do what a command asks; return its ``result``."""
    method, params = asked["method"], asked.get("params", [])
    if not isinstance(asked.get("id"), int | str | None) or isinstance(asked.get("id"), bool):
        raise Refused(2, "Invalid request: request ID must be an unsigned integer")
    if not isinstance(params, list):
        raise Refused(2, "Invalid request: invalid type for `params`, expected a sequence")
    if method == "LIST_SUBSCRIPTIONS":
        return list(client.streams)
    if method.endswith("_PROPERTY"):
        return _property(params, client, is_set=method == "SET_PROPERTY")
    if not all(isinstance(name, str) for name in params):
        raise Refused(2, "Invalid request: stream names must be strings")
    if method == "UNSUBSCRIBE":
        for name in params:
            client.unsubscribe(name)
    elif len({*client.streams, *params}) > STREAMS_MAX:
        raise Refused(2, "Invalid request: too many parameters")
    else:
        client.subscribe(params)
    return None


def _property(params: list[Any], client: Subscriber, *, is_set: bool) -> bool | None:
    """Set or get ``combined``, the only property there is."""
    if not params or not isinstance(params[0], str):
        raise Refused(2, "Invalid request: property name must be a string")
    if params[0] != "combined":
        raise Refused(0, "Unknown property")
    if not is_set:
        return client.combined
    if len(params) != 2 or not isinstance(params[1], bool):  # noqa: PLR2004 - name and value
        raise Refused(1, "Invalid value type: expected Boolean")
    client.combined = params[1]
    return None


def _parse(text: bytes) -> dict[str, Any]:
    """Read a command as far as its method; raises `Refused`."""
    try:
        asked = json.loads(text)
    except ValueError as exc:
        raise Refused(3, "Invalid JSON: expected value at line 1 column 1") from exc
    if not isinstance(asked, dict) or "method" not in asked:
        raise Refused(2, "Invalid request: missing field `method` at line 1 column 1")
    if asked["method"] not in METHODS:
        known = ", ".join(f"`{name}`" for name in METHODS)
        raise Refused(2, f"Invalid request: unknown variant `{asked['method']}`, expected one of {known}")
    return asked


def _split(path: str) -> tuple[str, str, str]:
    """Split a path into route, door and the rest: ``/public/ws/a/b`` is ("public", "ws", "a/b")."""
    head, _, tail = path.strip("/").partition("/")
    if head not in ROUTES:
        return "", head, tail
    door, _, rest = tail.partition("/")
    return head, door, rest
