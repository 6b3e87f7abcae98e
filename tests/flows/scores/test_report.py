"""Scoring from stored markets whose truth is known to the headline: found, or no evidence, never more."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leadline.flows.config.settings import Settings
from leadline.flows.scores.report import (
    as_json,
    fee_bps,
    headlines,
    horizons,
    lines,
    look,
    score_signals_of,
)
from leadline.storage.access.connect import Connection, connect
from leadline.storage.signals import rows
from tests.flows.commands import leadline
from tests.storage.scores.market import VENUE, Synthetic
from tests.storage.signals.market import NOON

AN_HOUR = dt.timedelta(hours=1)
FREE = Settings(venue=VENUE, taker_fee_bps=0.0)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database, closed."""
    path = tmp_path_factory.mktemp("template") / "empty.duckdb"
    connect(path, write=True).close()
    return path


@pytest.fixture
def db(template: Path, tmp_path: Path) -> Path:
    path = tmp_path / "leadline.duckdb"
    path.write_bytes(template.read_bytes())
    return path


@pytest.fixture
def con(db: Path) -> Iterator[Connection]:
    with connect(db, write=True) as made:
        yield made


def scored(con: Connection, settings: Settings = FREE, now: dt.datetime = NOON + AN_HOUR) -> dict[str, Any]:
    score_signals_of(con, settings, now)
    return as_json(look(con))


def cell(told: dict[str, Any], horizon_s: int = 300, **where: Any) -> dict[str, Any]:
    where = {"kind": "llm", "symbol": "*", "regime": "*", **where}
    (found,) = [
        row
        for row in told["scores"]
        if row["horizon_s"] == horizon_s and all(row[name] == value for name, value in where.items())
    ]
    return dict(found)


def test_a_planted_edge_is_found_with_its_size_and_beats_the_baseline(con: Connection) -> None:
    market = Synthetic(con).prices().covered()
    by_rule = market.ofi()
    earned = market.signals("llm", knows=0.5)
    told = scored(con)
    (line,) = told["headline"]
    assert line.startswith("LLM minus OFI at 300 s, house/m p1: +")
    assert ": better (p " in line
    one = cell(told)
    # What each had earned is known: the cell says it, and its interval holds what it would earn on average.
    assert one["gross_bps"] == pytest.approx(np.mean(earned))
    assert one["gross_low_bps"] > 0
    assert one["verdict"] == "edge that pays"
    assert one["net_bps"] == pytest.approx(one["gross_bps"] - 2 * 0.5 * one["calls"] / one["n"], abs=1e-3)
    assert one["n"] == len(earned)
    assert one["hit_low"] > 0.5
    (lead,) = [row for row in told["llm_minus_ofi"] if row["is_headline"]]
    paired = np.mean(earned) - np.mean(by_rule)
    assert lead["gross_bps"] == pytest.approx(paired, abs=0.5)  # one more of the rule's windows has closed
    assert lead["net_low_bps"] < paired < lead["net_high_bps"]
    assert cell(told, kind="baseline")["verdict"] == "no evidence"


def test_noise_is_called_no_evidence_in_words(con: Connection) -> None:
    market = Synthetic(con, seed=3).prices().covered()
    market.ofi()
    market.signals("llm")
    told = scored(con)
    (line,) = told["headline"]
    assert "no evidence of a difference; one of " in line
    assert " bps would be found four times in five" in line
    verdicts = {row["verdict"] for row in told["scores"] if row["symbol"] == "*" and row["regime"] == "*"}
    assert verdicts <= {"no evidence", "too few"}
    text = "\n".join(lines(look(con)))
    assert "allowing for windows that overlap" in text
    assert "cells by symbol and regime, of which 0 claim evidence" in text


def test_too_few_are_not_judged_and_nothing_is_said_of_nothing(con: Connection) -> None:
    assert headlines(look(con))[0].startswith("no signal has been scored yet")
    market = Synthetic(con, hours=0.3, symbols=("BTCUSDT",)).prices().covered()
    market.ofi()
    assert scored(con)["headline"] == ["LLM minus OFI: no model has been scored beside OFI yet"]
    market.signals("llm")
    (line,) = scored(con)["headline"]
    assert "but 12 pairs are too few to judge" in line


def test_failures_are_counted_beside_and_what_they_cost_is_charged(con: Connection) -> None:
    market = Synthetic(con, hours=2, symbols=("BTCUSDT",)).prices()
    market.covered((0.0, 1.0, "gap"), (1.001, 2.0, None))
    market.signals("llm")
    before = cell(scored(con))
    quiet: dict[str, Any] = {"direction": None, "confidence": None, "features": None}
    outcomes = ("abstained", "abstained", "invalid", "refused_stale", "refused_budget", "error", "timeout")
    rows.put(
        con,
        [
            market.decision(f"q{k}", "BTCUSDT", 30 + 60 * k, outcome=outcome, **quiet)
            for k, outcome in enumerate(outcomes)
        ],
    )
    con.execute("UPDATE signals SET cost_usd = 0.119 WHERE signal_id = 'q2'")
    after = cell(scored(con))
    assert [after[name] for name in ("abstained", "invalid", "refused", "errors")] == [2, 1, 2, 2]
    assert [before[name] for name in ("abstained", "invalid", "refused", "errors")] == [0, 0, 0, 0]
    # Open at 55 to 59 minutes: the gap crosses them; at 60 they open in it. Five end after what is stored.
    assert (after["dropped"], after["waiting"], after["n"]) == (6, 5, 108)
    assert (after["gross_bps"], after["hit_rate"]) == (before["gross_bps"], before["hit_rate"])
    # 0.119 USD over 119 directions are 0.001 each, of 10,000 USD a thousandth of a basis point.
    assert before["net_bps"] - after["net_bps"] == pytest.approx(0.001)


def test_a_challenger_is_scored_like_a_champion_and_compared_with_it(con: Connection) -> None:
    market = Synthetic(con).prices().covered()
    market.signals("llm")
    market.signals("other", kind="challenger", prompt_version="p2", knows=0.5)
    told = scored(con)
    assert told["headline"] == ["LLM minus OFI: no model has been scored beside OFI yet"]
    (one,) = [row for row in told["challengers"] if row["horizon_s"] == 300]
    assert (one["prompt"], one["champion"], one["champion_prompt"]) == ("p2", "house/m", "p1")
    assert (one["verdict"], one["pairs"]) == ("better", cell(told)["n"])
    assert cell(told, kind="challenger")["verdict"] == "edge that pays"
    assert any(line.startswith("house/m p2 minus house/m p1 at 300 s: +") for line in lines(look(con)))


def test_an_edge_in_one_symbol_is_found_there_and_nowhere_else(con: Connection) -> None:
    market = Synthetic(con).prices().covered()
    market.symbols = ("BTCUSDT",)
    market.signals("btc", knows=0.5)
    market.symbols = ("ETHUSDT",)
    market.signals("eth")
    told = scored(con)
    assert cell(told, symbol="BTCUSDT")["verdict"] == "edge that pays"
    assert cell(told, symbol="ETHUSDT")["verdict"] == "no evidence"
    assert cell(told, symbol="BTCUSDT", regime="volatility wild")["n"] > 100
    with_symbol = as_json(look(con, symbol="ETHUSDT"))["scores"]
    assert {row["symbol"] for row in with_symbol} == {"*", "ETHUSDT"}


def test_one_set_a_day_is_kept_and_the_newest_is_shown(con: Connection) -> None:
    market = Synthetic(con, hours=1, symbols=("BTCUSDT",)).prices().covered()
    market.ofi()
    market.signals("llm")
    for hours in (1, 2, 13):  # the last is the day after
        scored(con, now=NOON + hours * AN_HOUR)
    for table, view in (("signal_scores", "scores"), ("signal_pairs", "llm_minus_ofi")):
        kept = con.execute(f"SELECT DISTINCT ts FROM {table} ORDER BY ts").fetchall()
        assert [f"{ts:%d. %H}" for (ts,) in kept] == ["28. 14", "29. 01"]
        assert con.execute(f"SELECT DISTINCT ts FROM {view}").fetchall() == kept[1:]
    shown = con.execute("SELECT sum(n) FROM reliability WHERE kind = 'llm' AND horizon_s = 60").fetchone()
    one = cell(as_json(look(con)), 60)
    assert shown == (one["calls"] - one["flat"],)
    labelled = con.execute(
        "SELECT avg(gross_bps) FROM labelled_signals WHERE kind = 'llm' AND horizon_s = 60"
    ).fetchone()
    assert labelled == (pytest.approx(one["gross_bps"]),)


def test_two_wordings_of_one_version_are_two(con: Connection) -> None:
    market = Synthetic(con, hours=1, symbols=("BTCUSDT",)).prices().covered()
    market.signals("a", prompt_hash="0123456789abcdef")
    market.signals("b", prompt_hash="fedcba9876543210")
    told = scored(con)
    assert {row["prompt"] for row in told["scores"]} == {"p1#012345", "p1#fedcba"}


def test_fees_are_the_venues_or_as_set() -> None:
    assert [fee_bps(Settings(), venue) for venue in ("binance-spot", "loopback-usdm")] == [10.0, 5.0]
    assert fee_bps(FREE, "binance-spot") == 0.0
    assert horizons(Settings(signal_horizon_s=120)) == (1, 10, 60, 120, 300, 900)


def test_the_command_scores_and_tells(
    db: Path, con: Connection, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(db.parent)
    assert "no signal has been scored yet" in leadline(capsys, "score").out
    until = dt.datetime.now(dt.UTC).replace(microsecond=0) - dt.timedelta(minutes=2)
    market = Synthetic(con, hours=3, symbols=("BTCUSDT",), until=until).prices().covered()
    market.ofi()
    market.signals("llm", knows=0.8)
    said = leadline(capsys, "score", "--now", "--json", "--days", "1")
    assert said.code == 0, said.err
    told = json.loads(said.out)
    assert told["headline"][0].startswith("LLM minus OFI at 300 s, house/m p1: ")
    assert cell(told)["hit_rate"] > 0.8
    said = leadline(capsys, "score", "--symbol", "btcusdt")
    assert said.out.splitlines()[0] == told["headline"][0]
    assert "10 bps a side" in said.out
    said = leadline(capsys, "score", "--days", "0")
    assert (said.code, "--days: score_days = '0': expected a number of days from" in said.err) == (2, True)


@pytest.mark.engine
@pytest.mark.timeout(300)
async def test_the_flow_writes_the_page(db: Path, prefect_server: str) -> None:
    from leadline.flows.demo.prefect_proof import ask
    from leadline.flows.score import KEY, score_signals

    empty = await score_signals(db=str(db), return_state=True)
    assert empty.message.startswith("no signal has been scored yet")
    until = dt.datetime.now(dt.UTC).replace(microsecond=0) - dt.timedelta(minutes=2)
    with connect(db, write=True) as con:
        market = Synthetic(con, hours=2, symbols=("BTCUSDT",), until=until).prices().covered()
        market.ofi()
        market.signals("llm", knows=0.9)
    state = await score_signals(db=str(db), return_state=True)
    assert state.is_completed()
    assert " windows measured" in str(state.message)
    again = await score_signals(db=str(db), return_state=True)
    assert str(again.message).endswith("no window has closed since")
    found = ask(prefect_server, "/artifacts/filter", {"artifacts": {"key": {"any_": [KEY]}}})
    page = max(found, key=lambda each: each["created"])["data"]
    assert page.startswith("**LLM minus OFI at 300 s, house/m p1: ")
    assert "by symbol and regime, what says most first" in page
