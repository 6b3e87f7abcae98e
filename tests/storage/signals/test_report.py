"""Decisions as people read them: newest of each model, baselines beside, what was not ok."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from leadline.storage.access.connect import Connection, connect
from leadline.storage.signals import report, rows
from leadline.storage.signals.rows import Decision
from tests.storage.signals.market import NOON, at
from tests.storage.signals.test_rows import decision


def rule(signal_id: str, seconds: float, name: str, direction: str | None, symbol: str) -> Decision:
    return decision(
        signal_id, ts=at(seconds), kind="baseline", provider="baseline", model_requested=name,
        lineage=f"baseline/{name}", outcome="ok" if direction else "abstained", direction=direction,
        symbol=symbol,
    )  # fmt: skip


@pytest.fixture
def con(db: Path) -> Iterator[Connection]:
    """BTCUSDT: an older answer, then a refusal; rules beside both. ETHUSDT: a rule alone."""
    with connect(db, write=True) as made:
        rows.put(
            made,
            [
                decision("old", ts=at(0), outcome="ok", direction="bullish", confidence=0.7),
                rule("r1", 0, "ofi", "bearish", "BTCUSDT"),
                rule("r2", 0, "microprice", None, "BTCUSDT"),
                decision("new", ts=at(60), outcome="refused_stale", reason="12.0 s old"),
                rule("r3", 60, "ofi", "neutral", "BTCUSDT"),
                rule("r4", 90, "ofi", "bullish", "BTCUSDT"),
                rule("r5", 0, "ofi", "bullish", "ETHUSDT"),
                decision("other", ts=at(0), kind="rescore", trigger="rescore"),
            ],
        )
        yield made


def test_the_newest_of_a_model_stands_beside_what_the_rules_said_then(con: Connection) -> None:
    btc, eth = report.latest(con, since=NOON).dicts()
    assert (btc["symbol"], btc["model"], btc["outcome"], btc["direction"]) == (
        "BTCUSDT",
        "p/m",
        "refused_stale",
        None,
    )
    assert (btc["ofi"], btc["microprice"], btc["persistence"]) == ("neutral", "abstained", None)
    assert btc["why"] == "12.0 s old"
    assert (eth["symbol"], eth["model"], eth["outcome"], eth["ofi"]) == ("ETHUSDT", None, None, "bullish")


def test_outcomes_are_counted_and_failures_explained(con: Connection) -> None:
    counted = {(row["model"], row["outcome"]): row for row in report.counts(con, since=NOON).dicts()}
    assert (counted["p/m", "ok"]["bullish"], counted["p/m", "refused_stale"]["signals"]) == (1, 1)
    assert counted["baseline/ofi", "ok"]["signals"] == 4
    (failed,) = report.not_ok(con, since=NOON).dicts()
    assert (failed["outcome"], failed["signals"], failed["reason"]) == ("refused_stale", 1, "12.0 s old")


def test_only_one_symbol_only_from_a_moment_on(con: Connection) -> None:
    assert [row["symbol"] for row in report.latest(con, since=NOON, symbol="ETHUSDT").dicts()] == [
        "ETHUSDT"
    ]
    late = report.counts(con, since=at(61).replace(tzinfo=NOON.tzinfo)).dicts()
    assert [(row["model"], row["signals"]) for row in late] == [("baseline/ofi", 1)]
