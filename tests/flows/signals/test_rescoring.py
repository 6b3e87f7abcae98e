"""Old questions to another model or prompt: from the rows alone, once, under the budgets."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import shutil
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from leadline.flows.signals.prompting import FIGURES, WORDS, prompt
from leadline.flows.signals.rescoring import Rescorer, case_of
from leadline.storage.access.connect import connect
from leadline.storage.access.jobs import Desk
from leadline.storage.signals import report
from leadline.storage.signals.rescore import questions
from leadline.storage.spend import claims, prices
from leadline.storage.spend.journal import Journal
from leadline.tasks.llm.client import ModelClient
from leadline.tasks.llm.profiles import CUSTOM, Provider
from leadline.tasks.llm.protocol.request import Route
from leadline.tasks.net.clock import SYSTEM_CLOCK
from tests.flows.commands import Said, leadline
from tests.flows.signals.test_analysis import WORK, Bench, live
from tests.storage.signals.market import NOON, SYMBOL, Stored
from tests.storage.spend.plans import price
from tests.tasks.llm.scripted import ScriptedServer, answer, fails, says

SYMBOLS = (SYMBOL, "ETHUSDT", "SOLUSDT")
WHEN = ("--since", "2026-05-28T11:00", "--until", "2026-05-28T13:00")
MARKET = ("coverage", "seeds", "depth_diffs", "depth_snapshots", "book_tickers", "trades", "book_events")
RESCORED = "SELECT * FROM signals WHERE kind = 'rescore' ORDER BY symbol"


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three questions answered bullish by gpt-4.1 at noon; since then every row of the market is gone."""
    folder = tmp_path_factory.mktemp("asked")
    bench = Bench(folder / "asked.duckdb", folder / "home", [])
    with connect(bench.db, write=True) as con:
        prices.load(con, [price("holysheep", "gpt-4.1"), price("custom", "other-1", output=Decimal(2))])
        for symbol in SYMBOLS:
            live(Stored(con, symbol))
    asyncio.run(bench.analyse(says(), plan=replace(WORK, symbols=SYMBOLS)))
    with connect(bench.db, write=True) as con:
        for table in MARKET:
            con.execute(f"DELETE FROM {table}")
    return bench.db


@pytest.fixture
def bench(asked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LEADLINE_LLM_API_KEY", "canary-of-rescore")
    monkeypatch.setenv("LEADLINE_LLM_PROVIDER", "custom")
    shutil.copy(asked, tmp_path / "leadline.duckdb")
    return Bench(tmp_path / "leadline.duckdb", tmp_path / ".leadline", [])


async def rescore(capsys: pytest.CaptureFixture[str], server: ScriptedServer, *given: object) -> Said:
    """Run the command; the server goes on in this loop meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEADLINE_LLM_BASE_URL", server.base_url)
        return await asyncio.to_thread(leadline, capsys, "rescore", *WHEN, *given)


async def told(capsys: pytest.CaptureFixture[str], server: ScriptedServer, *given: object) -> Any:
    said = await rescore(capsys, server, "--json", *given)
    assert said.out, said.err
    return json.loads(said.out)


def other(direction: str = "bearish") -> Any:
    return says(answer(direction=direction), model="other-1")


async def test_another_model_is_asked_what_was_asked(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    before = bench.rows("SELECT * FROM signals WHERE kind <> 'rescore' ORDER BY signal_id")
    async with ScriptedServer(other(), other(), other("bullish")) as server:
        found = await told(capsys, server, "--model", "other-1")
        assert server.calls == 3
        again = await rescore(capsys, server, "--model", "other-1")
        assert (again.code, server.calls) == (0, 3)
    assert found["came"] == {"ok": 3}
    assert (found["same_direction"], found["both_have_one"], found["agreement"]) == (1, 3, 0.3333)
    assert "3 are stored already, 0 were answered before and cost nothing, 0 to ask" in again.err
    assert "the same direction on 1 of 3 questions where both gave one (33%)" in again.out
    was, now = found["sides"]
    assert (was["model"], was["bullish"], was["cost_usd"]) == ("holysheep/gpt-4.1", 3, "0.00102")
    assert (now["model"], now["bearish"], now["valid_pct"]) == ("rescore:custom/other-1", 2, 100.0)
    # 3 x (300 x 1 + 40 x 2) per million
    assert (now["prompt_tokens"], now["completion_tokens"], now["cost_usd"]) == (900, 120, "0.00114")
    assert [(move["was"], move["again"], move["signals"]) for move in found["moves"]] == [
        ("bullish", "bearish", 2),
        ("bullish", "bullish", 1),
    ]

    sent = sorted(str(seen.body["messages"]) for seen in server.seen)
    kept = bench.rows(
        "SELECT t.messages FROM llm_texts t JOIN signals USING (signal_id) WHERE kind = 'llm'"
    )
    assert sent == sorted(str(json.loads(row["messages"])) for row in kept)
    originals = {row["signal_id"]: row for row in before}
    for row in bench.rows(RESCORED):
        of = originals[row["rescore_of"]]
        assert row["signal_id"] != of["signal_id"]
        for same in ("ts", "symbol", "last_id", "epoch", "features", "features_hash", "mid_at_snapshot"):
            assert row[same] == of[same], same
        assert (row["trigger"], row["provider"], row["is_switched"]) == ("rescore", "custom", False)
        assert row["prompt_hash"] == of["prompt_hash"]
        # Nobody may act on it: it has no time to live, and no book was looked at when it came.
        assert (row["ttl_s"], row["mid_at_arrival"], row["is_overtaken"]) == (None, None, None)
    assert bench.rows("SELECT * FROM signals WHERE kind <> 'rescore' ORDER BY signal_id") == before
    shown = bench.rows("SELECT model FROM latest_signals WHERE kind <> 'baseline'")
    assert {row["model"] for row in shown} == {"holysheep/gpt-4.1"}
    with connect(bench.db) as con:
        counted = report.counts(con, since=NOON - dt.timedelta(hours=1)).dicts()
    assert "custom/other-1" not in {row["model"] for row in counted}


async def test_the_model_first_asked_answers_from_the_store(
    bench: Bench, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOLYSHEEP_API_KEY", "canary-of-rescore")
    ledger = bench.rows("SELECT * FROM llm_calls")
    async with ScriptedServer(fails(500)) as server:
        found = await told(capsys, server, "--provider", "holysheep", "--model", "gpt-4.1")
        assert server.calls == 0
    assert (found["came"], found["agreement"]) == ({"reused": 3}, 1.0)
    for row in bench.rows(RESCORED):
        assert (row["outcome"], row["direction"], row["confidence"]) == ("ok", "bullish", 0.7)
        assert (row["cost_usd"], row["attempts"], row["lineage"]) == (
            Decimal(0), 0, "rescore:holysheep/gpt-4.1",
        )  # fmt: skip
    assert bench.rows("SELECT * FROM llm_calls") == ledger


async def test_another_prompt_puts_the_stored_figures_in_its_words(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    async with ScriptedServer(other("bullish")) as server:
        found = await told(capsys, server, "--model", "other-1", "--prompt", WORDS)
        assert server.calls == 1  # figures in words are the same for all three: the others have its answer
        assert "Bids are much stronger than asks" in server.seen[0].body["messages"][-1]["content"]
        bad = await rescore(capsys, server, "--model", "other-1", "--prompt", "no-1")
    assert found["came"] == {"ok": 1, "reused": 2}
    for row in bench.rows(RESCORED):
        assert (row["prompt_version"], row["prompt_hash"]) == (WORDS, prompt(WORDS).digest)
        assert row["direction"] == "bullish"
    assert [side["prompt"] for side in found["sides"]] == [FIGURES, WORDS]
    assert (bad.code, "there is no prompt 'no-1'; known are" in bad.err) == (1, True)


async def test_a_dry_run_asks_nobody_and_writes_nothing(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    async with ScriptedServer(other()) as server:
        found = await told(capsys, server, "--model", "other-1", "--dry-run")
        asked = await told(capsys, server, "--model", "other-1")
        unknown = await rescore(capsys, server, "--model", "other-2", "--dry-run")
        refused = await rescore(capsys, server, "--model", "other-2")
    assert (found["selected"], found["to_ask"], found["left_usd"]) == (3, 3, "0.99898")
    held = bench.rows("SELECT sum(held_usd) AS usd FROM llm_calls WHERE flow = 'rescore'")[0]["usd"]
    assert Decimal(found["once_usd"]) >= held > Decimal(asked["sides"][1]["cost_usd"])
    assert "no call would be made: " in unknown.out
    assert (refused.code, "stopped: other-2: " in refused.out, server.calls) == (1, True, 3)
    assert len(bench.rows(RESCORED)) == 3


async def test_a_full_budget_ends_it_and_it_goes_on_when_there_is_room(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    leadline(capsys, "spend", "--set-budget", "flow:rescore", "day", "0.000001")
    async with ScriptedServer(other()) as server:
        full = await rescore(capsys, server, "--model", "other-1")
        assert (full.code, server.calls, bench.rows(RESCORED)) == (1, 0, [])
        assert "stopped: other-1: budget 'flow:rescore' per day" in full.out
        leadline(capsys, "spend", "--drop-budget", "flow:rescore", "day")
        assert (await rescore(capsys, server, "--model", "other-1")).code == 0
        assert server.calls == 3


async def test_one_that_was_killed_is_followed_by_one_that_goes_on(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    """The dead left a claim of one question, and of another the row but not the claim's end."""
    now = dt.datetime.now(dt.UTC)
    async with ScriptedServer(other()) as server:
        await rescore(capsys, server, "--model", "other-1", "--limit", "2")
        rows = bench.rows("SELECT * FROM claims WHERE starts_with(key, 'rescore')")
        assert (server.calls, len(rows)) == (2, 2)
        ids = bench.rows("SELECT signal_id, symbol FROM signals WHERE kind = 'llm' ORDER BY symbol")
        dead = {row["signal_id"]: rows[0]["key"].split("|", 2)[2] for row in ids}
        with connect(bench.db, write=True) as con:
            con.execute("UPDATE claims SET signal_id = NULL, expires_at = TIMESTAMP '2026-05-28'")
            for signal_id, rest in dead.items():
                key = f"rescore|{signal_id}|{rest}"
                claims.claim(con, key, claimer="dead", now=now, expires_at=now + dt.timedelta(seconds=4))
        found = await told(capsys, server, "--model", "other-1")
        assert server.calls == 3
    assert found["came"] == {"there": 2, "ok": 1}
    assert [row["symbol"] for row in bench.rows(RESCORED)] == sorted(SYMBOLS)


async def test_two_at_once_ask_each_question_once(bench: Bench) -> None:
    with connect(bench.db) as con:
        chosen = questions(con, since=NOON - dt.timedelta(hours=1), until=NOON + dt.timedelta(hours=1))
    cases = [case_of(one, Route("custom", "other-1"), None, deadline_s=30) for one in chosen]
    async with ScriptedServer(other()) as server:
        provider = Provider(replace(CUSTOM, base_url=server.base_url))
        with Journal(bench.db, default_usd_per_day=Decimal(1)) as journal, Desk(bench.db) as desk:
            async with ModelClient(
                [provider], journal, home=bench.home, clock=SYSTEM_CLOCK, rng=Random(1)
            ) as client:
                runs = [Rescorer(desk, client, 30, 4, others_s=0.05) for _ in range(3)]
                await asyncio.gather(*(one.run(cases) for one in runs))
        assert server.calls == 3
    assert sum(one.counts["ok"] for one in runs) == 3
    assert sum(one.counts["there"] for one in runs) == 6
    assert len(bench.rows(RESCORED)) == 3


async def test_a_failure_is_tried_again_by_the_next_run(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    async with ScriptedServer(fails(400), other()) as server:
        given = ("--model", "other-1", "--symbol", SYMBOL)
        failed = await rescore(capsys, server, *given)
        found = await told(capsys, server, *given)
    assert (failed.code, found["came"]) == (1, {"ok": 1})
    assert [row["outcome"] for row in bench.rows(RESCORED)].count("ok") == 1
    assert found["sides"][1]["signals"] == 1


async def test_what_cannot_be_chosen_is_said(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    async with ScriptedServer(other()) as server:
        for given, words in (
            (("--model", "a>b"), "one model at a time"),
            ((), "no model is named"),
            (("--model", "a", "--provider", "nobody"), "expected one of auto, none, local"),
            (("--model", "a", "--since", "noon"), "--since 'noon': expected a time"),
        ):
            said = await rescore(capsys, server, *given)
            assert (said.code > 0, words in said.err) == (True, True), said.err
        none = await rescore(capsys, server, "--model", "other-1", "--symbol", "XYZUSDT")
        assert (none.code, "no stored questions in that time" in none.out) == (0, True)
        assert server.calls == 0
