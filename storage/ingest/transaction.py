"""One transaction: everything some batches hold, their coverage, and the row that says they are in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from leadline.book.rows.batch import Batch, Market
from leadline.storage.ingest import arrow, trust_rows
from leadline.storage.ingest import tables as rare
from leadline.storage.ingest.coverage import Plan
from leadline.storage.ingest.tables import Rows
from leadline.storage.ingest.trade_runs import TradePlan

# Only what differs from the symbol's row before is a row.
_LISTINGS = """
INSERT INTO markets_history BY NAME
WITH known AS (
    SELECT *, 0 AS place FROM markets_history SEMI JOIN incoming USING (venue, symbol)
    QUALIFY row_number() OVER (PARTITION BY venue, symbol ORDER BY seq DESC) = 1
), given AS (
    SELECT * REPLACE (CAST(tick_size AS DOUBLE) AS tick_size, CAST(step_size AS DOUBLE) AS step_size,
                      CAST(contract_size AS DOUBLE) AS contract_size)
    FROM incoming
), compared AS (
    SELECT *, max(seq) OVER (PARTITION BY venue, symbol) AS known_seq,
           lag(place) OVER before IS NOT NULL AS has_before,
           lag(state) OVER before AS old_state, lag(status) OVER before AS old_status,
           lag(tick_size) OVER before AS old_tick_size, lag(step_size) OVER before AS old_step_size,
           lag(contract_size) OVER before AS old_contract_size, lag(reason) OVER before AS old_reason
    FROM (FROM known UNION ALL BY NAME FROM given)
    WINDOW before AS (PARTITION BY venue, symbol ORDER BY place)
), told AS (
    SELECT *, CASE WHEN has_before THEN concat_ws(', ',
               CASE WHEN state <> old_state THEN 'state' END,
               CASE WHEN status IS DISTINCT FROM old_status THEN 'status' END,
               CASE WHEN tick_size IS DISTINCT FROM old_tick_size THEN 'tick_size' END,
               CASE WHEN step_size IS DISTINCT FROM old_step_size THEN 'step_size' END,
               CASE WHEN contract_size IS DISTINCT FROM old_contract_size THEN 'contract_size' END,
               CASE WHEN reason <> old_reason THEN 'reason' END) ELSE 'first' END AS what
    FROM compared WHERE place > 0
)
SELECT venue, symbol, ts, state, status, tick_size, step_size, contract_size, reason, what AS changed,
       coalesce(known_seq, 0) + row_number() OVER (PARTITION BY venue, symbol ORDER BY place) AS seq
FROM told WHERE what <> ''
"""

_INSERTS = {
    "depth_diffs": "INSERT INTO depth_diffs BY NAME SELECT * FROM incoming",
    "trades": "INSERT INTO trades BY NAME SELECT * FROM incoming",
    "book_tickers": "INSERT INTO book_tickers BY NAME SELECT * FROM incoming",
    "seeds": "INSERT INTO seeds BY NAME SELECT * FROM incoming",
    "book_events": "INSERT INTO book_events BY NAME SELECT * FROM incoming",
    "depth_snapshots": "INSERT INTO depth_snapshots BY NAME SELECT * FROM incoming",
    "feed_stats": "INSERT INTO feed_stats BY NAME SELECT * FROM incoming",
    "attestations": "INSERT INTO attestations BY NAME SELECT * FROM incoming",
    "mismatches": "INSERT INTO mismatches BY NAME SELECT * FROM incoming",
    "clock": "INSERT INTO clock BY NAME SELECT * FROM incoming",
    "latency": "INSERT INTO latency BY NAME SELECT * FROM incoming",
    "leg_stats": "INSERT INTO leg_stats BY NAME SELECT * FROM incoming",
    "addresses": "INSERT INTO addresses BY NAME SELECT * FROM incoming",
    "markets_history": _LISTINGS,
    "trade_coverage": "INSERT INTO trade_coverage BY NAME SELECT * FROM incoming",
    "trade_repeats": "INSERT INTO trade_repeats BY NAME SELECT * FROM incoming",
    "trade_backfills": "INSERT INTO trade_backfills BY NAME SELECT * FROM incoming",
    "clock_steps": "INSERT INTO clock_steps BY NAME SELECT * FROM incoming",
    "coverage": "INSERT INTO coverage BY NAME SELECT * FROM incoming",
    "ingest_batches": "INSERT INTO ingest_batches BY NAME SELECT * FROM incoming",
    "markets": """INSERT INTO markets BY NAME SELECT * FROM incoming
                  ON CONFLICT DO UPDATE SET rule = excluded.rule""",
}

# An interval is known by its place in the sequence of the database.
_CHANGE_COVERAGE = """
UPDATE coverage SET ts_to = incoming.ts_to, last_id = incoming.last_id, ended_by = incoming.ended_by,
       mono_to_ns = incoming.mono_to_ns, ts_event = incoming.ts_event
FROM incoming
WHERE coverage.seq = incoming.seq AND coverage.epoch = incoming.epoch
  AND coverage.symbol = incoming.symbol AND coverage.venue = incoming.venue
"""

_REMOVE_COVERAGE = """
DELETE FROM coverage USING incoming
WHERE coverage.seq = incoming.seq AND coverage.epoch = incoming.epoch
  AND coverage.symbol = incoming.symbol AND coverage.venue = incoming.venue
"""

# A run is known by its end: old trades that go take its begin with them.
_CHANGE_RUNS = """
UPDATE trade_coverage SET ts_to = incoming.ts_to, last_id = incoming.last_id, ts_trade = incoming.ts_trade
FROM incoming
WHERE trade_coverage.last_id = incoming.stored_last_id
  AND trade_coverage.ts_trade = incoming.stored_ts_trade
  AND trade_coverage.symbol = incoming.symbol AND trade_coverage.venue = incoming.venue
"""

_REMOVE_RUNS = """
DELETE FROM trade_coverage USING incoming
WHERE trade_coverage.last_id = incoming.last_id AND trade_coverage.ts_trade = incoming.ts_trade
  AND trade_coverage.symbol = incoming.symbol AND trade_coverage.venue = incoming.venue
"""

# The book was wrong from some moment after the interval's new end on: samples taken since are not to be
# trusted either.
_RETRACT_SAMPLES = """
UPDATE depth_snapshots SET trusted = false, reason = incoming.ended_by
FROM incoming
WHERE depth_snapshots.trusted AND depth_snapshots.epoch = incoming.epoch
  AND depth_snapshots.symbol = incoming.symbol AND depth_snapshots.venue = incoming.venue
  AND depth_snapshots.last_id > incoming.last_id AND depth_snapshots.ts <= incoming.until
"""

_STORED = "SELECT count(*) FROM ingest_batches WHERE writer_id = $1 AND seq = $2"


@dataclass(frozen=True, slots=True)
class Numbered:
    """A batch with its place in the order of one writer."""

    seq: int
    batch: Batch
    rows: Rows
    oldest_recv_ns: int | None


@dataclass(frozen=True, slots=True)
class Plans:
    """What a transaction does to the coverage of books and of trades."""

    books: Plan
    trades: TradePlan


class Ingest:
    """Turns batches into transactions on behalf of one writer."""

    def __init__(self, writer_id: str, markets: list[Market]) -> None:
        self.writer_id = writer_id
        self._names = arrow.Names(markets)
        self._markets = markets
        self._markets_stored = 0

    def tables(self, group: Sequence[Numbered], plan: Plans, ts_ns: int) -> dict[str, pa.Table]:
        """Make the Arrow tables of a group, by name of table; empty ones are left out."""
        names = self._names
        batches = [one.batch for one in group]
        made: dict[str, pa.Table] = {}
        columnar: tuple[tuple[str, Callable[[Batch, arrow.Names], pa.Table], str], ...] = (
            ("depth_diffs", arrow.diffs_table, "diffs"),
            ("book_tickers", arrow.tickers_table, "tickers"),
        )
        for table, make, kind in columnar:
            parts = [make(one.batch, names) for one in group if getattr(one.rows, kind)]
            if parts:
                made[table] = pa.concat_tables(parts)
        made |= self._traded(group, plan.trades)
        if seeds := [row for batch in batches for row in batch.seeds]:
            made["seeds"] = arrow.seeds_table(seeds, names)
        if events := [row for batch in batches for row in batch.events]:
            made["book_events"] = rare.events_table(events, names)
        if samples := [row for batch in batches for row in batch.samples]:
            made["depth_snapshots"] = rare.samples_table(samples, names)
        if stats := [row for batch in batches for row in batch.stats]:
            made["feed_stats"] = rare.plain_table(stats)
        made |= self._witnessed(batches)
        if new := self._markets[self._markets_stored :]:
            made["markets"] = rare.markets_table(new)
        if plan.books.added:
            made["coverage"] = rare.coverage_table(plan.books.added, names)
        if plan.books.steps:
            made["clock_steps"] = rare.steps_table(plan.books.steps)
        entries = [
            rare.LedgerEntry(one.seq, one.rows, one.oldest_recv_ns, one.batch.through_ns, one.batch.handed)
            for one in group
        ]
        made["ingest_batches"] = rare.ledger_table(self.writer_id, ts_ns, entries)
        return made

    def _traded(self, group: Sequence[Numbered], plan: TradePlan) -> dict[str, pa.Table]:
        """Make the tables of trades: those that are stored, their new runs, and what came again."""
        made: dict[str, pa.Table] = {}
        names = self._names
        parts = [
            arrow.trades_table(one.batch, names, keep)
            for one, keep in zip(group, plan.keeps, strict=True)
            if one.rows.trades
        ]
        if parts:
            made["trades"] = pa.concat_tables(parts)
        if plan.added:
            made["trade_coverage"] = rare.runs_table(plan.added, names)
        if plan.repeats:
            made["trade_repeats"] = rare.repeats_table(plan.repeats, names)
        return made

    def _witnessed(self, batches: Sequence[Batch]) -> dict[str, pa.Table]:
        """Make the tables of what the venue said of the books, and of clocks and connections."""
        made: dict[str, pa.Table] = {}
        names = self._names
        if scores := [row for batch in batches for row in batch.attestations]:
            made["attestations"] = trust_rows.attestations_table(scores, names)
        if evidence := [row for batch in batches for row in batch.mismatches]:
            made["mismatches"] = trust_rows.mismatches_table(evidence, names)
        if clocks := [row for batch in batches for row in batch.clocks]:
            made["clock"] = rare.plain_table(clocks)
        if legs := [row for batch in batches for row in batch.legs]:
            made["leg_stats"] = rare.plain_table(legs)
        if listings := [row for batch in batches for row in batch.listings]:
            made["markets_history"] = rare.listings_table(listings)
        if addresses := [row for batch in batches for row in batch.addresses]:
            made["addresses"] = rare.plain_table(addresses)
        if backfills := [row for batch in batches for row in batch.backfills]:
            made["trade_backfills"] = rare.plain_table(backfills)
        if latencies := [row for batch in batches for row in batch.latencies]:
            made["latency"] = rare.plain_table(latencies)
        return made

    def write(self, con: duckdb.DuckDBPyConnection, tables: dict[str, pa.Table], plans: Plans) -> None:
        """Insert the tables and move coverage on, inside the transaction that is open."""
        plan = plans.books
        if plan.changed:
            _run_with(con, rare.coverage_table(plan.changed, self._names), _CHANGE_COVERAGE)
        if plan.removed:
            _run_with(con, rare.coverage_table(plan.removed, self._names), _REMOVE_COVERAGE)
        # What goes may end where another run will end from now on.
        if plans.trades.removed:
            _run_with(con, rare.runs_table(plans.trades.removed, self._names), _REMOVE_RUNS)
        if plans.trades.changed:
            _run_with(con, rare.changed_runs_table(plans.trades.changed, self._names), _CHANGE_RUNS)
        for table, rows in tables.items():
            _run_with(con, rows, _INSERTS[table])
        if plan.retracted:
            _run_with(con, trust_rows.retracted_table(plan.retracted, self._names), _RETRACT_SAMPLES)

    def keep(self, tables: dict[str, pa.Table]) -> None:
        """Take note that a transaction with these tables is committed."""
        if "markets" in tables:
            self._markets_stored += tables["markets"].num_rows

    def is_stored(self, con: duckdb.DuckDBPyConnection, seq: int) -> bool:
        """Tell whether a batch of this writer is in the store, after a commit of unknown outcome."""
        row = con.execute(_STORED, [self.writer_id, seq]).fetchone()
        return row is not None and row[0] > 0


def _run_with(con: duckdb.DuckDBPyConnection, rows: pa.Table, statement: str) -> None:
    con.register("incoming", rows)
    try:
        con.execute(statement)
    finally:
        con.unregister("incoming")
