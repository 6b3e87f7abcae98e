"""
What each view, its columns and each macro hold, stored in the database beside them.

A column that is not named here means what the column of that name means in the table the view is ``of``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from leadline.storage.quoting import identifier, quoted

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True, slots=True)
class ViewComment:
    """``text`` is about the view, ``columns`` about those that no table in ``of`` explains."""

    text: str
    of: tuple[str, ...] = ()
    columns: dict[str, str] = field(default_factory=dict)


_SUMS = {
    "model": "model that answered, else the model asked for",
    "calls": "HTTP attempts",
    "failed": "attempts that ended in an error",
    "under_way": "attempts whose outcome is not known yet",
    "without_price": "attempts that ended without a known cost; their hold counts as spent",
    "prompt_tokens": "tokens sent, cached ones included",
    "cost_usd": "what counts as spent: the cost, or the hold where no cost is known, USD",
    "held_usd": "most that attempts under way could still cost, USD",
    "hour": "start of the hour, UTC",
    "day": "day, UTC",
}

VIEW_COMMENTS = {
    "coverage_holes": ViewComment(
        "holes between the trusted intervals of a market, in the order of its ids, and the open one",
        ("coverage",),
        {
            "ts_from": "end of the interval before, our clock, UTC",
            "ts_to": "begin of the interval after, our clock, UTC; NULL while there is none",
            "seconds": "length; of an open hole until now; by the monotonic clock where ours was set back",
            "cause": "why the interval before ended, as in coverage.ended_by",
            "first_missing_id": "update id after the last one that is covered",
            "next_id": "first update id of the interval after; NULL while there is none",
            "is_open": "whether no interval has followed yet",
            "may_overlap": "whether an interval may reach into it by our clock: it showed a time twice",
        },
    ),
    "trade_holes": ViewComment(
        "trades that are missing: stretches between two runs of trades of a market",
        ("trade_coverage",),
        {
            "ts_from": "receipt of the last trade before, our clock, UTC",
            "ts_to": "receipt of the first trade after, our clock, UTC",
            "seconds": "length",
            "first_missing_id": "trade id after the last one before",
            "next_id": "trade id of the first one after",
            "missing": "how many trades are missing",
        },
    ),
    "depth_levels": ViewComment(
        "one row per changed level of each diff",
        ("depth_diffs",),
        {
            "side": "bid or ask",
            "price": "price of the level, in quote units",
            "qty": "new quantity of the level, in base units or contracts; 0 deletes it",
        },
    ),
    "latest_signals": ViewComment(
        "newest decision of each model and each baseline, per market; no challengers, no rescores",
        ("signals",),
        {
            "model": "provider/model asked for; of a baseline baseline/rule",
            "valid_until": "until when it may be acted on, UTC",
        },
    ),
    "symbol_states": ViewComment(
        "where each symbol stands now, or stood when its stream ended, and why",
        ("markets_history",),
        {
            "state": "of its book: LIVE, HALTED and so on; or what its listing says where there is none",
            "reason": "why it is not LIVE; empty when it is, unless its listing is odd",
            "since": "since when, our clock, UTC",
            "listing": "state of its listing, as in markets_history",
        },
    ),
    "uncovered_times": ViewComment(
        "when a market was not covered, by our clock: a row per hole, two where it was set back in it",
        ("coverage",),
        {
            "ts_from": "from when, our clock, UTC",
            "ts_to": "until when, our clock, UTC; NULL while the hole is open",
            "cause": "why the interval before ended",
            "has_missing_ids": "whether update ids are missing in the hole",
            "may_overlap": "as in coverage_holes",
        },
    ),
    "trusted_times": ViewComment(
        "when a market's book may be trusted, by our clock: each moment once, however often it was shown",
        ("coverage",),
        {"ts_from": "from when, our clock, UTC", "ts_to": "until when, our clock, UTC"},
    ),
    "trusted_intervals": ViewComment(
        "intervals in which a book may be trusted, empty ones left out",
        ("coverage",),
        {"seconds": "length"},
    ),
    "trust": ViewComment(
        "may the data be trusted? One row per market and minute, from its first sign of life to its last",
        ("attestations", "feed_stats", "latency"),
        {
            "minute": "start of the minute, our clock, UTC",
            "is_trusted": "whether all of it that was watched is covered and nothing contradicted the book",
            "why": "what speaks against it, in words; empty when nothing does",
            "covered_s": "seconds of the minute inside trusted intervals",
            "watched_s": "seconds of the minute between the market's first and last sign of life",
            "covered_pct": "covered_s as a share of watched_s, percent",
            "gaps": "holes in coverage that touch the minute",
            "longest_gap_s": "length of the longest of them, also outside the minute, seconds",
            "causes": "why the intervals before those holes ended",
            "checked": "checks of the best prices against book tickers: equal_id + bracketed",
            "attested_pct": "share of those checks that agreed, percent",
            "suspects": "times the book became SUSPECT",
            "refuted": "times the book was discarded because the venue contradicted it",
            "stales": "times the book's stream fell silent",
            "to_book_p50_us": "of the venue's buckets: from receipt until the book had it, µs, median",
            "to_book_p99_us": "of the venue's buckets: the same, µs, worst p99",
            "to_durable_p99_us": "of the venue's buckets: until its row was committed, µs, worst p99",
        },
    ),
    "reservations": ViewComment(
        "one row per attempt: the money held for it and what became of it",
        ("llm_calls",),
        {
            "reservation_id": "call_id of the attempt",
            "model": "model asked for",
            "state": "held, settled or expired",
            "settled_usd": "what counts as spent, USD; NULL while held",
        },
    ),
    "spend_by_hour": ViewComment("what calls to models cost, by hour", ("llm_calls",), _SUMS),
    "spend_by_model": ViewComment(
        "what calls to models cost, by model",
        ("llm_calls",),
        _SUMS | {"latency_p50_ms": "from request to answer, ms, median"},
    ),
    "spend_hourly": ViewComment("what calls cost by hour, model, flow and symbol", ("llm_calls",), _SUMS),
    "spend_daily": ViewComment("what calls cost by day, model, flow and symbol", ("llm_calls",), _SUMS),
    "cost_drift": ViewComment(
        "our costs against those the provider reported, by day and model, where both are known",
        ("llm_calls",),
        _SUMS
        | {
            "ours_usd": "cost by our prices, USD",
            "theirs_usd": "cost as the provider reported it, USD",
            "drift_usd": "theirs minus ours, USD",
            "drift_pct": "drift as a share of ours, percent",
        },
    ),
    "scores": ViewComment("the newest scores of each venue", ("signal_scores",)),
    "llm_minus_ofi": ViewComment(
        "each model's edge minus that of order-flow imbalance at the same instants, as scored last",
        ("signal_pairs",),
        {"is_headline": "whether it is the one comparison the headline is about"},
    ),
    "challengers": ViewComment(
        "challengers against the models they were asked beside, as scored last",
        ("signal_pairs",),
        {
            "champion": "provider/model it was asked beside",
            "champion_prompt": "version of that one's prompt and its hash",
        },
    ),
    "reliability": ViewComment(
        "does stated confidence come true? One row per bin of confidence, 0.1 wide, as scored last",
        ("signal_scores",),
        {
            "confidence_from": "lower end of the bin, 0 to 1",
            "confidence": "mean stated confidence of the bin's calls, 0 to 1",
            "came_true": "share of the bin's calls that came true, 0 to 1",
            "n": "calls in the bin",
        },
    ),
    "labelled_signals": ViewComment(
        "each decision with what followed it, one row per horizon",
        ("signals", "labels"),
        {
            "horizon_s": "length of the window after the decision, seconds",
            "half_spreads_bps": "half-spreads as the window opens and closes, together, basis points",
            "gross_bps": "direction times return, before costs, basis points; 0 for neutral",
        },
    ),
}

MACRO_COMMENTS = {
    "trusted": "trusted(venue, symbol, moment): may the book of a market be trusted then (UTC)? "
    "With 'trades' as a fourth argument: is no trade missing then?"
}

_COLUMNS = """
SELECT table_name, column_name, comment FROM duckdb_columns()
WHERE database_name = current_database() AND NOT internal
"""


def comment_views(con: duckdb.DuckDBPyConnection) -> None:
    """Store the comments; a view or column without one is an error of this module, a `KeyError`."""
    for macro, text in MACRO_COMMENTS.items():
        con.execute(f"COMMENT ON MACRO {macro} IS {quoted(text)}")
    known: dict[str, dict[str, str]] = {}
    for table, column, comment in con.execute(_COLUMNS).fetchall():
        known.setdefault(table, {})[column] = comment
    for view, about in VIEW_COMMENTS.items():
        said = {column: text for table in reversed(about.of) for column, text in known[table].items()}
        said |= about.columns
        con.execute(f"COMMENT ON VIEW {view} IS {quoted(about.text)}")
        for column in known[view]:
            con.execute(f"COMMENT ON COLUMN {view}.{identifier(column)} IS {quoted(said[column])}")
