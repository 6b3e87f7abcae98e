"""Mistakes in how rows, money and labels are kept."""

from __future__ import annotations

from tests.mutants.variant import Variant

LEDGER = ("tests/storage/spend/test_ledger.py", "tests/storage/spend/test_ledger_properties.py")

VARIANTS = (
    Variant(
        "a listing seen again is a change",
        "storage/ingest/transaction.py",
        "FROM told WHERE what <> ''\n",
        "FROM told\n",
        ("tests/storage/ingest/test_listings.py",),
    ),
    Variant(
        "a listing is compared with any of its symbol's rows",
        "storage/ingest/transaction.py",
        "    QUALIFY row_number() OVER (PARTITION BY venue, symbol ORDER BY seq DESC) = 1\n), given",
        "    QUALIFY row_number() OVER (PARTITION BY venue, symbol ORDER BY ts DESC) = 1\n), given",
        ("tests/storage/ingest/test_listings.py",),
    ),
    Variant(
        "a symbol of the settings that was dropped comes back",
        "storage/symbols/watchlist.py",
        "if symbol not in said or said[symbol].is_wanted]",
        "if symbol not in said or said[symbol].is_wanted or symbol in usual]",
        ("tests/storage/symbols/test_watchlist.py",),
    ),
    Variant(
        "scale lost on the way to the store",
        "storage/ingest/arrow.py",
        "    result: Doubles = values / powers\n",
        "    result: Doubles = values * (1.0 / powers)\n",
        ("tests/storage/ingest/test_arrow.py",),
    ),
    Variant(
        "coverage runs on past its end",
        "storage/ingest/coverage.py",
        "            last_id=ended.last_id,\n            ended_by=ended.ended_by,\n",
        "            last_id=ended.last_id + 1,\n            ended_by=ended.ended_by,\n",
        ("tests/storage/ingest/test_coverage.py", "tests/storage/ingest/test_writer.py"),
    ),
    Variant(
        "acknowledged before it is durable",
        "storage/ingest/writer.py",
        "                in_doubt = True\n                con.commit()\n",
        "                in_doubt = True\n                con.rollback()\n",
        ("tests/storage/ingest/test_writer.py",),
    ),
    Variant(
        "ledger: two reserve the same money at once",
        "storage/spend/ledger.py",
        "SELECT (SELECT coalesce(max(seq), 0) + 1 FROM llm_calls) AS seq",
        "SELECT (SELECT coalesce(max(seq), 0) + 1 + CAST(random() * 1e15 AS BIGINT) FROM llm_calls) AS seq",
        LEDGER,
    ),
    Variant(
        "ledger: a call's own worst case is forgotten",
        "storage/spend/ledger.py",
        "OR NOT EXISTS (SELECT 1 FROM used WHERE used_usd + CAST($held AS DECIMAL(18, 12)) > limit_usd)",
        "OR NOT EXISTS (SELECT 1 FROM used WHERE used_usd > limit_usd)",
        LEDGER,
    ),
    Variant(
        "ledger: what is held does not count",
        "storage/spend/ledger.py",
        "coalesce(sum(coalesce(c.cost_usd, c.held_usd)), 0) AS used_usd",
        "coalesce(sum(coalesce(c.cost_usd, 0)), 0) AS used_usd",
        LEDGER,
    ),
    Variant(
        "ledger: a hold that expires is free",
        "storage/spend/ledger.py",
        "SET state = 'expired', settled_at = $now, cost_usd = held_usd",
        "SET state = 'expired', settled_at = $now, cost_usd = 0",
        LEDGER,
    ),
    Variant(
        "ledger: the last outcome counts, not the first",
        "storage/spend/ledger.py",
        "WHERE seq = $seq AND state <> 'settled'\n",
        "WHERE seq = $seq\n",
        LEDGER,
    ),
    Variant(
        "ledger: an outcome later than the hold is lost",
        "storage/spend/ledger.py",
        "WHERE seq = $seq AND state <> 'settled'\n",
        "WHERE seq = $seq AND state = 'open'\n",
        LEDGER,
    ),
    Variant(
        "ledger: a budget nobody understands is ignored",
        "storage/spend/ledger.py",
        "          AND NOT EXISTS (SELECT 1 FROM caps WHERE {_UNKNOWN}))\n",
        "          )\n",
        LEDGER,
    ),
    Variant(
        "ledger: another model's answer at the price of the one asked for",
        "storage/spend/ledger.py",
        "    if served and not same_model(plan.model, served):\n",
        "    if False:\n",
        LEDGER,
    ),
    Variant(
        "prices: cached tokens at the full price",
        "storage/spend/tariff.py",
        "cached * (self.input if self.cached is None else self.cached)",
        "cached * self.input",
        ("tests/storage/spend/test_tariff.py",),
    ),
    Variant(
        "a window opens with the question, not with the answer",
        "storage/scores/labels.py",
        "greatest(ts, coalesce(ts_arrival, ts)) AS ts_start",
        "ts AS ts_start",
        ("tests/storage/scores/test_labels.py",),
    ),
    Variant(
        "failed calls are free",
        "storage/scores/reading.py",
        "calls.cost_usd[:] += lost[who]",
        "calls.cost_usd[:] += 0 * lost[who]",
        ("tests/flows/scores/test_report.py",),
    ),
    Variant(
        "a challenger is shown as a signal",
        "storage/schema/views.py",
        "kind NOT IN ('rescore', 'challenger')",
        "kind NOT IN ('rescore')",
        ("tests/flows/signals/test_analysis.py",),
    ),
    Variant(
        "SQL sees no gap after a diff that names another before it",
        "storage/queries/chain.py",
        "ELSE prev_id <> before_id END",
        "ELSE prev_id > before_id END",
        ("tests/storage/queries/test_chain.py",),
    ),
    Variant(
        "a book is not followed over a large step of our clock",
        "storage/queries/rebuild.py",
        "params |= whole",
        "params |= near",
        ("tests/storage/queries/test_rebuild.py",),
    ),
    Variant(
        "an exported interval ends at the newest id, though one before it is not in the window",
        "storage/exports/covered.py",
        "AND ts_recv >= $until\n",
        "AND ts_recv >= $until AND false\n",
        ("tests/storage/exports/test_exports.py",),
    ),
    Variant(
        "imported days join though the day between them is missing",
        "storage/exports/importing.py",
        "coalesce(max(last_id), $after_id) = $first_id AND NOT",
        "NOT",
        ("tests/storage/exports/test_exports.py",),
    ),
)
