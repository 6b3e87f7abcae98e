"""Whom the settings name: champions, challengers with what they leave out, the cap on what these cost."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest

from leadline.book.errors import BadInput
from leadline.flows.config.settings import BadSetting, Settings, load
from leadline.flows.signals.models import challengers_of, open_models
from leadline.flows.signals.prompting import FIGURES, WORDS
from leadline.storage.access.connect import connect
from leadline.tasks.llm.profiles import HOLYSHEEP, PROFILES

CHOICES = re.compile(r"expected one of (.*)")
HERE = Settings(llm_provider="holysheep", llm_models=("gpt-4.1>deepseek-v3.2", "gemini-2.5-flash"))


def named(*challengers: str) -> list[tuple[str, str, int]]:
    settings = Settings(llm_models=HERE.llm_models, llm_challengers=challengers, llm_prompt=FIGURES)
    made = challengers_of(settings, HOLYSHEEP)
    assert all(chain.is_challenger for chain in made)
    return [(chain.name, chain.prompt.version, len(chain.routes)) for chain in made]


def test_what_a_challenger_leaves_out_is_the_first_champions() -> None:
    assert named() == []
    assert named("deepseek-v3.2", f"@{WORDS}", f"claude>gpt-4.1 @ {WORDS}") == [
        ("holysheep/deepseek-v3.2", FIGURES, 1),
        ("holysheep/gpt-4.1", WORDS, 2),
        ("holysheep/claude", WORDS, 2),
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("gemini-2.5-flash", "which is asked already"),
        (f"@{FIGURES}", "which is asked already"),
        ("x@nope", "there is no prompt 'nope'; known are"),
    ],
)
def test_a_challenger_that_cannot_be_is_named(text: str, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        named(text)
    with pytest.raises(BadInput, match="which is asked already"):
        named("deepseek-v3.2", "deepseek-v3.2")


def test_the_setting_takes_every_provider_of_the_registry_and_no_other() -> None:
    with pytest.raises(BadSetting) as refused:
        load({"llm_provider": "nobody we know"}, environ={})
    (choices,) = CHOICES.findall(str(refused.value))
    assert set(choices.split(", ")) == {"auto", "none", *PROFILES}


async def test_their_cap_stands_in_the_ledgers_budgets(tmp_path: Path) -> None:
    db = tmp_path / "x.duckdb"
    for usd in ("0.5", "0.125"):
        settings = Settings(
            db=db, home=tmp_path, llm_provider="holysheep", llm_models=("gpt-4.1",),
            llm_challengers=("deepseek-v3.2",), llm_challengers_usd_per_day=Decimal(usd),
        )  # fmt: skip
        async with open_models(settings, {"HOLYSHEEP_API_KEY": "k"}) as asked:
            assert [chain.is_challenger for chain in asked.chains] == [False, True]
    with connect(db) as con:
        kept = con.execute('SELECT scope, "window", limit_usd FROM budgets').fetchall()
    assert kept == [("flow:challengers", "day", Decimal("0.125"))]


async def test_a_challenger_that_cannot_be_asked_is_a_problem_of_the_run(tmp_path: Path) -> None:
    settings = Settings(db=tmp_path / "x.duckdb", llm_provider="holysheep", llm_challengers=("@nope",))
    async with open_models(settings, {"HOLYSHEEP_API_KEY": "k"}) as asked:
        assert asked.client is None
        assert "there is no prompt 'nope'" in (asked.problem or "")
