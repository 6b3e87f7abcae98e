"""Old questions as rows: which are found, whose answers serve again, what counts as done."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from leadline.storage.access.connect import Connection, connect
from leadline.storage.signals import rescore, rows
from leadline.storage.signals.rows import Text
from tests.storage.signals.market import NOON
from tests.storage.signals.test_rows import decision

MINUTE = dt.timedelta(minutes=1)
PUT = {"horizon_s": 300, "features": {"spread_bps": 1.5, "missing": {}}, "prompt_version": "p-1"}


@pytest.fixture
def con(db: Path) -> Iterator[Connection]:
    with connect(db, write=True) as made:
        yield made


def asked(con: Connection, signal_id: str, *, request: str = "h", **rest: Any) -> None:
    """Store a question and the texts of it."""
    filled = {**PUT, "prompt_hash": "d", "outcome": "ok", "direction": "bullish", **rest}
    one = decision(signal_id, **filled)
    turns = [{"role": "user", "content": f"about {one.symbol}"}]
    text = Text(
        signal_id=signal_id, ts=one.ts, request_hash=request, messages=turns, answer="yes", capability=None
    )
    rows.put_texts(con, [text])
    rows.put(con, [one])


def again(con: Connection, signal_id: str, of: str, outcome: str, **rest: Any) -> None:
    given = {"kind": "rescore", "rescore_of": of, "decision_key": f"k-{of}", "outcome": outcome, **rest}
    rows.put(con, [decision(signal_id, lineage="rescore:p/m", ts_arrival=NOON, **given)])


def found(con: Connection, **chosen: Any) -> list[str]:
    when = {"since": NOON - 10 * MINUTE, "until": NOON + MINUTE}
    return [one.signal_id for one in rescore.questions(con, **{**when, **chosen})]


def test_questions_are_chosen_by_time_symbol_and_model(con: Connection) -> None:
    asked(con, "a", ts=NOON - 3 * MINUTE)
    asked(con, "b", ts=NOON - 2 * MINUTE, symbol="ETHUSDT")
    asked(con, "c", ts=NOON - MINUTE, model_requested="m-2")
    asked(con, "shadow", ts=NOON, kind="challenger")
    asked(con, "again", kind="rescore", rescore_of="a")
    asked(con, "late", ts=NOON + MINUTE)
    rows.put(con, [decision("no-text", **PUT, prompt_hash="d"), decision("rule", kind="baseline")])
    assert found(con) == ["a", "b", "c", "shadow"]
    assert found(con, most=2) == ["c", "shadow"]
    assert found(con, symbol="ETHUSDT") == ["b"]
    assert found(con, asked="p/m-2") == ["c"]
    assert found(con, since=NOON - 2 * MINUTE, until=NOON) == ["b", "c"]
    (one,) = rescore.questions(con, since=NOON, until=NOON + MINUTE)
    assert (one.features, one.messages) == (PUT["features"], (("user", "about BTCUSDT"),))


def test_an_answer_serves_again_if_it_is_the_models_own(con: Connection) -> None:
    asked(con, "a", request="own", confidence=0.7)
    asked(con, "b", request="other", is_switched=True)
    asked(con, "c", request="unread", outcome="invalid", direction=None)
    asked(con, "d", request="abstained", outcome="abstained", direction=None, reason="too few")
    known = rescore.answers(con, ["own", "other", "unread", "abstained", "never"])
    assert set(known) == {"own", "abstained"}
    assert (known["own"].direction, known["own"].confidence, known["own"].text) == ("bullish", 0.7, "yes")
    assert rescore.answers(con, []) == {}


def test_a_failure_is_not_done_and_an_answer_outweighs_it(con: Connection) -> None:
    for one in ("a", "b"):
        asked(con, one)
        again(con, f"{one}-1", one, "error", attempts=2)
    again(con, "a-2", "a", "ok", direction="bearish", attempts=1, latency_ms=10.0)
    keys = ["k-a", "k-b", "k-c"]
    assert rescore.done(con, keys) == {"k-a"}
    was, now = rescore.sides(con, keys).dicts()
    assert (was["side"], was["bullish"], now["side"], now["signals"]) == ("was", 2, "again", 2)
    assert (now["bearish"], now["valid_pct"], now["latency_p50_ms"]) == (1, 50.0, 10.0)
    told = [(row["was"], row["again"], row["both_have_one"]) for row in rescore.moves(con, keys).dicts()]
    assert told == [("bullish", "bearish", True), ("bullish", "error", False)]
