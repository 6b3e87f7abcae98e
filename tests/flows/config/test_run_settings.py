"""Prefect Variables as a layer of settings, and what a run says about values that cannot be."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from leadline.flows.config.settings import BadSetting, load

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]


@pytest.fixture
def variable() -> Iterator[Any]:
    from prefect.variables import Variable

    made: list[str] = []

    def put(name: str, value: Any) -> None:
        made.append(name)
        Variable.set(name, value, overwrite=True)

    yield put
    for name in made:
        Variable.unset(name)


def test_variables_stand_between_file_and_environment(
    variable: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from leadline.flows.config.run_settings import settings_of_run

    monkeypatch.chdir(tmp_path)
    (tmp_path / "leadline.toml").write_text('symbols = ["ADAUSDT"]\nthreads = 3\nkeep_days = 9\n')
    variable("leadline_symbols", ["SOLUSDT", "xrpusdt"])
    variable("leadline_keep_days", "5")
    variable("leadline_notes_of_somebody", "not a setting")
    assert settings_of_run({}).symbols == ("SOLUSDT", "XRPUSDT")
    assert (settings_of_run({}).threads, settings_of_run({}).keep_days) == (3, 5)
    monkeypatch.setenv("LEADLINE_KEEP_DAYS", "6")
    assert settings_of_run({}).keep_days == 6
    assert settings_of_run({"keep_days": 7.5, "symbols": None}).keep_days == 7.5


def test_a_variable_that_changes_is_seen(
    variable: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from leadline.flows.config.run_settings import settings_now

    monkeypatch.chdir(tmp_path)
    for symbols in (("SOLUSDT",), ("SOLUSDT", "XRPUSDT")):
        variable("leadline_symbols", list(symbols))
        now = settings_now({})
        assert now is not None
        assert now.symbols == symbols


def test_a_variable_that_cannot_be_is_named(variable: Any) -> None:
    from leadline.flows.config.run_settings import settings_of_run

    variable("leadline_symbols", ["BTC/USDT"])
    with pytest.raises(
        BadSetting, match=r"Prefect Variable leadline_symbols: symbols = .'BTC/USDT'.: expected"
    ):
        settings_of_run({})


def test_without_an_api_a_run_does_without_them(monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.settings import PREFECT_API_URL, temporary_settings

    from leadline.flows.config.run_settings import settings_now, settings_of_run, variables
    from leadline.flows.local.prefect_server import free_port

    with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{free_port()}/api"}):
        assert variables() is None
        assert settings_now({}) is None, "nothing is known of a change"
        assert settings_of_run({}).symbols


@pytest.mark.parametrize(
    ("flow", "parameters", "expected"),
    [
        ("stream:stream_books", {"symbols": ["BTC/USDT"]}, "symbols of letters and digits, not 'BTC/USDT'"),
        (
            "stream:stream_books",
            {"max_seconds": -1},
            "rotate_s = -1.0: expected a number of seconds from 1",
        ),
        ("stream:stream_books", {"venue": "kraken"}, "venue = 'kraken': expected one of binance-spot"),
        ("snapshot_depth:snapshot_depth", {"symbols": []}, "symbols = []: expected symbols such as"),
        (
            "maintain:maintain_store",
            {"keep_days": 0},
            "keep_days = 0.0: expected a number of days from 0.01",
        ),
        ("certify:certify_data", {"days": 0}, "days = 0: expected 1 or more"),
        ("costs:track_costs", {"db": ""}, "db = '': expected a text"),
    ],
)
async def test_a_parameter_that_cannot_be_fails_the_run_at_the_door(
    flow: str, parameters: dict[str, Any], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib

    monkeypatch.chdir(tmp_path)
    module, _, name = flow.partition(":")
    state = await getattr(importlib.import_module(f"leadline.flows.{module}"), name)(
        **parameters, return_state=True
    )
    assert state.is_failed()
    assert expected in str(state.message)
    assert "flow parameter: " in str(state.message)
    assert not await asyncio.to_thread(lambda: list(tmp_path.iterdir()))  # before anything was opened


def test_without_variables_nothing_changes(tmp_path: Path) -> None:
    assert load(environ={}, folder=tmp_path, variables={}) == load(environ={}, folder=tmp_path)
