"""
What an analysis itself costs: tokens, time, CPU, and dollars for a thousand of them at every model's price.

    python -m bench.analysis --analyses 50

Each is a whole one: a stored book of its own is looked at, features and baselines are made, the embedded
model is asked through the client and the ledger, rows are written. It is asked with its own prompt, then
with the one that other models get: the tokens of that one times the price book's prices is what a thousand
signals cost, one attempt each and nothing cached. Tokens are counted as the embedded model counts them;
other tokenizers need some fewer. Nothing is sent anywhere.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from random import Random

import numpy as np

from bench.measure import BenchFailed, Row, cpu_s
from bench.table import Section, show
from leadline.flows.signals.analysis import Analyst
from leadline.flows.signals.prompting import FIGURES, WORDS, prompt
from leadline.flows.signals.request import AnalysisPlan, ModelChain
from leadline.storage.access.connect import Connection, connect
from leadline.storage.access.jobs import Desk
from leadline.storage.access.owner import Owner
from leadline.storage.signals.rows import Decision
from leadline.storage.spend.calls import Usage
from leadline.storage.spend.journal import Journal
from leadline.storage.spend.prices import BOOK, read_prices
from leadline.storage.spend.tariff import Price
from leadline.tasks.llm.client import ModelClient
from leadline.tasks.llm.embedded.model import LocalModel
from leadline.tasks.llm.profiles import local_provider
from leadline.tasks.llm.protocol.errors import ModelError
from leadline.tasks.llm.protocol.request import Route
from leadline.tasks.net.clock import SYSTEM_CLOCK

VENUE = "bench"
AT = dt.datetime(2026, 5, 28, 12, tzinfo=dt.UTC)
ANALYSES = 50
DEADLINE_S = 60.0

# Each market: a LIVE book for two minutes, best prices once a second on a walk of its own, some trades.
_MARKETS = """
CREATE TEMP TABLE walks AS
WITH steps AS (
    SELECT 'S' || lpad(CAST(s.range AS VARCHAR), 4, '0') || 'USDT' AS symbol, t.range AS t,
           random() - 0.5 AS step, 1 + 9 * random() AS bid_qty, 1 + 9 * random() AS ask_qty,
           random() AS trade, random() AS side
    FROM range($markets) s, range(120) t
)
SELECT symbol, t, make_timestamp($at_us - 1000000 * (119 - t) - 1) AS ts,
       ($at_us - 1000000 * (119 - t) - 1) * 1000 AS ns, bid_qty, ask_qty, trade, side,
       round(1000 + sum(step) OVER (PARTITION BY symbol ORDER BY t), 1) AS px
FROM steps;
INSERT INTO coverage BY NAME
SELECT $venue AS venue, symbol, 1 AS epoch, min(ts) AS ts_from, max(ts) + INTERVAL 1 HOUR AS ts_to,
       1 AS first_id, 120 AS last_id, 'stopped' AS ended_by FROM walks GROUP BY symbol;
INSERT INTO book_tickers BY NAME
SELECT $venue AS venue, symbol, ts AS ts_recv, ns AS recv_ns, t + 1 AS update_id, px AS bid_px, bid_qty,
       px + 0.1 AS ask_px, ask_qty FROM walks;
INSERT INTO trades BY NAME
SELECT $venue AS venue, symbol, ts AS ts_event, ts AS ts_recv, ns AS recv_ns, ts AS ts_trade,
       t AS trade_id, px, trade AS qty, side < 0.5 AS buyer_is_maker, 'market' AS kind,
       trade AS market_qty FROM walks WHERE trade > 0.4;
INSERT INTO seeds BY NAME
SELECT $venue AS venue, symbol, 1 AS epoch, ts AS ts_recv, ns AS recv_ns, t + 1 AS last_id,
       'venue' AS source, [px - 0.1 * i FOR i IN range(20)] AS bid_px,
       [bid_qty * (1 + i % 3) FOR i IN range(20)] AS bid_qty,
       [px + 0.1 + 0.1 * i FOR i IN range(20)] AS ask_px,
       [ask_qty * (1 + i % 4) FOR i IN range(20)] AS ask_qty FROM walks WHERE t = 119;
INSERT INTO depth_diffs BY NAME
SELECT $venue AS venue, symbol, 1 AS epoch, ts AS ts_event, ts AS ts_recv, ns AS recv_ns, 120 AS first_id,
       120 AS last_id, CAST([] AS DOUBLE[]) AS bid_px, CAST([] AS DOUBLE[]) AS bid_qty,
       CAST([] AS DOUBLE[]) AS ask_px, CAST([] AS DOUBLE[]) AS ask_qty FROM walks WHERE t = 119;
DROP TABLE walks
"""


@dataclass(frozen=True, slots=True)
class Measured:
    """One prompt: what came of its analyses."""

    version: str
    decisions: list[Decision]
    ours_cpu_s: float  # of this process, each
    model_cpu_s: float  # of the model's, each

    def answers(self) -> list[Usage]:
        """Tokens of those that needed one attempt: a repair says something of this model alone."""
        return [
            Usage(prompt_tokens=one.prompt_tokens, completion_tokens=one.completion_tokens)
            for one in self.decisions
            if one.attempts == 1 and one.prompt_tokens and one.completion_tokens
        ]


def run(analyses: int = ANALYSES) -> list[Section]:
    """Measure both prompts; raises `BenchFailed` where the model is not installed or does not answer."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            with LocalModel(Path(folder) / "home") as model:
                measured = asyncio.run(_measure(Path(folder), model, analyses))
        except ModelError as exc:
            raise BenchFailed(str(exc)) from exc
    sections: list[Section] = [
        (f"{len(one.decisions)} analyses, prompt {one.version}, embedded model", _rows(one))
        for one in measured
    ]
    used = measured[-1].answers()
    each = f"{mean(one.prompt_tokens for one in used)} + {mean(one.completion_tokens for one in used)}"
    return [*sections, (f"1,000 signals at {each} tokens each", priced(read_prices(BOOK), used))]


async def _measure(folder: Path, model: LocalModel, analyses: int) -> list[Measured]:
    db = folder / "analysis.duckdb"
    with Owner(db), connect(db, write=True) as con:
        at_us = int(AT.timestamp()) * 1_000_000
        for statement in _MARKETS.split(";\n"):
            given = {"markets": analyses, "at_us": at_us, "venue": VENUE}
            con.execute(statement, {name: given[name] for name in given if f"${name}" in statement})
        symbols = _symbols(con)
        provider = local_provider(model.address)
        with Journal(db, default_usd_per_day=Decimal(1)) as journal, Desk(db) as desk:
            async with ModelClient(
                [provider], journal, home=folder, clock=SYSTEM_CLOCK, rng=Random(1)
            ) as client:
                route = Route("local", model.address.model)
                return [
                    await _one(desk, client, route, version, symbols, model.address.pid)
                    for version in (WORDS, FIGURES)
                ]


def _symbols(con: Connection) -> tuple[str, ...]:
    return tuple(
        row[0] for row in con.execute("SELECT DISTINCT symbol FROM coverage ORDER BY 1").fetchall()
    )


async def _one(
    desk: Desk, client: ModelClient, route: Route, version: str, symbols: tuple[str, ...], pid: int
) -> Measured:
    work = AnalysisPlan(
        venue=VENUE,
        symbols=symbols,
        trigger="manual",
        chains=(ModelChain(routes=(route,), prompt=prompt(version)),),
        horizon_s=300,
        ttl_s=60,
        stale_s=10,
        # The second prompt is another question; the first run's baselines stand.
        bucket_s=60,
        deadline_s=DEADLINE_S,
        side_by_side=1,
    )
    ours, its = time.process_time(), cpu_s(pid)
    decisions = [
        one for one in await Analyst(desk, client, work, now=lambda: AT).run() if one.kind == "llm"
    ]
    ours, its = time.process_time() - ours, cpu_s(pid) - its
    unanswered = Counter(one.outcome for one in decisions if not one.prompt_tokens)
    if unanswered or len(decisions) != len(symbols):
        why = next((one.reason for one in decisions if not one.prompt_tokens), None)
        raise BenchFailed(f"{len(decisions)} of {len(symbols)} decided, unanswered {unanswered}: {why}")
    return Measured(version, decisions, ours / len(decisions), its / len(decisions))


def _rows(one: Measured) -> list[Row]:
    used = one.answers()
    latency = [decision.latency_ms or 0.0 for decision in one.decisions]
    outcomes = Counter(decision.outcome for decision in one.decisions)
    return [
        Row("outcomes", ", ".join(f"{n} {outcome}" for outcome, n in outcomes.most_common())),
        Row("prompt p50 / p95", _pair([usage.prompt_tokens for usage in used], 95), "tokens"),
        Row("answer p50 / p95", _pair([usage.completion_tokens for usage in used], 95), "tokens"),
        Row("latency p50 / p99", _pair(latency, 99), "ms"),
        Row("CPU of Leadline, each", f"{one.ours_cpu_s:.3f}", "s"),
        Row("CPU of the embedded model, each", f"{one.model_cpu_s:.2f}", "s"),
    ]


def _pair(values: Sequence[float], high: int) -> str:
    low, top = np.percentile(values, [50, high])
    return f"{low:,.0f} / {top:,.0f}"


def mean(counts: Iterable[int]) -> int:
    """Return the mean as a whole number."""
    return round(float(np.mean(list(counts))))


def priced(book: Sequence[Price], used: Sequence[Usage]) -> list[Row]:
    """Return what 1,000 signals of these tokens cost by the newest row of each model, USD, off-peak."""
    newest = {(price.provider, price.model): price for price in sorted(book, key=lambda p: p.valid_from)}
    rows = []
    for (provider, model), price in sorted(newest.items()):
        # A Sunday's midnight is in nobody's peak hours.
        moment = dt.datetime(2026, 5, 31, tzinfo=dt.UTC)
        usd = sum((price.cost(usage, moment) for usage in used), Decimal(0)) * 1000 / len(used)
        until = f", until {price.valid_to:%Y-%m-%d}" if price.valid_to else ""
        rows.append(Row(f"{provider}/{model}{until}", f"{usd:.4f}" if usd else "0", "USD"))
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m bench.analysis", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--analyses", type=int, default=ANALYSES, help=f"of each prompt ({ANALYSES})")
    show(run(parser.parse_args().analyses))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
