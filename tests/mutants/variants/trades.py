"""Mistakes in what a trade is, which are missing, and by which clock it is told."""

from __future__ import annotations

from tests.mutants.variant import Variant

KINDS = ("tests/flows/recordings/test_trade_kinds.py",)
BACKFILL = ("tests/tasks/feed/requests/test_backfill.py",)
RUNS = ("tests/storage/ingest/test_trade_runs.py",)
ENGINES = ("tests/book/engine/test_prints.py",)

VARIANTS = (
    Variant(
        "any word says that a trade was the market's",
        "book/venues/binance/scan.py",
        "if at + 8 > end or load8(frame, at) != MARKET_TEXT:",
        "if at + 8 > end:",
        ENGINES,
    ),
    Variant(
        "a trade without a price is the market's",
        "book/venues/binance/scan.py",
        "return 0 if seen | 256 == 511 and out[row + 5] != 0 else ODD",
        "return 0 if seen | 256 == 511 else ODD",
        ENGINES,
    ),
    Variant(
        "the transaction time of the diff before is kept",
        "book/venues/binance/scan.py",
        "    state[TS_TRANSACTION] = 0\n",
        "",
        ENGINES,
    ),
    Variant(
        "an aggregate that met no book is the market's",
        "book/venues/binance/decode.py",
        "kind = trade.kind if market_lots else TradeKind.RPI",
        "kind = trade.kind",
        KINDS,
    ),
    Variant(
        "exports of depth go by the time of the message",
        "storage/exports/rows.py",
        "SELECT epoch_us(coalesce(ts_transaction, ts_event)) AS ts_us, recv_ns, last_id AS id,",
        "SELECT epoch_us(ts_event) AS ts_us, recv_ns, last_id AS id,",
        KINDS,
    ),
    Variant(
        "exports have trades of every kind",
        "storage/exports/rows.py",
        "AND ts_recv < $until AND kind = 'market'\n",
        "AND ts_recv < $until\n",
        KINDS,
    ),
    Variant(
        "features count what met no book",
        "storage/signals/view.py",
        "CASE WHEN buyer_is_maker THEN -market_qty ELSE market_qty END",
        "CASE WHEN buyer_is_maker THEN -qty ELSE qty END",
        ("tests/storage/signals/test_view.py",),
    ),
    Variant(
        "an export ends without a book",
        "storage/exports/rows.py",
        "interval.ended_by is not None and n + 1 < len(self._covered)",
        "interval.ended_by is not None",
        ("tests/storage/exports/test_hftbacktest.py",),
    ),
    Variant(
        "an aggregate that reaches beyond the hole is taken",
        "tasks/feed/requests/backfill.py",
        "if hole.first_id <= first and last <= hole.last_id:",
        "if hole.first_id <= last and first <= hole.last_id:",
        BACKFILL,
    ),
    Variant(
        "a trade that came late stays a hole",
        "tasks/feed/requests/backfill.py",
        "            self._fill(book, trade_id)\n",
        "            pass\n",
        BACKFILL,
    ),
    Variant(
        "an aggregate among single trades counts as one",
        "storage/ingest/trade_runs.py",
        "ids == rows[:, TradeCol.COVERS_FIRST_ID], rows[:, TradeCol.COVERS_LAST_ID], ids",
        "ids == rows[:, TradeCol.COVERS_FIRST_ID], ids, ids",
        RUNS,
    ),
    Variant(
        "an aggregate whose last trade is there is stored all the same",
        "storage/ingest/trade_runs.py",
        "    if runs[at].first_id <= last_id:\n",
        "    if runs[at].first_id <= trade_id:\n",
        RUNS,
    ),
    Variant(
        "the newest trade sent again at a later time is another one",
        "storage/ingest/trade_runs.py",
        " and not is_newest_again:\n",
        ":\n",
        RUNS,
    ),
)
