"""
A small file as the last Leadline before the first release left it, at schema revision 014.

``revision_014.sql`` is what that version's migrations made, as DuckDB wrote it down. The rows are a spot
and a futures market with a book each, whose diffs join in the two ways there are.
"""

from __future__ import annotations

from pathlib import Path

from leadline.storage.access.extensions import open_duckdb

_TABLES = Path(__file__).with_suffix(".sql")

_ROWS = """
INSERT INTO seeds BY NAME
SELECT venue, 'BTCUSDT' AS symbol, 1 AS epoch, TIMESTAMP '2026-05-28 10:00:00' AS ts_recv, 0 AS recv_ns,
       10 AS last_id, [2.0, 1.0] AS bid_px, [5.0, 6.0] AS bid_qty, [3.0] AS ask_px, [7.0] AS ask_qty,
       'venue' AS source
FROM (VALUES ('binance-spot'), ('binance-usdm')) t(venue);
INSERT INTO depth_diffs BY NAME
SELECT venue, 'BTCUSDT' AS symbol, 1 AS epoch, TIMESTAMP '2026-05-28 10:00:00' AS ts_event,
       TIMESTAMP '2026-05-28 10:00:00' + n * INTERVAL 1 SECOND AS ts_recv, 0 AS recv_ns,
       CASE venue WHEN 'binance-spot' THEN 10 + n ELSE 100 * n END AS first_id,
       CASE venue WHEN 'binance-spot' THEN 10 + n ELSE 100 * n + 1 END AS last_id,
       CASE venue WHEN 'binance-usdm' THEN CASE n WHEN 1 THEN 10 ELSE 100 * n - 99 END END AS prev_id,
       [2.0] AS bid_px, [CAST(n AS DOUBLE)] AS bid_qty, [] AS ask_px, [] AS ask_qty
FROM (VALUES ('binance-spot'), ('binance-usdm')) t(venue), range(1, 4) r(n);
INSERT INTO coverage BY NAME
SELECT venue, symbol, epoch, min(ts_recv) AS ts_from, max(ts_recv) AS ts_to, 10 AS first_id,
       max(last_id) AS last_id, 'stopped' AS ended_by
FROM depth_diffs GROUP BY ALL;
INSERT INTO trades BY NAME
SELECT 'binance-usdm' AS venue, 'BTCUSDT' AS symbol, TIMESTAMP '2026-05-28 10:00:00' AS ts_event,
       ts_event AS ts_recv, 0 AS recv_ns, ts_event AS ts_trade, n AS trade_id, n AS px, 2.0 AS qty,
       true AS buyer_is_maker
FROM range(2) r(n);
INSERT INTO budgets VALUES ('all', 'day', 1.5, TIMESTAMP '2026-05-28 10:00:00');
CREATE VIEW depth_levels AS SELECT 1 AS of_that_version;
"""


def make_014(path: Path) -> None:
    """Write the file."""
    with open_duckdb(path) as con:
        con.execute(_TABLES.read_text("utf-8"))
        con.execute(_ROWS)
