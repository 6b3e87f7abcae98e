"""
A model server that counts its own tokens: real HTTP on 127.0.0.1, faults by a seeded die.

It answers as a release ``<model>-<number of eight digits>`` of the model asked for, so that every row of
the ledger names the record it must agree with. A token is a word between spaces: fewer than any bound.
"""

from __future__ import annotations

import contextlib
import json
import threading
import time
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from types import TracebackType
from typing import Any, Literal, Self

Kind = Literal["ok", "not JSON", "no usage", "429", "500", "cut", "slow"]
# Of a hundred requests. A 500 did no work here, which the client cannot know.
ODDS: dict[Kind, int] = {"ok": 80, "not JSON": 4, "no usage": 4, "429": 5, "500": 2, "cut": 3, "slow": 2}
SPEECH = "bids outweigh asks near the top of this book and trades lean the same way today"
WORDS = SPEECH.split()
LONGEST_WORK_S = 0.12


@dataclass(slots=True)
class Record:
    """What the server did for one request; ``finished`` once the whole answer was handed to the socket."""

    number: int
    kind: Kind
    prompt_tokens: int = 0
    completion_tokens: int = 0
    worked: bool = False
    finished: bool = False

    def cost_usd(self, per_token: Decimal) -> Decimal:
        return (self.prompt_tokens + self.completion_tokens) * per_token


@dataclass
class CountingServer:
    """Serves until left; ``per_token`` is its flat price in USD, ``slow_s`` longer than clients wait."""

    per_token: Decimal
    rng: Random
    slow_s: float
    odds: dict[Kind, int] = field(default_factory=lambda: dict(ODDS))
    records: list[Record] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._lock = threading.Lock()
        counting = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                with contextlib.suppress(ConnectionError, TimeoutError):
                    counting.serve(self)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256

        self._http = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._http.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/v1"

    def serve(self, request: BaseHTTPRequestHandler) -> None:
        asked = json.loads(request.rfile.read(int(request.headers["content-length"])))
        with self._lock:
            kind = self.rng.choices(list(self.odds), list(self.odds.values()))[0]
            record = Record(len(self.records) + 1, kind)
            self.records.append(record)
            length, work_s = self.rng.randint(5, len(WORDS)), self.rng.uniform(0.01, LONGEST_WORK_S)
        if kind in ("429", "500"):
            self._send(request, int(kind), b'{"error": {"message": "not now"}}', {"Retry-After": "0.1"})
            return
        time.sleep(work_s + (self.slow_s if kind == "slow" else 0))
        body = json.dumps(self._answer(asked, record, length)).encode()
        if kind == "cut":
            request.send_response(200)
            request.send_header("Content-Length", str(len(body)))
            request.end_headers()
            request.wfile.write(body[: len(body) // 2])
            request.wfile.flush()
            request.close_connection = True
            return
        self._send(request, 200, body, {"Content-Type": "application/json"})
        record.finished = True

    def _answer(self, asked: dict[str, Any], record: Record, length: int) -> dict[str, Any]:
        why = " ".join(WORDS[:length])
        said = {"direction": "bullish", "confidence": 0.6, "reasoning": why, "horizon_s": 300}
        text = "as I see it, " + why if record.kind == "not JSON" else json.dumps(said)
        record.prompt_tokens = sum(len(message["content"].split()) for message in asked["messages"])
        record.completion_tokens = min(len(text.split()), asked["max_tokens"])
        record.worked = True
        answer: dict[str, Any] = {
            "id": f"chatcmpl-{record.number}",
            "object": "chat.completion",
            "model": f"{asked['model']}-{record.number:08}",
            "choices": [
                {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
            ],
        }
        if record.kind != "no usage":
            answer["usage"] = {
                "prompt_tokens": record.prompt_tokens,
                "completion_tokens": record.completion_tokens,
                "total_tokens": record.prompt_tokens + record.completion_tokens,
                "cost_usd": f"{record.cost_usd(self.per_token):f}",
            }
        return answer

    @staticmethod
    def _send(request: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str]) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)
        request.wfile.flush()
