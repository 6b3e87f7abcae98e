"""spend, prices and track-costs: what people, programs and the Prefect UI get to see of money."""

from __future__ import annotations

import datetime as dt
import json
import signal
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from leadline.flows.commands.setup.checks import CheckVerdict, models
from leadline.flows.config.settings import Settings
from leadline.flows.prefect_ui import page_queries as look
from leadline.storage.access.connect import connect
from leadline.storage.spend import prices
from leadline.storage.spend.calls import Usage
from leadline.storage.spend.journal import Journal
from tests.flows.commands import finish, leadline, start
from tests.storage.spend.plans import outcome, plan, price

SOON = dt.timedelta(days=10, hours=1)


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two calls of gpt-4.1 now, of which the provider says they cost more than we think."""
    monkeypatch.chdir(tmp_path)
    db = tmp_path / "leadline.duckdb"
    now = dt.datetime.now(dt.UTC)
    with Journal(db, default_usd_per_day=Decimal(1)) as journal:
        for call_id in ("a", "b"):
            one = plan(
                call_id, provider="holysheep", model="gpt-4.1", ts=now, signal_id=call_id,
                expires_at=now + dt.timedelta(seconds=30),
            )  # fmt: skip
            journal.before(one)
            used = Usage(prompt_tokens=700, completion_tokens=50, provider_cost_usd=Decimal("0.009"))
            journal.after(outcome(one, usage=used))
    return db


def ending(db: Path, when: dt.datetime) -> None:
    with connect(db, write=True) as con:
        row = price("holysheep", "gpt-4.1", input=Decimal(8), output=Decimal(8), shutdown_at=when)
        prices.load(con, [row])


def test_spend_for_people(db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = leadline(capsys, "spend")
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0] == "2 calls, 0.012 USD in 24 hours"
    assert any(line.split()[:4] == ["all", "day", "1", "0.012"] for line in lines)
    assert any(line.split()[:3] == ["holysheep", "gpt-4.1", "2"] for line in lines)
    assert any("today 0.012 USD" in line for line in lines)
    assert "! holysheep/gpt-4.1 reports 0.018 USD for 2 calls" in said.out


def test_spend_for_programs(db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(leadline(capsys, "spend", "--json").out)
    assert (told["calls"], told["cost_usd"]) == (2, "0.012")
    assert told["budgets"][0]["left_usd"] == "0.988"
    assert [worry["kind"] for worry in told["worries"]] == ["leadline.cost.drift"]


@pytest.mark.timeout(200)
def test_watching_the_spend_shows_it_again_until_ctrl_c(db: Path, tmp_path: Path) -> None:
    process = start(tmp_path, "spend", "--watch", "--json")
    assert process.stdout is not None
    first = json.loads(process.stdout.readline())
    with Journal(db, default_usd_per_day=Decimal(1)) as journal:
        now = dt.datetime.now(dt.UTC)
        one = plan(
            "c", provider="holysheep", model="gpt-4.1", ts=now, signal_id="c",
            expires_at=now + dt.timedelta(seconds=30),
        )  # fmt: skip
        journal.before(one)
        journal.after(outcome(one, usage=Usage(prompt_tokens=700, completion_tokens=50)))
    told = [first["calls"]]
    while told[-1] < 3:
        told.append(json.loads(process.stdout.readline())["calls"])
    process.send_signal(signal.SIGINT)
    finish(process)
    assert set(told) == {2, 3}  # the third call was seen without asking again


def test_budgets_from_the_command_line(db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = leadline(capsys, "spend", "--set-budget", "all", "day", "0.0125")
    assert said.err == "budget all per day: 0.0125 USD\n"
    assert "! budget all per day: 96% of 0.0125 USD spent or held" in said.out
    told = json.loads(leadline(capsys, "spend", "--json").out)
    assert "leadline.budget.spent" in {worry["kind"] for worry in told["worries"]}
    for argv, wrong in (
        (("modle:x", "day", "1"), "budget 'modle:x': expected all, provider:NAME"),
        (("model:x", "day", "1"), "budget 'model:x': expected all, provider:NAME"),
        (("all", "week", "1"), "window 'week': expected one of hour, day, month"),
        (("all", "day", "-1"), "'-1': expected USD from 0"),
        (("all", "day", "0.0000001"), "at most 6 decimals"),
    ):
        said = leadline(capsys, "spend", "--set-budget", *argv)
        assert (said.code, wrong in said.err) == (1, True), said.err
    assert leadline(capsys, "spend", "--drop-budget", "all", "day").code == 0
    assert leadline(capsys, "spend", "--drop-budget", "all", "day").code == 1


def test_the_page_of_it(db: Path) -> None:
    now = dt.datetime.now(dt.UTC)
    with connect(db) as con:
        page = look.spend_page(con, Settings(db=db, llm_budget_usd_per_day=Decimal(1)), now=now)
        tomorrow = look.spend_page(con, Settings(db=db), now=now + dt.timedelta(days=2))
    assert page.description == "2 calls, 0.012 USD in 24 hours"
    lines = page.markdown.splitlines()
    assert any(line.startswith("| all | day | 1 | 0.012 | 0 | 0.988 | 2 | ░") for line in lines)
    assert any(
        line.startswith("| holysheep | gpt-4.1 | 2 | 0 | 1400 | 0 | 100 | 0.012 |") for line in lines
    )
    assert any(line.startswith("- ⚠ holysheep/gpt-4.1 reports 0.018 USD for 2 calls") for line in lines)
    assert page.markdown.count("data:image/svg+xml") == 1
    assert "today 0.012 USD" in page.markdown
    assert tomorrow.description == "0 calls, 0 USD in 24 hours"


def test_the_book_without_a_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    said = leadline(capsys, "prices", "--json")
    found = {(row["provider"], row["model"]): row for row in json.loads(said.out)}
    assert found["holysheep", "gpt-4.1"]["input"] == "8"
    said = leadline(capsys, "prices", "--json", "--tokens", "1000", "150")
    each = {(row["provider"], row["model"]): row["usd_per_1000_calls"] for row in json.loads(said.out)}
    assert each["holysheep", "gpt-4.1"] == "9.2"
    assert (each["openai", "gpt-4.1"], each["local", "*"]) == ("3.2", "0")
    assert list(tmp_path.iterdir()) == []


def test_prices_of_ones_own(db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = db.with_name("mine.toml")
    mine.write_text(
        '[[price]]\nprovider = "openai"\nmodel = "gpt-4.1"\nvalid_from = 2020-01-01\ninput = 2\n'
        'cached = 0.4\noutput = 8\nsource = "my contract"\nchecked_at = 2026-11-01\n'
    )
    assert leadline(capsys, "prices", "load", mine).code == 0
    assert "yours" in leadline(capsys, "prices").out
    said = leadline(capsys, "prices", "load")
    assert (said.code, "load needs a file" in said.err) == (1, True)


def test_the_check_against_another_source(db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("genai_prices", reason="the extra prices is not installed")
    agreed = leadline(capsys, "prices", "check", "--json")
    assert agreed.code == 0
    assert "same" in {row["verdict"] for row in json.loads(agreed.out)}
    with connect(db, write=True) as con:
        con.execute("UPDATE prices SET output = 9 WHERE provider = 'openai' AND model = 'gpt-4.1'")
    drifted = leadline(capsys, "prices", "check")
    assert (drifted.code, "1 prices differ" in drifted.err) == (1, True)


def test_the_check_without_the_other_source(
    db: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "genai_prices.data", None)
    said = leadline(capsys, "prices", "check")
    assert (said.code, 'pip install "leadline[prices]"' in said.err) == (1, True)


def test_doctor_counts_the_days_of_a_model_in_use(db: Path) -> None:
    now = dt.datetime.now(dt.UTC)
    for when, verdict, words in (
        (now + SOON, CheckVerdict.WARN, "in 10 days"),
        (now + 10 * SOON, CheckVerdict.OK, "in 100 days"),
        (now - SOON, CheckVerdict.FAIL, "was switched off"),
    ):
        ending(db, when.replace(tzinfo=None))
        (found,) = models(Settings(db=db))
        assert (found.verdict, words in found.detail) == (verdict, True), found.detail
    assert models(Settings(db=db.with_name("none.duckdb"))) == []


def test_doctor_tells_of_the_models_that_are_named_before_they_are_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLYSHEEP_API_KEY", "canary-of-money")
    named = ("deepseek-v3.2>claude-sonnet-4.5", "gpt-4.1")
    alone = Settings(db=tmp_path / "none.duckdb", llm_models=named, llm_shutdown_warn_days=3_650)
    ends = {finding.detail.split()[0] for finding in models(alone)}
    assert ends == {"holysheep/claude-sonnet-4.5", "holysheep/gpt-4.1"}
    kept = Settings(db=tmp_path / "x.duckdb", llm_models=("gpt-4.1",))
    ending(kept.db, (dt.datetime.now(dt.UTC) + SOON).replace(tzinfo=None))
    (found,) = models(kept)
    assert (found.verdict, "in 10 days" in found.detail) == (CheckVerdict.WARN, True)
    assert "leadline rescore" in found.todo


@pytest.mark.engine
@pytest.mark.timeout(300)
async def test_track_costs_tells_each_worry_once(db: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from leadline.flows import costs

    ending(db, (dt.datetime.now(dt.UTC) + SOON).replace(tzinfo=None))
    past = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=5)
    with Journal(db, default_usd_per_day=Decimal(1)) as journal:
        journal.before(plan("orphan", provider="holysheep", model="gpt-4.1", ts=past))
    sent: list[str] = []
    monkeypatch.setattr(costs, "send", lambda warning: sent.append(warning.kind))
    for _ in range(2):
        state = await costs.track_costs(db=str(db), return_state=True)
        assert state.is_completed()
        assert state.message == "3 calls, 0.02 USD in 24 hours"
    assert sorted(sent) == ["leadline.cost.drift", "leadline.model.shutdown"]
    with connect(db) as con:
        (row,) = con.execute("SELECT state, cost_usd FROM llm_calls WHERE call_id = 'orphan'").fetchall()
    assert row == ("expired", Decimal("0.008"))
