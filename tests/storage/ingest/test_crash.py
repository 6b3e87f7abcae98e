"""What a killed writer and a full disk leave behind: all that was acknowledged, nothing by halves."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.storage.ingest.crash import kill_once


def test_killed_while_writing_again_and_again(db: Path) -> None:
    rng = random.Random(5)
    for life in range(1, 4):
        found = kill_once(db, life, rng)
        assert found["stored"] >= found["acknowledged"] > 0


@pytest.mark.parametrize(
    ("where", "states"),
    [
        pytest.param("log", ["full", "running"], id="while-appending-to-the-log"),
        pytest.param("checkpoint", ["FatalException", "reopening", "running"], id="while-checkpointing"),
    ],
)
def test_a_full_disk_loses_nothing_and_heals(db: Path, where: str, states: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.storage.ingest.full_disk", str(db), where],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["states"] == states
    assert "File too large" in found["error"]
    assert found["queued"] == 4  # the pool was full: the feed was held back
    assert found["known_when_full"] == found["submitted"] - 4
    assert found["acknowledged"] == list(range(1, found["submitted"] + 1))
    assert found["batches"] == found["submitted"]
    rows = 200 * found["submitted"]
    assert found["rows"] == [rows, rows, rows]  # each once
    assert found["same_address"]
