"""Time is UTC on every connection, whatever the time zone of the machine; only one place opens DuckDB."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from leadline.storage.access.connect import connect
from leadline.storage.signals import rows
from leadline.storage.signals.rows import Decision
from tests.storage.access.moments import OF_ROWS, QUESTIONS
from tests.storage.helpers import Served, in_zone

ZONES = ["UTC", "Asia/Tokyo", "America/New_York", "Asia/Kathmandu"]
MINUTE = dt.timedelta(minutes=1)

EXPECTED: dict[str, Any] = {
    "zone": "UTC",
    "now": 0,
    "current_timestamp": 0,
    "localtimestamp": 0,
    "today": True,
    "to_zone": 1_772_937_000,
    "and_back": "2026-03-08 02:30:00",
    "from_zone": "2026-05-28 18:45:00",
    "from_text": 1_779_993_900,
    "as_text": "2026-05-28 18:45:00+00",
    "as_date": "2026-05-28",
    "day": 1_779_926_400,
    "hour": 1_779_991_200,
    "part": 18,
    "equal": True,
    "last_half_hour": [2],
    "yet_to_come": 0,
    "valid": ["valid"],
    "fetched": "2026-05-28T18:45:00+00:00",
    "arrow": "timestamp[us, tz=UTC]",
    "appended": "2026-05-28 18:45:00",
}


@pytest.fixture
def dated(db: Path) -> Path:
    """A store with a trade and a signal of some minutes ago, and some older ones."""
    now = dt.datetime.now(dt.UTC)
    with connect(db, write=True) as con:
        for trade_id, ago in ((1, 70 * MINUTE), (2, 5 * MINUTE)):
            at = now - ago
            con.execute(
                "INSERT INTO trades VALUES ('v', 's', $at, $at, epoch_ns($at), $at, $id, 1.0, 1.0, true, "
                "'market', 1.0, NULL, NULL, false)",
                {"at": at, "id": trade_id},
            )
        rows.put(con, [signal("valid", now - 5 * MINUTE), signal("over", now - 70 * MINUTE)])
    return db


def signal(name: str, ts: dt.datetime) -> Decision:
    """A signal that may be acted on for an hour."""
    return Decision(
        signal_id=name, ts=ts, venue="v", symbol="s", kind="llm", trigger="manual", provider="p",
        model_requested=name, lineage="p/m", outcome="ok", direction="neutral", ttl_s=3600.0,
    )  # fmt: skip


def ask(db: Path, zone: str) -> dict[str, dict[str, Any]]:
    """Ask on every kind of connection, in a process whose machine stands in ``zone``."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.storage.access.moments", str(db)],
        env=in_zone(zone), capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return told


def assert_all_utc(said: dict[str, dict[str, Any]]) -> None:
    for kind, got in said.items():
        assert got == {name: EXPECTED[name] for name in got}, kind
        assert got.keys() >= QUESTIONS.keys(), kind
        assert kind == "memory" or got.keys() >= OF_ROWS.keys(), kind


@pytest.mark.parametrize("zone", ZONES)
def test_a_closed_file_in_any_zone(dated: Path, zone: str) -> None:
    said = ask(dated, zone)
    assert len(said) == 8
    assert_all_utc(said)


@pytest.mark.parametrize(("owners", "clients"), list(zip(ZONES, ZONES[2:] + ZONES[:2], strict=True)))
def test_a_served_file_between_zones(dated: Path, owners: str, clients: str) -> None:
    with Served(dated, zone=owners) as owner:
        said = ask(dated, clients)
        owner.stop()
    assert len(said) == 4
    assert_all_utc(said)
