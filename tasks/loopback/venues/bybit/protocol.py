"""
Bybit's handshake and commands.

    {"req_id":"7","op":"subscribe","args":["orderbook.50.BTCUSDT"]}
    {"success":true,"ret_msg":"","conn_id":"…","req_id":"7","op":"subscribe"}, then a snapshot of each topic

A command with one topic that nobody carries, or that is subscribed to already, is refused as a whole. So is
one that ends what was not subscribed to: the documents do not say, and this is the harsher way. The
connection says nothing before it ends.

Sources: bybit-exchange/docs, v5/ws/connect; refusals as others met them in 2026: "args size >10" (spot),
"error:handler not found,topic:…", "error:already subscribed,topic:…".
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leadline.book.errors import BadInput
from leadline.book.synthetic.market import SymbolMarket
from leadline.book.synthetic.specs import Kind
from leadline.tasks.loopback.base.ledger import Ledger
from leadline.tasks.loopback.base.options import Options
from leadline.tasks.loopback.base.streams import Hub, compact
from leadline.tasks.loopback.market.source import Source
from leadline.tasks.loopback.venues.bybit.lines import BybitLines
from leadline.tasks.loopback.venues.bybit.rest import BybitRest
from leadline.tasks.loopback.venues.common.protocol import Admission, NotServed, RestParts, Subscriber

SPOT_TOPICS = 10  # in one command
CONNECTION = "loopback"


class Refused(Exception):
    """A command that is answered with ``success`` false."""


@dataclass(frozen=True, slots=True)
class BybitProtocol:
    """See `tasks.loopback.venues.common.protocol.VenueProtocol`; ids are those of the ``levels`` topic."""

    category: str
    levels: int
    market: Kind = Kind.USDM  # numbers with as many decimals as tick and step have
    messages_per_s: int = 100  # no limit is told of

    def admit(self, path: str, query: Mapping[str, Sequence[str]]) -> Admission:  # noqa: ARG002
        """Let in who asks for this market."""
        if path.strip("/") != f"v5/public/{self.category}":
            raise NotServed(404, "Not Found\n")
        return Admission()

    def answer(self, text: bytes, client: Subscriber) -> bytes:
        """Answer one command."""
        asked: dict[str, Any] = {}
        said = {"conn_id": CONNECTION}
        try:
            asked = _parse(text)
            ret_msg, success = self._obey(asked, client), True
        except Refused as exc:
            ret_msg, success = str(exc), False
        names = {"req_id": str(asked.get("req_id", "")), "op": str(asked.get("op", ""))}
        return compact({"success": success, "ret_msg": ret_msg, **said, **names})

    def farewell(self, now_ns: int, *, combined: bool) -> bytes | None:  # noqa: ARG002
        """Return None: a connection ends without a word."""
        return None

    def make_lines(self, hub: Hub, market: SymbolMarket) -> BybitLines:
        """Make the topics of a synthetic symbol."""
        return BybitLines(hub, market, levels=self.levels, is_spot=self.category == "spot")

    def make_tape(self, options: Options, hub: Hub, ledger: Ledger) -> Source:  # noqa: ARG002
        """Refuse: there is no recording of Bybit to play yet."""
        raise BadInput(f"recording: Bybit's cannot be played, got {', '.join(map(str, options.recording))}")

    def make_rest(self, parts: RestParts) -> BybitRest:
        """Make the HTTP paths."""
        return BybitRest(self.category, parts)

    def _obey(self, asked: dict[str, Any], client: Subscriber) -> str:
        """Do what a command asks; return its ``ret_msg``."""
        op, topics = asked["op"], asked.get("args", [])
        if op == "ping":
            return "pong"
        is_spot = self.category == "spot"
        if is_spot and len(topics) > SPOT_TOPICS:
            raise Refused(f"args size >{SPOT_TOPICS}")
        for topic in topics:
            if not client.knows(topic):
                raise Refused(f"error:handler not found,topic:{topic}")
            if op == "subscribe" and topic in client.streams:
                raise Refused(f"error:already subscribed,topic:{topic}")
            if op == "unsubscribe" and topic not in client.streams:
                raise Refused(f"error:not subscribed,topic:{topic}")
        if op == "subscribe":
            client.subscribe(topics)
        else:
            for topic in topics:
                client.unsubscribe(topic)
        return op if is_spot else ""


def _parse(text: bytes) -> dict[str, Any]:
    """Read a command; raises `Refused`."""
    try:
        asked = json.loads(text)
    except ValueError as exc:
        raise Refused("error:invalid message") from exc
    if not isinstance(asked, dict) or asked.get("op") not in ("subscribe", "unsubscribe", "ping"):
        raise Refused("error:unknown op")
    topics = asked.get("args", [])
    if not isinstance(topics, list) or not all(isinstance(topic, str) for topic in topics):
        raise Refused("error:args must be topics")
    return asked
