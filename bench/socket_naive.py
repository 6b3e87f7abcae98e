"""
The naive way over the same socket: json, dicts of floats, max and min; a row per level, a commit per diff.

This is what a first version looks like, and what articles on the subject show: nothing is done badly
on purpose, and nothing with thought for speed.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import duckdb
from websockets.asyncio.client import connect

from bench.frames import STREAM, SYMBOL
from bench.measure import Child

Handle = Callable[[dict[str, Any]], None]

_CREATE = (
    "CREATE TABLE levels (ts BIGINT, symbol VARCHAR, side VARCHAR, price DOUBLE, qty DOUBLE, id BIGINT)"
)
_INSERT = "INSERT INTO levels VALUES (?, ?, ?, ?, ?, ?)"


class NaiveBook:
    """Two dicts of floats, filled from a REST depth answer."""

    def __init__(self, seed: dict[str, Any]) -> None:
        self.bids = {float(price): float(qty) for price, qty in seed["bids"]}
        self.asks = {float(price): float(qty) for price, qty in seed["asks"]}
        self.best: tuple[float, float] = (0.0, 0.0)

    def apply(self, data: dict[str, Any]) -> None:
        """Set the levels of a diff and find the best prices."""
        for side, levels in ((self.bids, data["b"]), (self.asks, data["a"])):
            for price, qty in levels:
                if float(qty) == 0:
                    side.pop(float(price), None)
                else:
                    side[float(price)] = float(qty)
        self.best = (max(self.bids, default=0.0), min(self.asks, default=0.0))


def to_book(sender: Child, seconds: float) -> float:
    """Return diffs a second from socket to best prices, flat out."""
    return asyncio.run(_follow(sender, None, seconds, _seeded(sender).apply))


def to_rows(sender: Child, seconds: float) -> float:
    """Return diffs a second from socket to durable rows; sent slowly, it takes what it can."""
    book = _seeded(sender)
    with (
        tempfile.TemporaryDirectory(prefix="leadline-bench-") as folder,
        duckdb.connect(str(Path(folder) / "naive.duckdb")) as con,
    ):
        con.execute(_CREATE)

        def store(data: dict[str, Any]) -> None:
            book.apply(data)
            rows = [
                (data["E"], data["s"], side, float(price), float(qty), data["u"])
                for side in "ba"
                for price, qty in data[side]
            ]
            con.begin()
            con.executemany(_INSERT, rows)
            con.commit()

        return asyncio.run(_follow(sender, 100.0, seconds, store))


def _seeded(sender: Child) -> NaiveBook:
    with urlopen(f"{sender.ready['rest']}/api/v3/depth?symbol={SYMBOL}&limit=5000") as answer:
        return NaiveBook(json.load(answer))


async def _follow(sender: Child, rate: float | None, seconds: float, handle: Handle) -> float:
    """Handle frames for so long; return how many a second."""
    url = f"{sender.ready['ws']}/stream?streams={STREAM}"
    async with connect(url, compression=None, close_timeout=0.1) as socket:
        await socket.recv()  # of the warm-up: the sender has taken us on
        sender.tell(rate=rate, seconds=seconds)
        began, count = time.monotonic(), 0
        async for message in socket:
            handle(json.loads(message)["data"])
            count += 1
            if time.monotonic() - began > seconds:
                break
        took = time.monotonic() - began
        # The sender may still be at it, with a full socket before it.
        socket.transport.abort()
    await asyncio.to_thread(_let_end, sender)
    return count / took


def _let_end(sender: Child) -> None:
    sender.answer()
