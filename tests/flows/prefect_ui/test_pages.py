"""Pages as text: bounded, safe in a table, the troubled first."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal

from hypothesis import given

from leadline.book.sync.events import State
from leadline.flows.prefect_ui import pages
from leadline.flows.streaming.host import HostStatus
from leadline.storage.ingest.writer import WriterStatus
from leadline.storage.queries.health import BookHealth, Ladder, Latency
from tests.flows.prefect_ui.test_changes import book, feed
from tests.flows.render.test_markdown import PARSER, TEXTS, nodes

NOW = dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.UTC)


def writer() -> WriterStatus:
    return WriterStatus("running", 1, 12, 0, 0, 0, 0, 0.0, "disk | full\nmind <b>")


def test_health_shows_the_troubled_first_and_stays_small() -> None:
    books = [book(f"S{n}") for n in range(299)] + [book("BAD", State.STALE, gaps=2)]
    status = HostStatus(3_725.0, feed(*books), writer(), {}, None)
    health = {"BAD": BookHealth(60, None, 0.1, 2.0, 30.0, gaps_today=4, losses_today=1)}
    latency = Latency([1.0, 2.0], [0.5, None], [20.0, 30.0])
    page = pages.health(status, health, latency, {"BAD": 64.0}, venue="v", now=NOW)
    said = "299 of 300 books of v live, 4 gaps today, up 1:02:05, as of 2026-03-04 05:06:07 UTC"
    assert page.description == said
    rows = [line for line in page.markdown.splitlines() if line.startswith("| ")]
    assert rows[2].startswith("| BAD | ○\u00a0STALE | 64 | 4 | 1 | 1.0 | 0.10 | 2.00 | 30 | ")
    assert rows[2].endswith("gap: expected 5, got 7 |")
    assert rows[3].startswith("| S0 | ●\u00a0LIVE | never |")
    assert len(rows) == pages.ROWS + 2
    assert "… and 240 more" in page.markdown
    assert "disk \\| full mind \\<b\\>" in page.markdown
    assert "*as of 2026-03-04 05:06:07 UTC*" in page.markdown


def test_health_shows_the_clock_and_each_leg() -> None:
    status = HostStatus(
        1.0, replace(feed(), clock_offset_us=-1270.4, clock_error_us=600.0), writer(), {}, None
    )
    leg = {
        "line": "v", "leg": "A", "in_use": True, "frames": 10, "firsts": 6, "holes_day": 1,
        "lost_ids_day": 27, "ends_day": 1, "lead_p50_ms": 0.5, "lead_p99_ms": 4.25,
    }  # fmt: skip
    other = {**leg, "leg": "B", "in_use": False, "frames": None, "lead_p50_ms": None}
    page = pages.health(status, {}, Latency([], [], []), {}, venue="v", now=NOW, legs=[leg, other])
    assert "clock minus ours: -1.3 ± 0.6 ms" in page.markdown
    assert "| v A | in use | 10 | 6 | 1 | 27 | 1 | 0.5 / 4.2 ms |" in page.markdown
    assert "| v B | beside | 0 | 6 | 1 | 27 | 1 | not measured |" in page.markdown


def test_depth_shows_mids_balance_and_reasons() -> None:
    sample = {
        "symbol": "A", "mids": [1.0, None, 2.0], "ts": NOW, "mid": 0.1, "spread_bps": 1.234,
        "imbalance": -1.0, "trusted": True, "reason": "", "depth_bps": [5.0, 10.0, 25.0],
        "bid_depth": [1.0, 2.0, 3.0], "ask_depth": [4.0, 5.0, 6.0],
    }  # fmt: skip
    blind = {
        **sample, "symbol": "B", "mid": None, "imbalance": None, "spread_bps": None, "trusted": False,
        "reason": "gap", "depth_bps": [], "mids": [None],
    }  # fmt: skip
    ladders = {"A": Ladder([(1.0, 2.0)], [(1.1, 3.0)])}
    page = pages.depth([sample, blind], ladders, venue="v", now=NOW)
    assert page.description == "1 of 2 books of v trusted in the last sample"
    assert "| A | 0.1 | ▁·█ | 1.23 | ····│████ | 2.000 | 5.000 | 10\u00a0bps | yes |" in page.markdown
    assert "| B |  | · |  |  |  |  |  | no: gap |" in page.markdown
    assert page.markdown.count("data:image/svg+xml") == 1


def test_many_mids_are_thinned_and_the_newest_stays() -> None:
    assert pages._thinned([float(n) for n in range(100)])[-1] == 99.0
    assert len(pages._thinned([1.0] * 1000)) <= 30


def test_signals_show_what_was_decided() -> None:
    row = {
        "ts": NOW, "symbol": "A", "outcome": "ok", "direction": "bullish", "confidence": 0.8,
        "reasoning": "bids | lean\n" + "x" * 500, "model_served": "m", "latency_ms": 12.6,
        "cost_usd": Decimal("0.000120000000"),
    }  # fmt: skip
    page = pages.signals([row], {"ok": 3, "abstained": 1}, now=NOW)
    assert page.description == "decisions in 24 hours: 3 ok, 1 abstained"
    assert "| bullish | ████░\u00a00.80 | m | 13 | 0.00012 | bids \\| lean x" in page.markdown
    assert len(page.markdown) < 1_000
    assert pages.signals([], {}, now=NOW).description == "decisions in 24 hours: none"


def pages_with(text: str) -> list[str]:
    """Return pages where a venue and a model say ``text`` wherever they can."""
    status = HostStatus(
        1.0,
        replace(feed(replace(book(text, State.STALE), why=text)), last_error=text),
        replace(writer(), last_error=text),
        {},
        None,
    )
    sample = {
        "symbol": text, "mids": [1.0], "ts": NOW, "mid": 0.1, "spread_bps": 1.0, "imbalance": 0.0,
        "trusted": False, "reason": text, "depth_bps": [], "bid_depth": [], "ask_depth": [],
    }  # fmt: skip
    row = {
        "ts": NOW, "symbol": text, "outcome": text, "direction": text, "confidence": 0.8,
        "reasoning": text, "model_served": text, "latency_ms": 1.0, "cost_usd": None,
    }  # fmt: skip
    return [
        pages.health(status, {}, Latency([], [], []), {}, venue=text, now=NOW).markdown,
        pages.depth([sample], {text: Ladder([(1.0, 2.0)], [(1.1, 3.0)])}, venue=text, now=NOW).markdown,
        pages.signals([row], {text: 1}, now=NOW).markdown,
    ]


@given(TEXTS)
def test_no_text_adds_a_link_an_image_or_html(text: str) -> None:
    ours = [nodes(PARSER.parse(page)) for page in pages_with("a")]
    assert [nodes(PARSER.parse(page)) for page in pages_with(f"a{text}")] == ours
