"""Shocks in a stream: the venue makes one, and rows of signals say what came of it."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest

from leadline.book.analytics.shock import Shock
from leadline.book.rows.batch import DepthSample
from leadline.flows.config.settings import Settings
from leadline.flows.prefect_ui.changes import BookChange
from leadline.flows.signals.models import why_not_ready
from leadline.flows.streaming.sampling import untrusted
from leadline.storage.access.connect import connect
from leadline.storage.access.sql import run_sql
from leadline.storage.spend import reports
from leadline.tasks.loopback.base.faults import Fault, FaultKind
from leadline.tasks.loopback.threaded import ThreadedVenue
from tests.flows.waiting import until
from tests.tasks.llm.scripted import ScriptedServer, says

T = TypeVar("T")
PATIENCE_S = 120.0  # on a machine that has much else to do
SHOCKS = """
SELECT symbol, kind, outcome, reason, ts, CAST(shock->>'ts_ns' AS BIGINT) AS seen_ns,
       shock->>'kind' AS what, features->>'spread_bps' AS spread_bps
FROM signals WHERE "trigger" = 'shock' ORDER BY ts, kind, symbol
"""


# Long enough for a decision (10 s), and for the detector's warming.
TRUSTED = """
SELECT 1 FROM coverage WHERE ts_to > ts_from + INTERVAL 12 SECOND HAVING count(DISTINCT symbol) = 2
"""


@pytest.fixture
def settings(tmp_path: Path, venue: ThreadedVenue) -> Settings:
    """Only a spread can shock: the ordinary market never holds one this wide."""
    return Settings(
        db=tmp_path / "x.duckdb",
        home=tmp_path / "home",
        venue="loopback-spot",
        symbols=("BTCUSDT", "ETHUSDT"),
        ws_url=venue.ws_url,
        rest_url=venue.rest_url,
        rotate_s=600,
        llm_provider="holysheep",
        llm_models=("gpt-4.1",),
        shock_look_s=0.1,
        shock_window_s=10.0,
        shock_imbalance_sds=100.0,
        shock_imbalance_least=2.0,  # as far as it goes: a quiet window has no deviation at all
        shock_spread_least_bps=15.0,
        shock_within_s=100.0,
    )


def rows(db: Path, symbol: str) -> list[dict[str, Any]]:
    with connect(db) as con:
        return [row for row in run_sql(con, SHOCKS, {}).dicts() if row["symbol"] == symbol]


async def soon(get: Callable[[], T], what: str) -> T:
    return await asyncio.to_thread(until, get, what, timeout_s=PATIENCE_S)


@pytest.mark.timeout(400)
async def away(*_: object) -> None:
    raise ConnectionError("the API is away")


async def test_a_shock_at_the_venue_is_a_signal_and_a_spent_budget_a_refusal(
    settings: Settings, venue: ThreadedVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And all of it with Prefect away: nothing of it waits for a run to be seen."""
    from leadline.flows.signals.shocks import ShockWatch
    from leadline.flows.streaming.host import StreamHost

    monkeypatch.setenv("HOLYSHEEP_API_KEY", "k")
    shock_payload: list[BookChange] = []
    async with ScriptedServer(says()) as server:
        host = StreamHost(replace(settings, llm_base_url=server.base_url), host_grace_s=0)
        await asyncio.to_thread(host.open)
        try:
            watch = ShockWatch(host, shock_payload.append, away)
            run = asyncio.create_task(watch.run())
            await soon(lambda: _any(settings.db, TRUSTED), "both books have been trusted long enough")
            venue.inject(Fault(FaultKind.SHOCK, "ETHUSDT", seconds=5, text="spread"))
            (row,) = await soon(lambda: answers(settings.db, "ETHUSDT"), "a signal")
            assert (row["outcome"], row["what"], server.calls) == ("ok", "spread", 1)
            (entry,) = [each for each in venue.ledger()["faults"] if each["kind"] == "shock"]
            decided_ns = row["ts"].replace(tzinfo=dt.UTC).timestamp() * 1e9
            assert entry["at_ns"] < row["seen_ns"] < decided_ns
            assert float(row["spread_bps"]) > 15  # it was asked about the book that showed the shock
            baselines = [one for one in rows(settings.db, "ETHUSDT") if one["kind"] == "baseline"]
            assert len(baselines) == 3

            with connect(settings.db, write=True) as con:
                reports.set_budget(con, "all", "day", Decimal(0), now=dt.datetime.now(dt.UTC))
            venue.inject(Fault(FaultKind.SHOCK, "BTCUSDT", seconds=5, text="spread"))
            (row,) = await soon(lambda: answers(settings.db, "BTCUSDT"), "a refusal")
            assert (row["outcome"], server.calls) == ("refused_budget", 1)
            assert "budget" in row["reason"]
            watch.stop()
            await asyncio.wait_for(run, PATIENCE_S)
            assert host.status().feed.live == 2
        finally:
            await asyncio.to_thread(host.close)
    assert [(one.kind, one.symbol, one.detail["analysis"]) for one in shock_payload] == [
        ("shock", "ETHUSDT", "begun"),
        ("shock", "BTCUSDT", "begun"),
    ]
    assert (watch.shocks, watch.shown) == (2, 0)


def answers(db: Path, symbol: str) -> list[dict[str, Any]]:
    return [row for row in rows(db, symbol) if row["kind"] == "llm"]


def _any(db: Path, sql: str) -> bool:
    if not db.exists():
        return False
    with connect(db) as con:
        return bool(con.execute(sql).fetchall())


def test_a_book_that_is_not_live_has_no_shocks(settings: Settings) -> None:
    from leadline.flows.signals.shocks import ShockWatch

    class Host:
        def __init__(self) -> None:
            self.settings = settings
            self.markets = [type("Market", (), {"symbol": "BTCUSDT"})()]

    shock_payload: list[Any] = []
    watch = ShockWatch(Host(), shock_payload.append, away)  # type: ignore[arg-type]
    for n in range(200):
        found = watch._look([_sample(n, spread_bps=1.0)])
        assert not found
    assert watch._look([untrusted(0, 1, "gap")]) == {}
    assert watch._look([_sample(201, spread_bps=50.0)]) == {}


def _sample(n: int, *, spread_bps: float) -> DepthSample:
    return DepthSample(
        0, 1, n, n, (), (),
        mid=1.0, spread_bps=spread_bps, imbalance=0.0, weighted_mid=1.0,
        depth_bps=(), bid_depth=(), ask_depth=(), trusted=True, reason="",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "environ", "why_not"),
    [
        ({"shock_analysis": "off"}, {"HOLYSHEEP_API_KEY": "k"}, "shock_analysis is off"),
        ({}, {"HOLYSHEEP_API_KEY": "k"}, None),
        ({"llm_provider": "none"}, {}, "no model is set up"),
    ],
)
def test_when_a_shock_is_answered(
    tmp_path: Path, changes: dict[str, Any], environ: dict[str, str], why_not: str | None
) -> None:
    assert why_not_ready(Settings(home=tmp_path, **changes), environ) == why_not


def test_a_shock_is_told_with_its_numbers() -> None:
    from leadline.flows.signals.shocks import shock_payload

    shock = Shock(kind="spread", value=9.0, typical=1.0, threshold=4.0, epoch=1, last_id=7, ts_ns=5)
    assert shock_payload("BTCUSDT", shock, "") == {
        "symbol": "BTCUSDT", "kind": "spread", "value": 9.0, "typical": 1.0, "threshold": 4.0,
        "unit": "bps", "update_id": 7, "analysis": "begun",
    }  # fmt: skip
    assert shock_payload("BTCUSDT", shock, "no model is set up")["analysis"] == "none: no model is set up"
