"""
The naive way over the same socket: `bench.naive`, and a row per level, committed diff by diff.

As there: nothing is done badly on purpose, and nothing with thought for speed.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.request import urlopen

from websockets.asyncio.client import connect

from bench.frames import STREAM, SYMBOL
from bench.measure import Child
from bench.naive import NaiveBook
from leadline.storage.access.extensions import open_duckdb

Handle = Callable[[bytes], None]

_CREATE = (
    "CREATE TABLE levels (ts BIGINT, symbol VARCHAR, side VARCHAR, price DOUBLE, qty DOUBLE, id BIGINT)"
)
_INSERT = "INSERT INTO levels VALUES (?, ?, ?, ?, ?, ?)"


def to_book(sender: Child, seconds: float) -> float:
    """Return diffs a second from socket to best prices, flat out."""
    book = _seeded(sender)

    def handle(frame: bytes) -> None:
        book.take(frame)
        book.best()

    return asyncio.run(_follow(sender, None, seconds, handle))


def to_rows(sender: Child, seconds: float) -> float:
    """Return diffs a second from socket to durable rows; sent slowly, it takes what it can."""
    book = _seeded(sender)
    with (
        tempfile.TemporaryDirectory(prefix="leadline-bench-") as folder,
        open_duckdb(Path(folder) / "naive.duckdb") as con,
    ):
        con.execute(_CREATE)

        def store(frame: bytes) -> None:
            book.take(frame)
            book.best()
            data = json.loads(frame)["data"]
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
        while time.monotonic() - began < seconds:
            handle(await socket.recv(decode=False))
            count += 1
        took = time.monotonic() - began
        # The sender may still be at it, with a full socket before it.
        socket.transport.abort()
    await asyncio.to_thread(_let_end, sender)
    return count / took


def _let_end(sender: Child) -> None:
    sender.answer()
