"""Signals with lineage, trigger, reason and arrival; a failure cannot be neutral; texts of their own."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "003"
down_revision = "002"

TEXT, INT, BIG, REAL, FLAG, WHEN = sa.String, sa.Integer, sa.BigInteger, sa.Double, sa.Boolean, sa.DateTime
USD = sa.Numeric(18, 12)

# Nothing of ours wrote signals before; rows that others put there go to a temporary table and back.
KEPT_SIGNALS = """
INSERT INTO signals BY NAME
WITH kept AS (
    SELECT *, CASE direction WHEN 'up' THEN 'bullish' WHEN 'down' THEN 'bearish' WHEN 'flat' THEN 'neutral'
                             WHEN 'bullish' THEN 'bullish' WHEN 'bearish' THEN 'bearish'
                             WHEN 'neutral' THEN 'neutral' END AS word
    FROM kept_signals
)
SELECT * EXCLUDE (direction, outcome, word), 'llm' AS kind, 'manual' AS "trigger",
       provider || '/' || coalesce(model_served, model_requested) AS lineage, false AS is_switched,
       CASE WHEN outcome = 'ok' AND word IS NULL THEN 'invalid' ELSE outcome END AS outcome,
       CASE WHEN outcome = 'ok' THEN word END AS direction
FROM kept
"""


def _set(name: str, kind: Any, comment: str) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, comment=comment)


def _opt(name: str, kind: Any, comment: str) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=True, comment=comment)


def upgrade() -> None:
    op.execute("CREATE TEMP TABLE kept_signals AS FROM signals")
    op.execute("DROP TABLE signals")
    _signals()
    op.execute(KEPT_SIGNALS)
    op.execute("DROP TABLE kept_signals")
    op.create_table(
        "llm_texts",
        _set("signal_id", TEXT, "the signal it belongs to"),
        _set("ts", WHEN, "moment of decision, UTC"),
        _set("request_hash", TEXT, "equal model, prompt and settings, equal hash"),
        _set("messages", sa.JSON, "the conversation sent: role and content of each turn"),
        _opt("answer", TEXT, "the model's words as they came; NULL when none came"),
        _opt("capability", TEXT, "what held the answer to its form: json_schema, json_object or plain"),
        comment="what was sent to a model and what it said, while kept",
    )


def _signals() -> None:
    op.create_table(
        "signals",
        sa.Column("signal_id", TEXT, primary_key=True, autoincrement=False, comment="made by us, unique"),
        _set("ts", WHEN, "moment of decision, UTC: nothing received later was looked at"),
        _set("venue", TEXT, "for example binance-spot"),
        _set("symbol", TEXT, "as the venue writes it, upper case"),
        _opt("epoch", BIG, "µs since 1970 of the seed's receipt: an unbroken run from one seed"),
        _set("kind", TEXT, "llm, baseline, or rescore: an old question put to another model or prompt"),
        _set("trigger", TEXT, "schedule, shock, manual or rescore"),
        _set("provider", TEXT, "who serves the model; baseline for rules of ours"),
        _set("model_requested", TEXT, "as asked for; of a baseline its rule"),
        _opt("model_served", TEXT, "as the provider reported"),
        _set("lineage", TEXT, "provider/model that decided: what a score may be kept of"),
        _set("is_switched", FLAG, "another model than the one asked for answered"),
        _opt("prompt_version", TEXT, "which prompt"),
        _opt("prompt_hash", TEXT, "of the prompt's file and of the code that fills it"),
        _set("outcome", TEXT, "ok, abstained, invalid, error, or refused_… (untrusted, stale, budget …)"),
        _opt("reason", TEXT, "why there is no direction"),
        _opt("direction", TEXT, "bullish, bearish or neutral; NULL unless the outcome is ok"),
        _opt("confidence", REAL, "0 to 1; of a baseline the share of its earlier calls that came true"),
        _opt("reasoning", TEXT, "the model's words"),
        _opt("horizon_s", BIG, "how far ahead it looks, seconds"),
        _opt("ttl_s", REAL, "how long after ts it may be acted on, seconds"),
        _opt("features", sa.JSON, "figures shown, by name with units; missing says why one is null"),
        _opt("features_hash", TEXT, "equal figures, equal hash"),
        _opt("last_id", BIG, "update id the book stood at"),
        _opt("mid_at_snapshot", REAL, "mid at ts, in quote units"),
        _opt("mid_at_arrival", REAL, "mid when the answer came; NULL where the book was not LIVE then"),
        _opt("ts_arrival", WHEN, "when the answer came, UTC"),
        _opt("moved_spreads", REAL, "move of the mid until the answer came, in spreads as of ts"),
        _opt("is_overtaken", FLAG, "the mid moved too far meanwhile, or the book left LIVE"),
        _opt("latency_ms", REAL, "ask to answer, waits included, ms"),
        _opt("attempts", INT, "HTTP attempts"),
        _opt("prompt_tokens", BIG, "over all attempts, cached ones included"),
        _opt("cached_tokens", BIG, "of them billed as cached"),
        _opt("completion_tokens", BIG, "over all attempts"),
        _opt("cost_usd", USD, "over all attempts as booked in llm_calls, else held there, USD"),
        _opt("decision_key", TEXT, "what is asked once: symbol, prompt, model, time bucket; see claims"),
        _opt("rescore_of", TEXT, "signal_id of the signal whose question this is"),
        sa.CheckConstraint("(outcome = 'ok') = (direction IS NOT NULL)"),
        sa.CheckConstraint("direction IS NULL OR direction IN ('bullish', 'bearish', 'neutral')"),
        comment="one row per decision, whatever came of it",
    )
