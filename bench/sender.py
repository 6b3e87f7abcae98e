"""
A venue that only sends: one stream of pre-encoded diffs over a WebSocket, at a rate or flat out.

Run as a process of its own. It prints one JSON line with its addresses; then each JSON line it reads,
``{"rate": 25000, "seconds": 10}`` (rate null: flat out), makes it send to the newest connection, and
print one JSON line saying what it sent. It ends with its standard input. Depth, exchangeInfo and time
are served over HTTP, so that a client synchronises as it does with a real venue.

The library does the handshake; after that frames are written to the socket in bulk from one buffer
(`bench.cycle`), and a full socket blocks: that is the back-pressure.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from bench.cycle import Cycle
from bench.frames import Frames, load

TICK_S = 0.002  # at a rate, what is due is written so often
SLICE = 256  # most frames in one write
CONNECT_WITHIN_S = 30.0


class Sender:
    """The newest connection, and what was sent on it."""

    def __init__(self, cycle: Cycle) -> None:
        self._cycle = cycle
        self._socket: socket.socket | None = None
        self._connected = threading.Condition()
        self._at = cycle.count  # next frame of this round

    def accept(self, connection: ServerConnection) -> None:
        """Warm a new connection up, and keep it until the peer closes it."""
        with self._connected:
            self._cycle.rewind()
            self._at = self._cycle.count
            connection.socket.sendall(self._cycle.warm_up)
            self._socket = connection.socket
            self._connected.notify_all()
        try:
            for _ in connection:
                pass
        except ConnectionClosed:
            pass
        with self._connected:
            if self._socket is connection.socket:
                self._socket = None

    def send(self, rate: float | None, seconds: float) -> dict[str, Any]:
        """Send for ``seconds``, ``rate`` frames a second or as many as the socket takes; tell what."""
        with self._connected:
            if not self._connected.wait_for(lambda: self._socket is not None, CONNECT_WITHIN_S):
                return {"error": f"nobody connected within {CONNECT_WITHIN_S} s"}
            out = self._socket
        assert out is not None
        sent, bytes_sent, last_id = 0, 0, self._cycle.before_id
        began, cpu = time.monotonic(), time.process_time()
        while (passed := time.monotonic() - began) < seconds or (rate and sent < int(rate * seconds)):
            due = int(min(passed, seconds) * rate) - sent if rate else SLICE
            if due > 0:
                try:
                    count, size, last_id = self._send_some(out, min(due, SLICE))
                except OSError:  # the peer has enough
                    break
                sent, bytes_sent = sent + count, bytes_sent + size
            if rate and due < SLICE:  # not behind: let some more become due
                time.sleep(TICK_S)
        took = time.monotonic() - began
        return {
            "sent": sent,
            "bytes": bytes_sent,
            "levels_a_frame": self._cycle.levels / self._cycle.count,
            "before_id": self._cycle.before_id,
            "last_id": last_id,
            "seconds": took,
            "cpu_s": time.process_time() - cpu,
        }

    def _send_some(self, out: socket.socket, due: int) -> tuple[int, int, int]:
        """Send up to ``due`` frames, fewer at the end of a round; return frames, bytes and last id."""
        cycle = self._cycle
        if self._at == cycle.count:
            cycle.turn()
            self._at = 0
        start, end = self._at, min(self._at + due, cycle.count)
        cycle.date(start, end, time.time_ns() // 1_000_000)
        begin = int(cycle.ends[start - 1]) if start else 0
        with memoryview(cycle.buffer)[begin : int(cycle.ends[end - 1])] as part:
            out.sendall(part)
        self._at = end
        return end - start, int(cycle.ends[end - 1]) - begin, cycle.last_id(end - 1)


def _rest(frames: Frames) -> type[BaseHTTPRequestHandler]:
    """Make the handler that answers what a client asks before and while it listens."""

    class Rest(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.partition("?")[0].rpartition("/")[2]
            now = json.dumps({"serverTime": time.time_ns() // 1_000_000}).encode()
            body = {"depth": frames.seed, "exchangeInfo": frames.exchange_info, "time": now}.get(path)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *args: Any) -> None:
            pass

    return Rest


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.sender", description=__doc__)
    parser.add_argument("--synthetic", action="store_true", help="no recording, even if there is one")
    args = parser.parse_args()
    frames = load(synthetic=args.synthetic)
    sender = Sender(Cycle(frames))
    rest = ThreadingHTTPServer(("127.0.0.1", 0), _rest(frames))
    rest.daemon_threads = True
    # No pings: the library's would land in the middle of our frames.
    with serve(sender.accept, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        for serving in (rest, server):
            threading.Thread(target=serving.serve_forever, daemon=True).start()
        ws = f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        print(json.dumps({"ws": ws, "rest": f"http://127.0.0.1:{rest.server_port}"}), flush=True)
        for line in sys.stdin:
            order = json.loads(line)
            print(json.dumps(sender.send(order["rate"], order["seconds"])), flush=True)


if __name__ == "__main__":
    main()
