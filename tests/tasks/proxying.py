"""A proxy on this machine, HTTP or SOCKS5, that resolves every name to this machine."""

from __future__ import annotations

import asyncio
import base64
import threading
from contextlib import suppress
from urllib.parse import urlsplit

HERE = "127.0.0.1"
SOCKS, NO_AUTH, BY_PASSWORD, REFUSED = 5, 0, 2, 255


class LocalProxy:
    """Use as a context manager; ``known`` is user and password, if it wants any."""

    def __init__(self, *, socks: bool = False, known: tuple[str, str] | None = None) -> None:
        self.asked: list[str] = []  # host:port, of those let through
        self.turned_away = 0
        self.port = 0
        self._socks, self._known = socks, known
        self._loop = asyncio.new_event_loop()
        self._ready, self._stop = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),))

    def __enter__(self) -> LocalProxy:
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)
        self._loop.close()

    async def _run(self) -> None:
        server = await asyncio.start_server(self._serve, HERE, 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            await (self._socks_client if self._socks else self._http_client)(reader, writer)
        writer.close()

    async def _http_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        if self._known is not None:
            wanted = base64.b64encode(":".join(self._known).encode())
            if b"basic " + wanted.lower() not in head.lower():
                self.turned_away += 1
                writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
                return
        if method == "CONNECT":
            self.asked.append(target)
            upstream = await asyncio.open_connection(HERE, int(target.rpartition(":")[2]))
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            parts = urlsplit(target)
            self.asked.append(parts.netloc)
            upstream = await asyncio.open_connection(HERE, parts.port)
            path = f"{parts.path}?{parts.query}" if parts.query else parts.path
            upstream[1].write(head.replace(target.encode(), path.encode(), 1))
        await self._pass_on(reader, writer, *upstream)

    async def _socks_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        _, count = await reader.readexactly(2)
        offered = await reader.readexactly(count)
        wanted = NO_AUTH if self._known is None else BY_PASSWORD
        writer.write(bytes([SOCKS, wanted if wanted in offered else REFUSED]))
        if wanted not in offered:
            self.turned_away += 1
            return
        if self._known is not None:
            await reader.readexactly(1)
            told = [(await reader.readexactly((await reader.readexactly(1))[0])).decode() for _ in "up"]
            writer.write(bytes([1, tuple(told) != self._known]))
            if tuple(told) != self._known:
                self.turned_away += 1
                return
        kind = (await reader.readexactly(4))[3]
        assert kind == 3, "a name, which the proxy resolves"
        host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        port = int.from_bytes(await reader.readexactly(2))
        self.asked.append(f"{host}:{port}")
        upstream = await asyncio.open_connection(HERE, port)
        writer.write(bytes([SOCKS, 0, 0, 1, 0, 0, 0, 0, 0, 0]))
        await self._pass_on(reader, writer, *upstream)

    async def _pass_on(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        upstream: asyncio.StreamReader,
        to_upstream: asyncio.StreamWriter,
    ) -> None:
        async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            with suppress(ConnectionError):
                while data := await source.read(65_536):
                    target.write(data)
                    await target.drain()
            target.close()

        await asyncio.gather(copy(reader, to_upstream), copy(upstream, writer))
