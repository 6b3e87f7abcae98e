"""
Old questions for another model: what was asked, which answers are there already, and both side by side.

Nothing here looks at books: a question is what its row and its texts kept of the instant it was put.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from leadline.storage.access.sql import Answer, Runs, run_sql, utc_naive

EVERY = 2**31 - 1  # rows: no limit

_QUESTIONS = """
SELECT s.signal_id, s.ts, s.venue, s.symbol, s.epoch, s.last_id, s.mid_at_snapshot, s.horizon_s,
       s.features, s.features_hash, s.prompt_version, s.prompt_hash, t.messages
FROM signals s JOIN llm_texts t USING (signal_id)
WHERE s.kind IN ('llm', 'challenger') AND s.features IS NOT NULL AND s.horizon_s IS NOT NULL
  AND s.prompt_version IS NOT NULL AND s.prompt_hash IS NOT NULL
  AND s.ts >= CAST($since AS TIMESTAMP) AND s.ts < CAST($until AS TIMESTAMP)
  AND s.symbol = coalesce($symbol, s.symbol)
  AND s.provider || '/' || s.model_requested = coalesce($asked, s.provider || '/' || s.model_requested)
QUALIFY row_number() OVER (PARTITION BY s.signal_id ORDER BY t.ts) = 1
ORDER BY s.ts DESC, s.symbol, s.signal_id LIMIT $most
"""

# Text parameters with many values travel as one JSON array.
_GIVEN = """given AS (SELECT unnest(from_json(CAST($given AS JSON), '["VARCHAR"]')) AS one)"""

# An answer of a model that stood in is no answer of the one asked, so it serves nobody else.
_ANSWERS = f"""
WITH {_GIVEN}
SELECT t.request_hash, s.outcome, s.direction, s.confidence, s.reasoning, s.reason, s.model_served,
       t.answer AS text, t.capability
FROM llm_texts t JOIN signals s USING (signal_id)
WHERE t.request_hash IN (SELECT one FROM given) AND s.outcome IN ('ok', 'abstained')
  AND NOT s.is_switched
QUALIFY row_number() OVER (PARTITION BY t.request_hash ORDER BY s.ts, s.kind, s.signal_id) = 1
"""  # noqa: S608  constants of this module

_FINAL = "outcome IN ('ok', 'abstained', 'invalid')"

_DONE = f"""
WITH {_GIVEN}
SELECT DISTINCT decision_key FROM signals
WHERE kind = 'rescore' AND {_FINAL} AND decision_key IN (SELECT one FROM given)
"""  # noqa: S608

# A question that failed and was put again has more than one row: the one with an answer counts.
_PAIRS = f"""{_GIVEN}, again AS (
    SELECT * FROM signals
    WHERE kind = 'rescore' AND decision_key IN (SELECT one FROM given)
    QUALIFY row_number() OVER (PARTITION BY decision_key ORDER BY {_FINAL} DESC, ts_arrival DESC) = 1
), pairs AS (
    SELECT o AS was, a AS again FROM again a JOIN signals o ON o.signal_id = a.rescore_of
)"""  # noqa: S608

_SIDE = """
SELECT '{side}' AS side, {side}.lineage AS model, {side}.prompt_version AS prompt, count(*) AS signals,
       round(100 * count(*) FILTER ({side}.outcome IN ('ok', 'abstained')) / count(*), 1) AS valid_pct,
       count(*) FILTER ({side}.direction = 'bullish') AS bullish,
       count(*) FILTER ({side}.direction = 'bearish') AS bearish,
       count(*) FILTER ({side}.direction = 'neutral') AS neutral,
       count(*) FILTER ({side}.attempts = 0) AS reused,
       sum({side}.prompt_tokens)::BIGINT AS prompt_tokens,
       sum({side}.completion_tokens)::BIGINT AS completion_tokens,
       sum({side}.cost_usd) AS cost_usd, round(median({side}.latency_ms), 1) AS latency_p50_ms
FROM pairs GROUP BY ALL"""

_SIDES = f"""
WITH {_PAIRS}
{_SIDE.format(side="was")}
UNION ALL {_SIDE.format(side="again")}
ORDER BY side DESC, model, prompt
"""

_MOVES = f"""
WITH {_PAIRS}
SELECT coalesce(was.direction, was.outcome) AS was, coalesce(again.direction, again.outcome) AS again,
       count(*) AS signals, was.direction IS NOT NULL AND again.direction IS NOT NULL AS both_have_one
FROM pairs GROUP BY ALL ORDER BY was, again
"""  # noqa: S608


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question as a model was asked it, with its figures; fields as the columns of ``signals``."""

    signal_id: str
    ts: dt.datetime
    venue: str
    symbol: str
    epoch: int | None
    last_id: int | None
    mid_at_snapshot: float | None
    horizon_s: int
    features: dict[str, Any]
    features_hash: str | None
    prompt_version: str
    prompt_hash: str
    messages: tuple[tuple[str, str], ...]  # role and content


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """An answer that a request with the same hash has got before."""

    request_hash: str
    outcome: str
    direction: str | None
    confidence: float | None
    reasoning: str | None
    reason: str | None
    model_served: str | None
    text: str | None
    capability: str | None


def questions(
    con: Runs,
    *,
    since: dt.datetime,
    until: dt.datetime,
    symbol: str | None = None,
    asked: str | None = None,
    most: int | None = None,
) -> list[Question]:
    """
    Return the newest ``most`` questions from ``since`` to before ``until``, oldest first.

    ``asked`` is ``provider/model`` of the one they were put to. Those whose texts are gone are not there.
    """
    where = {
        "since": utc_naive(since), "until": utc_naive(until), "symbol": symbol, "asked": asked,
        "most": EVERY if most is None else most,
    }  # fmt: skip
    found = [_question(row) for row in run_sql(con, _QUESTIONS, where).dicts()]
    return found[::-1]


def answers(con: Runs, hashes: Collection[str]) -> dict[str, Given]:
    """Return what requests with these hashes were answered, by hash; the oldest answer of each."""
    found = [Given(**row) for row in run_sql(con, _ANSWERS, {"given": _array(hashes)}).dicts()]
    return {one.request_hash: one for one in found}


def done(con: Runs, keys: Collection[str]) -> set[str]:
    """Return those of the keys that have an answer, valid or not; one that failed has none."""
    return {key for (key,) in con.execute(_DONE, {"given": _array(keys)}).fetchall()}


def sides(con: Runs, keys: Collection[str]) -> Answer:
    """Sum up both sides: ``was``, the models first asked, and ``again``."""
    return run_sql(con, _SIDES, {"given": _array(keys)})


def moves(con: Runs, keys: Collection[str]) -> Answer:
    """Count what was said first against what is said now: a direction, or the outcome without one."""
    return run_sql(con, _MOVES, {"given": _array(keys)})


def _array(texts: Iterable[str]) -> str:
    return json.dumps(sorted(set(texts)))


def _question(row: dict[str, Any]) -> Question:
    turns = tuple((turn["role"], turn["content"]) for turn in json.loads(row.pop("messages")))
    figures = json.loads(row.pop("features"))
    return Question(**row, features=figures, messages=turns)
