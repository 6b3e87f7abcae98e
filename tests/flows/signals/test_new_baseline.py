"""A baseline that is registered at run time appears in every list, with no other change."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from leadline.book.analytics.baselines import BASELINES, Baseline, Call, register
from leadline.flows.commands.run import demo
from leadline.flows.config.settings import Settings
from leadline.flows.prefect_ui.page_queries import signals_page
from leadline.flows.score import markdown
from leadline.flows.scores.report import look, score_signals_of
from leadline.storage.access.connect import connect
from leadline.storage.queries import everyday as queries
from leadline.storage.signals import report
from tests.flows.commands import leadline
from tests.flows.signals.test_analysis import Bench, bench, live
from tests.storage.scores.market import VENUE, Synthetic
from tests.storage.signals.market import NOON, SYMBOL
from tests.tasks.llm.scripted import says

__all__ = ["bench"]

NAME, TITLE, LINEAGE = "contrarian", "Contrarian", "baseline/contrarian"
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def new_rule() -> Iterator[Baseline]:
    """A rule that nobody else has."""
    yield register(Baseline(NAME, TITLE, lambda shown: Call("bearish", f"mid {shown.get('mid'):.1f}")))
    del BASELINES[NAME]


@pytest.fixture
async def asked(bench: Bench, new_rule: Baseline) -> Bench:
    """A store in which a model and all baselines have spoken."""
    bench.market(live)
    await bench.analyse(says())
    return bench


async def test_it_speaks_at_the_instant_of_the_model(asked: Bench) -> None:
    (row,) = asked.rows(f"SELECT * FROM signals WHERE lineage = '{LINEAGE}'")
    (model,) = asked.rows()
    assert (row["ts"], row["outcome"], row["direction"]) == (model["ts"], "ok", "bearish")
    assert row["reasoning"].startswith("mid 100.5; right 0 of 0 times before")


async def test_signals_reports_dash_and_pages_show_it(
    asked: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    day_before = (NOON - 24 * HOUR).isoformat()
    said = leadline(capsys, "signals", "--db", asked.db, "--since", day_before)
    (head, _, row) = [line.split() for line in said.out.splitlines()[:3]]
    assert row[head.index(NAME) + 1] == "bearish"  # a moment is two words
    found = json.loads(leadline(capsys, "signals", "--db", asked.db, "--since", day_before, "--json").out)
    assert found["latest"][0][NAME] == "bearish"

    page, hours = tmp_path / "page.html", abs(dt.datetime.now(dt.UTC) - NOON) // HOUR + 24
    assert leadline(capsys, "report", "--db", asked.db, "--out", page, "--hours", hours).code == 0
    text = re.sub(r"<[^>]+>", " ", page.read_text(encoding="utf-8"))
    assert f"OFI micro-price persistence {TITLE} ms" in " ".join(text.split())

    with connect(asked.db) as con:
        assert f"| {LINEAGE} |" in signals_page(con, now=NOON).markdown
        shown = demo._latest(queries.latest_signals(con, [SYMBOL]))
        assert LINEAGE in {row[demo.SHOWN.index("model")] for row in shown}


def test_scores_and_comparisons_hold_it(tmp_path: Path, new_rule: Baseline) -> None:
    with connect(tmp_path / "x.duckdb", write=True) as con:
        market = Synthetic(con).prices().covered()
        market.signals("llm", knows=0.5)
        market.ofi()
        market.ofi(name=new_rule.name)
        score_signals_of(con, Settings(venue=VENUE, taker_fee_bps=0.0), NOON + HOUR)
        con.execute("SELECT DISTINCT other_lineage FROM signal_pairs")
        assert (LINEAGE,) in con.fetchall()
        found = look(con)
        assert f"| {LINEAGE} |" in markdown(found)
        # The headline stays with the one that models are held against.
        assert len([row for row in found.headline.dicts() if row["is_headline"]]) == 1


def test_no_baseline_has_the_name_of_a_column_of_the_report(tmp_path: Path) -> None:
    with connect(tmp_path / "x.duckdb", write=True) as con:
        columns = report.latest(con, since=NOON).columns
    assert len(columns) == len(set(columns))
    assert set(BASELINES) <= set(columns)
