"""Where the real recordings are, if they are: tests that use them skip with a word when absent."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.frames import FOLDER

SPOT_BTC = "spot_btcusdt_20240808.gz"
SPOT_ETH = "spot_ethusdt_20240808.gz"
USDM_BTC = "usdm_btcusdt_20240808.gz"
COINM_BTC = "coinm_btcusd_perp_20240808.gz"


def recording(name: str) -> Path:
    """Return the path of a recording, or skip the calling test when it is not on this machine."""
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"recording {name} is not in {FOLDER}; set LEADLINE_RECORDINGS to its folder")
    return path
