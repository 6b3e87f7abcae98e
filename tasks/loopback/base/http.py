"""
uvicorn's HTTP protocol on the venue's own loop, without uvicorn's server around it.

The server would bring a polling task, signal handlers and a shutdown of some tenths of a second; a
venue that tests start by the hundred wants none of them, and a fault must reach the bare connection.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.server import ServerState

GRACE_S = 0.5  # given to answers under way when the venue stops


class HttpServer:
    """Serves the ASGI application that `start` is given, on one address."""

    def __init__(self, host: str, port: int) -> None:
        self._app: ASGIApp | None = None
        self._config = uvicorn.Config(
            self._run,
            interface="asgi3",
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            proxy_headers=False,
        )
        self._state = ServerState()
        self._server: asyncio.Server | None = None
        self.host = host
        self.port = port

    async def start(self, app: ASGIApp) -> None:
        """Listen; ``port`` is known afterwards."""
        self._app = app
        self._config.load()
        make: Any = self._config.http_protocol_class
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: make(config=self._config, server_state=self._state, app_state={}),
            self.host,
            self.port,
            backlog=1024,
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close everything; answers under way have ``GRACE_S`` to end."""
        if self._server is not None:
            self._server.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        tasks = set(self._state.tasks)
        if tasks:
            await asyncio.wait(tasks, timeout=GRACE_S)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for connection in list(self._state.connections):
            self._abort(connection)

    def cut(self, scope: Scope) -> None:
        """Drop the connection that carries this request."""
        for connection in list(self._state.connections):
            if getattr(connection, "scope", None) is scope:
                self._abort(connection)

    @staticmethod
    def _abort(connection: Any) -> None:
        transport = connection.transport
        if transport is not None:
            transport.abort()

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application; a request cancelled by `stop` is no error."""
        assert self._app is not None
        with suppress(asyncio.CancelledError):
            await self._app(scope, receive, send)
