"""
An export of a futures recording, and hftbacktest's own conversion of it: the same trades, latencies, fills.

``HFTBACKTEST_PYTHON`` names a Python that has hftbacktest (2.4); without one the tests are skipped.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
from pathlib import Path

import pytest

from tests.flows.commands import leadline
from tests.recordings import COINM_BTC, USDM_BTC, recording

PEER = Path(__file__).with_name("hftbacktest_peer.py")
PATIENCE_S = 240.0


@pytest.fixture
def python() -> str:
    named = os.environ.get("HFTBACKTEST_PYTHON")
    if named is None:
        pytest.skip("HFTBACKTEST_PYTHON names no Python that has hftbacktest")
    return named


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "venue", "symbol", "sizes"),
    [
        pytest.param(USDM_BTC, "binance-usdm", "BTCUSDT", ("0.1", "0.001", "0.01"), id="usdm"),
        pytest.param(COINM_BTC, "binance-coinm", "BTCUSD_PERP", ("0.1", "1", "1"), id="coinm"),
    ],
)
def test_its_own_converter_makes_the_same(
    name: str,
    venue: str,
    symbol: str,
    sizes: tuple[str, ...],
    python: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = recording(name)
    db = tmp_path / "x.duckdb"
    assert leadline(capsys, "replay", path, "--venue", venue, "--db", db).code == 0
    said = leadline(capsys, "export", symbol, "--db", db, "--out", tmp_path, "--format", "hftbacktest")
    assert said.code == 0, said.err
    (export,) = tmp_path.glob("*.npz")
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    told = subprocess.run(
        [python, "-P", PEER, path, export, *sizes],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env=environment,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    found = json.loads(told.stdout.splitlines()[-1])
    assert found["trades"], "equal in times, prices, quantities and sides"
    assert found["latency_ms"][0] == found["latency_ms"][1]
    theirs, ours = found["fills"]
    assert theirs == pytest.approx(ours)
    assert ours["trades"] > 0
    assert math.isfinite(ours["equity"]), "a book stands at the end"
