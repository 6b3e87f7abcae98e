"""A session that also tells of pings and pongs, which the feed leaves to the library."""

from __future__ import annotations

import asyncio
from typing import Any

from websockets.client import ClientProtocol
from websockets.exceptions import WebSocketException
from websockets.frames import Frame, Opcode

from leadline.tasks.net.errors import StreamLost
from leadline.tasks.net.session import Session, Wire


class PingWire(Wire):
    """Notes when the venue pinged."""

    def __init__(self, protocol: ClientProtocol, *, pings_ns: list[int], **kwargs: Any) -> None:
        super().__init__(protocol, **kwargs)
        self._pings_ns = pings_ns

    def process_event(self, event: Any) -> None:
        """Keep the time of a ping; the library answers it."""
        if isinstance(event, Frame) and event.opcode is Opcode.PING:
            self._pings_ns.append(self._clock.mono_ns())
        super().process_event(event)


class PingSession(Session):
    """A session whose ``pings_ns`` are the monotonic times of the venue's pings."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.pings_ns: list[int] = []

    async def ping(self, timeout_s: float) -> float | None:
        """Ping the venue once; return the seconds until its pong, None if none comes in time."""
        if self._wire is None:
            raise StreamLost("not connected")
        self._pacer.spend()
        try:
            async with asyncio.timeout(timeout_s):
                began_ns = self._clock.mono_ns()
                await (await self._wire.ping())
        except TimeoutError:
            return None
        except (OSError, WebSocketException) as exc:
            raise StreamLost(f"ping: {type(exc).__name__} {exc}".rstrip()) from exc
        return (self._clock.mono_ns() - began_ns) / 1e9

    def _make_wire(self, protocol: ClientProtocol, **kwargs: Any) -> Wire:
        return PingWire(
            protocol,
            pings_ns=self.pings_ns,
            deliver=self._pass_on,
            ended=self._end,
            clock=self._clock,
            **kwargs,
        )
