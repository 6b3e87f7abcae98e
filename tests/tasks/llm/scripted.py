"""
A model server of the tests: real HTTP on 127.0.0.1, scripted request by request, and it counts.

Each request takes the next step of the script (the last one stays). It writes raw bytes, so that it can
do what servers should not: hang up in the middle, never answer, answer with something else.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Self

Cut = Literal["before-headers", "mid-body"]

REASONS = {200: "OK", 429: "Too Many Requests", 500: "Internal Server Error"}
ANSWER = {"direction": "bullish", "confidence": 0.7, "reasoning": "bids outweigh asks", "horizon_s": 300}
USAGE = {"prompt_tokens": 300, "completion_tokens": 40, "total_tokens": 340}


@dataclass(frozen=True, slots=True)
class Step:
    """What one request gets; ``header_lines`` are called when it is sent, so a date can be near."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str | Callable[[], str]] = field(default_factory=dict)
    delay_s: float = 0.0
    drip_s: float = 0.0  # between the headers and the body
    cut: Cut | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it came."""

    at_s: float
    headers: dict[str, str]
    body: dict[str, Any]


def says(text: str | None = None, **changes: Any) -> Step:
    """Answer with ``text`` (default: a good answer); ``changes`` replace fields of the body."""
    content = json.dumps(ANSWER) if text is None else text
    whole: dict[str, Any] = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "gpt-4.1-2025-04-14",
        "system_fingerprint": "fp_1",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": content}, "finish_reason": "stop"}
        ],
        "usage": USAGE,
        **changes,
    }
    whole = {key: value for key, value in whole.items() if value is not ...}
    return Step(body=json.dumps(whole).encode())


def answer(**changes: Any) -> str:
    """Write an answer with some fields changed."""
    return json.dumps({**ANSWER, **changes})


def fails(status: int, message: str = "no", **headers: str | Callable[[], str]) -> Step:
    """Answer with an error in the usual form; ``headers`` spell ``retry_after`` for ``Retry-After``."""
    body = json.dumps({"error": {"message": message, "type": "error"}}).encode()
    return Step(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


class ScriptedServer:
    """Use as an async context manager."""

    def __init__(self, *steps: Step) -> None:
        self.steps = list(steps)
        self.seen: list[Seen] = []
        self._server: asyncio.Server | None = None
        self._answering: set[asyncio.Task[None]] = set()

    @property
    def base_url(self) -> str:
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

    @property
    def calls(self) -> int:
        """Requests that came."""
        return len(self.seen)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**22)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._answering:
            task.cancel()
        await asyncio.gather(*self._answering, return_exceptions=True)

    def step_for(self, headers: dict[str, str], body: dict[str, Any]) -> Step:
        """Choose what the next request gets; to be replaced where that depends on what it says."""
        return self.steps[min(len(self.seen), len(self.steps) - 1)]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while await self._one(reader, writer):
                pass
        writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head[1:] if line)
        }
        if not head[0].startswith("POST"):  # gateways look whether somebody is there
            writer.write(_head(Step(404)))
            return True
        body = json.loads(await reader.readexactly(int(headers["content-length"])))
        step = self.step_for(headers, body)
        self.seen.append(Seen(time.monotonic(), headers, body))
        await asyncio.sleep(step.delay_s)
        if step.cut == "before-headers":
            return False
        writer.write(_head(step))
        await writer.drain()
        await asyncio.sleep(step.drip_s)
        writer.write(step.body[: len(step.body) // 2] if step.cut == "mid-body" else step.body)
        await writer.drain()
        return step.cut is None


def _head(step: Step) -> bytes:
    lines = [
        f"HTTP/1.1 {step.status} {REASONS.get(step.status, 'Said')}",
        f"content-length: {len(step.body)}",
    ]
    lines += [f"{name}: {value() if callable(value) else value}" for name, value in step.headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
