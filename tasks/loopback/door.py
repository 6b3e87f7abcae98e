"""Who is let in: the WebSocket listener, its limit of attempts, and times when it refuses everybody."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from leadline.tasks.loopback.base.ledger import Ledger
from leadline.tasks.loopback.base.options import Options

RATE_WINDOW = 100_000
BACKLOG = 1024


class Door:
    """Listens at ``port``; ``connect`` makes the protocol of each connection that is let in."""

    def __init__(self, options: Options, ledger: Ledger, connect: Callable[[], asyncio.Protocol]) -> None:
        self.port = options.port  # known once open, if the system chooses it
        self._options = options
        self._ledger = ledger
        self._connect = connect
        self._attempts: deque[float] = deque(maxlen=RATE_WINDOW)
        self._refused_until = 0.0
        self._server: asyncio.Server | None = None

    @property
    def is_open(self) -> bool:
        """Whether it listens."""
        return self._server is not None

    async def open(self) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            self._connect, self._options.host, self.port, backlog=BACKLOG
        )
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        """Listen no more; those connected stay."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def refuse_for(self, seconds: float) -> None:
        """Listen no more for a while; those connected stay."""
        self._refused_until = self._options.clock.mono_s() + seconds
        self.close()

    async def tend(self) -> None:
        """Listen again once the time of `refuse_for` is over."""
        if self._options.clock.mono_s() >= self._refused_until and self._server is None:
            await self.open()

    def refusal(self) -> str | None:
        """Count a connection attempt; return why it is refused, if it is."""
        now, attempts, options = self._options.clock.mono_s(), self._attempts, self._options
        while attempts and attempts[0] < now - options.attempts_window_s:
            attempts.popleft()
        attempts.append(now)
        if len(attempts) <= options.attempts:
            return None
        self._ledger.note("too_many_attempts", attempts=len(attempts))
        return f"more than {options.attempts} connections in {options.attempts_window_s:g} s\n"
