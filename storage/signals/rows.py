"""
Decisions as rows of ``signals``, and the texts behind them; written once, each batch in one statement.

The cost of a decision is read from the ledger in the statement that writes it, so both tables say the
same. A statement that is killed halfway leaves nothing: there is no transaction to be left open.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, TypeAlias

from leadline.storage.access.sql import Answer, Runs, run_sql, utc_naive
from leadline.storage.spend.conflicts import retried

Kind: TypeAlias = Literal["llm", "challenger", "baseline", "rescore"]
Trigger: TypeAlias = Literal["schedule", "shock", "manual", "rescore"]
Json: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One row of ``signals``; the comments of its columns say what each field means."""

    signal_id: str
    ts: dt.datetime
    venue: str
    symbol: str
    kind: Kind
    trigger: Trigger
    provider: str
    model_requested: str
    outcome: str
    lineage: str
    is_switched: bool = False
    epoch: int | None = None
    model_served: str | None = None
    prompt_version: str | None = None
    prompt_hash: str | None = None
    reason: str | None = None
    direction: str | None = None
    confidence: float | None = None
    reasoning: str | None = None
    horizon_s: int | None = None
    ttl_s: float | None = None
    features: Json | None = None
    features_hash: str | None = None
    last_id: int | None = None
    mid_at_snapshot: float | None = None
    mid_at_arrival: float | None = None
    ts_arrival: dt.datetime | None = None
    moved_spreads: float | None = None
    is_overtaken: bool | None = None
    latency_ms: float | None = None
    attempts: int | None = None
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    completion_tokens: int | None = None
    decision_key: str | None = None
    rescore_of: str | None = None
    shock: Json | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One row of ``llm_texts``: what was sent for a signal and what came back."""

    signal_id: str
    ts: dt.datetime
    request_hash: str
    messages: Sequence[Mapping[str, str]]
    answer: str | None
    capability: str | None


_TYPES = {
    "str": "VARCHAR",
    "int": "BIGINT",
    "float": "DOUBLE",
    "bool": "BOOLEAN",
    "dt.datetime": "TIMESTAMP",
    "Json": "JSON",
    "Kind": "VARCHAR",
    "Trigger": "VARCHAR",
    "Sequence[Mapping[str, str]]": "JSON",
}


def _shape(kind: type[Any]) -> str:
    """Return what ``from_json`` wants to know of the rows of a dataclass."""
    columns = {field.name: _TYPES[str(field.type).removesuffix(" | None")] for field in fields(kind)}
    return json.dumps([columns])


_PUT_SIGNALS = f"""
INSERT INTO signals BY NAME
WITH given AS (SELECT unnest(from_json(CAST($rows AS JSON), '{_shape(Decision)}'), recursive := true)),
booked AS (
    SELECT signal_id, sum(coalesce(cost_usd, held_usd)) AS cost_usd FROM llm_calls
    WHERE signal_id IN (SELECT signal_id FROM given) GROUP BY ALL
)
SELECT given.*, CAST(coalesce(booked.cost_usd, 0) AS DECIMAL(18, 12)) AS cost_usd
FROM given LEFT JOIN booked USING (signal_id)
WHERE signal_id NOT IN (SELECT signal_id FROM signals)
"""  # noqa: S608  constants of this module

_PUT_TEXTS = f"""
INSERT INTO llm_texts BY NAME
WITH given AS (SELECT unnest(from_json(CAST($rows AS JSON), '{_shape(Text)}'), recursive := true))
FROM given WHERE signal_id NOT IN (SELECT signal_id FROM llm_texts WHERE ts >= (SELECT min(ts) FROM given))
"""  # noqa: S608

_ARRIVAL = """
SELECT (SELECT (bid_px + ask_px) / 2 FROM book_tickers
        WHERE venue = $venue AND symbol = $symbol AND ts_recv >= c.ts_from AND ts_recv <= $at
          AND ts_recv >= CAST($at AS TIMESTAMP) - INTERVAL 10 MINUTE
        ORDER BY update_id DESC, recv_ns DESC LIMIT 1) AS mid
FROM coverage c
WHERE venue = $venue AND symbol = $symbol AND epoch = $epoch AND ts_from <= $since
  AND (ended_by IS NULL OR ts_to >= $at)
"""

# Of a rule's earlier calls on a market those whose horizon has passed; the truth is the mid of the first
# decision at or after it, not later than half a horizon.
_RECORD = """
WITH calls AS (
    SELECT venue, symbol, model_requested AS rule, ts, direction, mid_at_snapshot AS mid,
           ts + to_seconds(horizon_s) AS due, to_seconds(horizon_s / 2) AS slack
    FROM signals
    WHERE kind = 'baseline' AND outcome = 'ok' AND direction <> 'neutral' AND venue = $venue
      AND ts >= CAST($at AS TIMESTAMP) - INTERVAL 1 DAY AND ts <= $at
), mids AS (
    SELECT DISTINCT venue, symbol, ts, mid_at_snapshot AS later FROM signals
    WHERE kind = 'baseline' AND mid_at_snapshot IS NOT NULL AND venue = $venue
      AND ts >= CAST($at AS TIMESTAMP) - INTERVAL 1 DAY AND ts <= $at
), judged AS (
    SELECT c.symbol, c.rule, c.direction, c.mid, m.later
    FROM calls c ASOF JOIN mids m ON c.venue = m.venue AND c.symbol = m.symbol AND c.due <= m.ts
    WHERE m.ts <= c.due + c.slack
)
SELECT symbol, rule, count(*) FILTER (WHERE (later > mid) = (direction = 'bullish')) AS right_ones,
       count(*) AS n
FROM judged WHERE later <> mid GROUP BY ALL
"""

_SINCE = """
SELECT * FROM signals
WHERE ts >= $since AND symbol = coalesce($symbol, symbol) ORDER BY ts, symbol, kind, model_requested
"""


def put(con: Runs, decisions: Iterable[Decision]) -> None:
    """Write decisions, all or none; one that is there already is left as it is."""
    rows = [_plain(one) for one in decisions]
    if rows:
        retried(lambda: con.execute(_PUT_SIGNALS, {"rows": json.dumps(rows, ensure_ascii=False)}))


def put_texts(con: Runs, texts: Iterable[Text]) -> None:
    """Write the texts behind decisions."""
    rows = [_plain(one) for one in texts]
    if rows:
        retried(lambda: con.execute(_PUT_TEXTS, {"rows": json.dumps(rows, ensure_ascii=False)}))


def mid_at_arrival(
    con: Runs, venue: str, symbol: str, *, epoch: int, since: dt.datetime, at: dt.datetime
) -> float | None:
    """Return the mid at ``at`` of a book that has been LIVE without a break from ``since``, else None."""
    where = {"venue": venue, "symbol": symbol, "epoch": epoch}
    row = con.execute(_ARRIVAL, {**where, "since": utc_naive(since), "at": utc_naive(at)}).fetchone()
    return None if row is None or row[0] is None else float(row[0])


@dataclass(frozen=True, slots=True)
class Record:
    """How often a rule was right on a market, of ``n`` calls after which the mid had moved."""

    right: int = 0
    n: int = 0

    @property
    def confidence(self) -> float:
        """Return the share that came true, with one hit and one miss added: 0.5 without a record."""
        return (self.right + 1) / (self.n + 2)


def records(con: Runs, venue: str, *, at: dt.datetime) -> dict[tuple[str, str], Record]:
    """Return the record of each (symbol, rule) over the day before ``at``, from the rows themselves."""
    rows = con.execute(_RECORD, {"venue": venue, "at": utc_naive(at)}).fetchall()
    return {(symbol, rule): Record(int(right), int(n)) for symbol, rule, right, n in rows}


def since(con: Runs, moment: dt.datetime, *, symbol: str | None = None) -> Answer:
    """List all columns of the decisions from ``moment`` on, oldest first."""
    return run_sql(con, _SINCE, {"since": utc_naive(moment), "symbol": symbol})


def _plain(row: Decision | Text) -> dict[str, Any]:
    return {name: _value(value) for name, value in asdict(row).items()}


def _value(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return utc_naive(value).isoformat(sep=" ")
    return value
