"""The loopback venue as a program: ``python -m leadline.tasks.loopback --help``."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from leadline.book.errors import BadInput
from leadline.tasks.loopback.base.faults import Fault
from leadline.tasks.loopback.base.options import Options
from leadline.tasks.loopback.venue import LoopbackVenue
from leadline.tasks.loopback.venues.registry import PROTOCOLS

EXAMPLE = """\
examples:
  python -m leadline.tasks.loopback --symbols BTCUSDT,ETHUSDT --seed 7
  python -m leadline.tasks.loopback --count 300 --random-faults 1,20
  python -m leadline.tasks.loopback --kind usdm --faults '[{"kind": "drop", "symbol": "BTCUSDT", "n": 3}]'
  python -m leadline.tasks.loopback --recording day1.gz --recording day2.gz --speed 0

One JSON line with the addresses is printed when it is ready. While it runs:
  POST   REST/loopback/faults   a fault or a list of them, as above; DELETE disarms them
  GET    REST/loopback/truth?symbol=BTCUSDT&id=123   the whole book at an id (without id: now)
  GET    REST/loopback/ledger   what was done to whom, with exact ids
  GET    REST/loopback/status   clients, streams, frames
"""


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    made = argparse.ArgumentParser(
        prog="python -m leadline.tasks.loopback",
        description="A venue on this machine that speaks a venue's protocol and misbehaves on command.",
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    add("--kind", choices=tuple(PROTOCOLS), default="spot", help="which market (default spot)")
    add("--symbols", help="names, comma-separated, busiest first")
    add("--count", type=int, default=4, help="without --symbols: how many symbols (default 4)")
    add("--levels", type=int, help="at most so many levels a side at the start (default: deep books)")
    add("--seed", type=int, default=1, help="the same seed gives the same market (default 1)")
    add("--speed", type=float, default=1.0, help="market seconds per second; 0 with --recording: no pauses")
    add("--recording", action="append", default=[], type=Path, help="replay this file; may be repeated")
    add("--host", default="127.0.0.1", help="address to listen on (default 127.0.0.1)")
    add("--port", type=int, default=0, help="WebSocket port (default: any free one)")
    add("--rest-port", type=int, default=0, help="HTTP port (default: any free one)")
    add("--weight-limit", type=int, help="request weight a minute (default: the venue's)")
    add("--attempts", type=int, default=300, help="connection attempts in 5 minutes (default 300)")
    add("--ping-s", type=float, default=20.0, help="seconds between pings (default 20)")
    add("--pong-s", type=float, default=60.0, help="seconds a pong may take (default 60)")
    add("--day-s", type=float, default=86_400.0, help="age at which connections are cut (default 86400)")
    add("--history-s", type=float, default=120.0, help="market seconds of truth by id (default 120)")
    add("--clock-skew-s", type=float, default=0.0, help="venue's clock minus ours, seconds (default 0)")
    add("--faults", help="JSON: a fault or a list of them, armed at the start")
    add("--random-faults", metavar="SEED,RATE", help="recoverable faults drawn at random, RATE a minute")
    add("--with-parent", type=int, metavar="PID", help="exit when this process is gone")
    return made


def options(args: argparse.Namespace) -> Options:
    """Make the options of what was typed; raises `BadInput`."""
    names = None
    if args.symbols:
        names = tuple(name.strip() for name in args.symbols.split(",") if name.strip())
    drawn, text = None, args.random_faults
    if text:
        seed, _, rate = text.partition(",")
        try:
            drawn = int(seed), float(rate)
        except ValueError as exc:
            raise BadInput(f"--random-faults: expected SEED,RATE such as 1,20, got {text!r}") from exc
    taken = (
        "kind",
        "count",
        "levels",
        "seed",
        "speed",
        "host",
        "port",
        "rest_port",
        "weight_limit",
        "attempts",
    )
    times = ("ping_s", "pong_s", "day_s", "history_s", "clock_skew_s")
    plain: dict[str, Any] = {name: getattr(args, name) for name in taken + times}
    return Options(symbols=names, recording=tuple(args.recording), random_faults=drawn, **plain)


def faults(text: str | None) -> list[Fault]:
    """Read ``--faults``; raises `BadInput`."""
    if not text:
        return []
    try:
        raw = json.loads(text)
    except ValueError as exc:
        raise BadInput(f"--faults: expected JSON, got {text!r}") from exc
    return [Fault.from_json(each) for each in (raw if isinstance(raw, list) else [raw])]


async def serve(settings: Options, orders: list[Fault], parent: int | None) -> None:
    """Run until SIGINT, SIGTERM, the parent's end or a failure of the venue."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    async with LoopbackVenue(settings) as venue:
        for order in orders:
            venue.inject(order)
        ready = {"ws": venue.ws_url, "rest": venue.rest_url, "pid": os.getpid(), "kind": venue.kind}
        print(json.dumps({**ready, "symbols": list(venue.symbols)}), flush=True)
        while not stopping.is_set() and venue.failed is None and _is_alive(parent):
            with suppress(TimeoutError):
                await asyncio.wait_for(stopping.wait(), 0.5)


def _is_alive(pid: int | None) -> bool:
    """Whether the process still runs; a parent that is gone hands us to another."""
    if pid is None:
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def main() -> int:
    """Run the program; 0 after a clean stop, 2 for wrong usage."""
    args = parser().parse_args()
    try:
        settings, orders = options(args), faults(args.faults)
        asyncio.run(serve(settings, orders, args.with_parent))
    except BadInput as exc:
        print(f"loopback: {exc}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
