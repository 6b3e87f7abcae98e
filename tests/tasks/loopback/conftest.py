"""A fast venue and a client's view of it: real sockets, no waiting but for what arrives."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import websockets
from websockets.asyncio.client import ClientConnection

from leadline.tasks.loopback import LoopbackVenue, Options

PREFIX = {"spot": "/api/v3", "usdm": "/fapi/v1", "coinm": "/dapi/v1"}
PATIENCE_S = 60.0


@asynccontextmanager
async def open_venue(**settings: Any) -> AsyncIterator[LoopbackVenue]:
    """Run a venue whose market is 20 times as fast as the clock."""
    settings = {"symbols": ["ETHUSDT", "币安人生USDT"], "speed": 20.0, "levels": 300} | settings
    async with asyncio.timeout(PATIENCE_S), LoopbackVenue(Options(**settings)) as venue:
        yield venue


@asynccontextmanager
async def connect(venue: LoopbackVenue, path: str, **settings: Any) -> AsyncIterator[ClientConnection]:
    """Connect as a client would; no pings of its own."""
    settings = {"compression": None, "ping_interval": None, "max_queue": None} | settings
    async with websockets.connect(venue.ws_url + path, **settings) as ws:
        yield ws


@pytest.fixture
async def venue() -> AsyncIterator[LoopbackVenue]:
    async with open_venue() as made:
        yield made


@pytest.fixture
async def http(venue: LoopbackVenue) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=venue.rest_url, timeout=PATIENCE_S) as client:
        yield client


async def until(ws: ClientConnection, wanted: Callable[[Any], bool]) -> Any:
    """Read messages until one is as wanted; return it."""
    while True:
        message = json.loads(await ws.recv())
        if wanted(message):
            return message


async def take(ws: ClientConnection, count: int, kind: str = "depthUpdate") -> list[dict[str, Any]]:
    """Read ``count`` payloads of a kind; combined or raw."""
    found: list[dict[str, Any]] = []
    while len(found) < count:
        message = json.loads(await ws.recv())
        data = message.get("data", message)
        if data.get("e") == kind:
            found.append(data)
    return found


async def ask(ws: ClientConnection, method: str, params: list[Any], request_id: int = 1) -> Any:
    """Send a command and return its reply."""
    await ws.send(json.dumps({"method": method, "params": params, "id": request_id}))
    return await until(ws, lambda message: message.get("id") == request_id and "stream" not in message)


def apply(book: tuple[dict[str, str], dict[str, str]], diff: dict[str, Any]) -> None:
    """Apply a diff to a book of texts."""
    for side, levels in zip(book, (diff["b"], diff["a"]), strict=True):
        for price, qty in levels:
            if float(qty):
                side[price] = qty
            else:
                side.pop(price, None)
