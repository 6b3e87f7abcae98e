"""
The frames that everything here is measured on: a recording if there is one, else the synthetic market.

Spot BTCUSDT, diff depth only, as the venue sends it: combined frames, and the REST answer that seeds
the book, standing where it arrived in the recording.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from leadline.book.scale import Scale
from leadline.book.synthetic.market import SyntheticMarket
from leadline.book.synthetic.records import MarketDiff
from leadline.book.synthetic.specs import Kind, make_specs
from leadline.book.venues.binance.exchange_info import parse_exchange_info
from leadline.book.venues.common.listing import SymbolInfo
from leadline.storage.recordings.reader import Recording
from leadline.tasks.loopback.venues.binance.wire import Wire

RECORDING = "spot_btcusdt_20240808.gz"
FOLDER = Path(
    os.environ.get("LEADLINE_RECORDINGS", Path(__file__).parents[2] / "shared" / "data")
).resolve()
SYMBOL = "BTCUSDT"
STREAM = "btcusdt@depth@100ms"
SYNTHETIC_DIFFS = 3_000
SEED_AFTER = 5  # synthetic diffs that precede the seed
# What exchangeInfo says of BTCUSDT (2024-08); the seed holds 93.756587, finer than the step.
TICK, STEP, MAX_PRICE, MAX_QTY, PRECISION = "0.01", "0.00001", "1000000.00", "9000.00000", 8

_LEVEL = re.compile(rb'\["[0-9.]+","[0-9.]+"\]')


@dataclass(frozen=True, slots=True)
class Frames:
    """
    Diffs of one symbol in order, and the seed, which arrived before ``diffs[seed_at]``.

    Earlier diffs may reach past the seed: what counts is whether ``u`` is above its lastUpdateId.
    """

    source: str  # for a person: where they come from
    diffs: list[bytes]  # combined frames
    seed: bytes  # REST depth answer
    seed_at: int
    exchange_info: bytes  # REST exchangeInfo answer
    symbol: str = SYMBOL

    @property
    def scale(self) -> Scale:
        """The scale a client reads off exchangeInfo."""
        info = parse_exchange_info(self.exchange_info)[self.symbol]
        assert isinstance(info, SymbolInfo)
        return info.scale

    @property
    def levels(self) -> int:
        """How many levels all diffs hold."""
        return sum(len(_LEVEL.findall(diff)) for diff in self.diffs)

    @property
    def bytes(self) -> int:
        """How many bytes all diffs have."""
        return sum(map(len, self.diffs))


def load(*, synthetic: bool = False) -> Frames:
    """Return the recorded frames, or synthetic ones where there is no recording or on demand."""
    path = FOLDER / RECORDING
    return _recorded(path) if path.exists() and not synthetic else _synthetic()


def _recorded(path: Path) -> Frames:
    diffs: list[bytes] = []
    seed, seed_at = b"", 0
    for line in Recording([path]).lines():
        if line.frame.startswith(b'{"lastUpdateId"'):
            seed, seed_at = line.frame, len(diffs)
        elif b'"depthUpdate"' in line.frame[:80]:
            diffs.append(line.frame)
    return Frames(f"recording {path.name}", diffs, seed, seed_at, _exchange_info())


def _synthetic() -> Frames:
    spec = make_specs(Kind.SPOT, [SYMBOL])[0]
    wire = Wire(spec)
    market = SyntheticMarket([spec], start_ns=1_723_161_253_000_000_000)
    diffs: list[bytes] = []
    seed, seed_at = "", 0
    while len(diffs) < SYNTHETIC_DIFFS:
        said = market.advance(market.now_ns + 100_000_000)
        diffs += [
            f'{{"stream":"{STREAM}","data":{wire.depth(record)}}}'.encode()
            for record in said
            if isinstance(record, MarketDiff)
        ]
        if not seed and len(diffs) >= SEED_AFTER:
            # Between two diffs, as the venue's snapshots are: the next one bridges it.
            seed, seed_at = wire.snapshot(market[SYMBOL].depth(1000), market.now_ns), len(diffs)
    return Frames("synthetic BTCUSDT, seed 1", diffs, seed.encode(), seed_at, _exchange_info())


def _exchange_info() -> bytes:
    filters = [
        {"filterType": "PRICE_FILTER", "tickSize": TICK, "maxPrice": MAX_PRICE},
        {"filterType": "LOT_SIZE", "stepSize": STEP, "maxQty": MAX_QTY},
    ]
    symbol = {
        "symbol": SYMBOL,
        "status": "TRADING",
        "baseAssetPrecision": PRECISION,
        "quotePrecision": PRECISION,
        "filters": filters,
    }
    return json.dumps({"symbols": [symbol]}, separators=(",", ":")).encode()
