"""Views of scores for people; each is a whole statement, made anew after a migration."""

from __future__ import annotations

from leadline.book.analytics.baselines import OFI

# Of each venue and day one set is kept; this is the newest.
_NEWEST = "ts = (SELECT max(ts) FROM {table} n WHERE n.venue = s.venue)"

# What each model, prompt and rule was worth, as scored last; * is all symbols, all regimes.
SCORES = f"""
CREATE OR REPLACE VIEW scores AS
SELECT * FROM signal_scores s WHERE {_NEWEST.format(table="signal_scores")}
ORDER BY venue, horizon_s, symbol <> '*', symbol, regime <> '*', regime, kind DESC, lineage, prompt
"""  # noqa: S608  constants of this module

# The headline: at the same instants, the model's edge minus that of order-flow imbalance, net of all costs.
LLM_MINUS_OFI = f"""
CREATE OR REPLACE VIEW llm_minus_ofi AS
SELECT venue, kind, lineage, prompt, horizon_s, family = 'headline' AS is_headline, since, pairs,
       net_bps, net_low_bps, net_high_bps, gross_bps, gross_low_bps, gross_high_bps, p_adjusted,
       detectable_bps, verdict, fee_bps, notional_usd, ts
FROM signal_pairs s
WHERE other_lineage = '{OFI.lineage}' AND {_NEWEST.format(table="signal_pairs")}
ORDER BY venue, is_headline DESC, kind DESC, lineage, prompt, horizon_s
"""  # noqa: S608

# Challengers against the champions they were asked beside.
CHALLENGERS = f"""
CREATE OR REPLACE VIEW challengers AS
SELECT venue, lineage, prompt, other_lineage AS champion, other_prompt AS champion_prompt, horizon_s,
       since, pairs, net_bps, net_low_bps, net_high_bps, p_adjusted, detectable_bps, verdict, ts
FROM signal_pairs s
WHERE kind = 'challenger' AND other_kind = 'llm' AND {_NEWEST.format(table="signal_pairs")}
ORDER BY venue, lineage, prompt, champion, champion_prompt, horizon_s
"""  # noqa: S608

# Calibrated confidence comes true as often as it says: one row a bin of 0.1.
RELIABILITY = """
CREATE OR REPLACE VIEW reliability AS
SELECT venue, kind, lineage, prompt, symbol, horizon_s, unnest(bin_low) AS confidence_from,
       unnest(bin_confidence) AS confidence, unnest(bin_came_true) AS came_true,
       CAST(unnest(bin_n) AS BIGINT) AS n
FROM scores WHERE regime = '*'
"""

# Each decision with what followed it, by horizon.
LABELLED_SIGNALS = """
CREATE OR REPLACE VIEW labelled_signals AS
SELECT s.signal_id, s.ts, s.venue, s.symbol, s.kind, s.lineage, s.prompt_version, s.direction, s.confidence,
       l.ts_start, l.horizon_s, l.status, l.return_bps, l.mid_start, l.mid_end,
       l.half_spread_start_bps + l.half_spread_end_bps AS half_spreads_bps,
       l.return_bps * CASE s.direction WHEN 'bullish' THEN 1 WHEN 'bearish' THEN -1 ELSE 0 END AS gross_bps,
       s.cost_usd
FROM signals s JOIN labels l
  ON l.venue = s.venue AND l.symbol = s.symbol AND l.ts_start = greatest(s.ts, coalesce(s.ts_arrival, s.ts))
WHERE s.outcome = 'ok' AND s.kind <> 'rescore'
"""

SCORE_VIEWS = {
    "scores": SCORES,
    "llm_minus_ofi": LLM_MINUS_OFI,
    "challengers": CHALLENGERS,
    "reliability": RELIABILITY,
    "labelled_signals": LABELLED_SIGNALS,
}
