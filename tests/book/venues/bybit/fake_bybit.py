"""One symbol at a small Bybit, kept in plain dicts: its true book and the frames it sends."""

from __future__ import annotations

import json
from random import Random

from leadline.book.scale import Scale

SCALE = Scale(2, 3)
SYMBOL = "BTCUSDT"
MIDDLE = 10_000  # ticks; no bid ever rests at it or above, no ask below


def price(ticks: int) -> str:
    return f"{ticks // 100}.{ticks % 100:02d}"


def size(lots: int) -> str:
    return f"{lots / 1000:.3f}" if lots else "0"


class FakeBybit:
    """
    The venue. ``change`` moves the true book; ``delta`` and ``snapshot`` tell of the best ``depth`` levels.

    Deltas are made as the venue makes them: what changed among the best levels since the message before,
    with deletions of what left them. ``truth`` keeps the best levels by update id.
    """

    def __init__(self, seed: int, *, depth: int = 5, levels: int = 12) -> None:
        self.random = Random(seed)
        self.depth = depth
        self.u = self.random.randrange(2, 10**6)
        self.seq = self.random.randrange(10**9, 10**10)
        self.now_ms = 1_790_000_000_000
        self.bids = {MIDDLE - 1 - n: self._lots() for n in range(levels)}
        self.asks = {MIDDLE + n: self._lots() for n in range(levels)}
        self.truth: dict[int, tuple[dict[int, int], dict[int, int]]] = {}
        self._told = self.best()
        self.truth[self.u] = self._told

    def _lots(self) -> int:
        return self.random.randrange(1, 5_000)

    def best(self) -> tuple[dict[int, int], dict[int, int]]:
        """The best levels of both sides, best first."""
        bids = sorted(self.bids.items(), reverse=True)[: self.depth]
        return dict(bids), dict(sorted(self.asks.items())[: self.depth])

    def change(self, n: int = 4) -> None:
        """Let some levels come, go or change; neither side crosses the middle."""
        for _ in range(self.random.randrange(1, n + 1)):
            is_bid = self.random.random() < 0.5
            side = self.bids if is_bid else self.asks
            away = self.random.randrange(2 * self.depth)
            at = MIDDLE - 1 - away if is_bid else MIDDLE + away
            if self.random.random() < 0.45:
                side.pop(at, None)
            else:
                side[at] = self._lots()
        self.seq += self.random.randrange(0, 40)  # now and then it stands still
        self.now_ms += self.random.randrange(1, 30)

    def delta(self) -> bytes:
        """Tell what changed among the best levels since the message before."""
        before, self._told = self._told, self.best()
        self.u += 1
        self.truth[self.u] = self._told
        sides = [
            [[price(at), size(new.get(at, 0))] for at in sorted(old | new) if old.get(at) != new.get(at)]
            for old, new in zip(before, self._told, strict=True)
        ]
        return self._frame("delta", *sides)

    def snapshot(self, *, restart: bool = False) -> bytes:
        """Tell all of the best levels; counting goes on, or begins anew at 1."""
        self._told = self.best()
        self.u = 1 if restart else self.u + 1
        self.truth[self.u] = self._told
        return self.again()

    def again(self) -> bytes:
        """Tell the state after the last message as a new subscriber is told it."""
        sides = [[[price(at), size(lots)] for at, lots in side.items()] for side in self._told]
        return self._frame("snapshot", *sides)

    def top(self, *, lie: int = 0) -> bytes:
        """Tell the best level of each side; ``lie`` lots too many on the bid."""
        bids, asks = self.best()
        sides = [[[price(at), size(lots)] for at, lots in list(side.items())[:1]] for side in (bids, asks)]
        if lie and sides[0]:
            sides[0][0][1] = size(next(iter(bids.values())) + lie)
        return self._frame("snapshot", *sides, depth=1)

    def rest(self) -> bytes:
        """Answer with the whole true book."""
        sides = [
            [[price(at), size(lots)] for at, lots in sorted(side.items(), reverse=is_bid)]
            for side, is_bid in ((self.bids, True), (self.asks, False))
        ]
        result = {
            "s": SYMBOL,
            "b": sides[0],
            "a": sides[1],
            "ts": self.now_ms,
            "u": self.u,
            "seq": self.seq,
        }
        return json.dumps({"retCode": 0, "retMsg": "OK", "result": result}).encode()

    def _frame(self, kind: str, bids: list, asks: list, *, depth: int | None = None) -> bytes:
        data = {"s": SYMBOL, "b": bids, "a": asks, "u": self.u, "seq": self.seq}
        topic = f"orderbook.{depth or self.depth}.{SYMBOL}"
        return json.dumps(
            {"topic": topic, "type": kind, "ts": self.now_ms, "data": data, "cts": self.now_ms - 2},
            separators=(",", ":"),
        ).encode()
