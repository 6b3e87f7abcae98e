"""Settings: who wins, and what a person is told about a value that cannot be."""

from __future__ import annotations

import re
import types
import typing
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import get_type_hints

import pytest

from leadline.flows.config.kinds import Expected
from leadline.flows.config.settings import (
    NOT_SETTINGS,
    SETTINGS,
    BadSetting,
    Settings,
    as_text,
    db_to_read,
    load,
)
from leadline.tasks.llm.profiles import PROFILES

# A value other than the default, where that is the lack of one.
ANOTHER = {
    "ws_url": "wss://example.org",
    "rest_url": "https://example.org",
    "llm_base_url": "https://example.org",
    "weight_per_minute": "500",
    "taker_fee_bps": "4.5",
    "local_gguf": "weights.gguf",
    "export_to": "days",
}


def test_defaults_need_nothing(tmp_path: Path) -> None:
    assert load(environ={}, folder=tmp_path) == Settings()


@pytest.mark.parametrize("key", Settings.__dataclass_fields__)
def test_every_setting_is_declared_whole(key: str) -> None:
    setting = SETTINGS[key]
    default = setting.default
    wanted = get_type_hints(Settings)[key]
    is_union = isinstance(wanted, types.UnionType)
    assert isinstance(default, wanted if is_union else typing.get_origin(wanted) or wanted)
    assert is_union == (default is None)
    if setting.none:
        assert setting.read("") == default
    else:
        assert setting.read(default) == default
        assert setting.read(as_text(default)) == default
    assert setting.text.endswith(".")
    assert setting.text[0].isupper() or setting.text.startswith("maintain-store")


@pytest.mark.parametrize("key", Settings.__dataclass_fields__)
def test_a_name_works_in_the_file_the_environment_and_as_a_flag(key: str, tmp_path: Path) -> None:
    setting = SETTINGS[key]
    value = ANOTHER.get(key) or as_text(setting.default)
    by_env = load(environ={setting.env: value}, folder=tmp_path)
    by_flag = load({key: value}, environ={}, folder=tmp_path)
    by_variable = load(environ={}, folder=tmp_path, variables={key: value})
    (tmp_path / "leadline.toml").write_text(f'{key} = "{value}"\n')
    by_file = load(environ={}, folder=tmp_path)
    assert by_env == by_flag == by_variable == by_file


def test_a_value_between_its_bounds_is_taken_and_one_outside_is_not() -> None:
    checked = 0
    for setting in SETTINGS.values():
        bounds = re.search(r"from (\S+) to (\S+?),?(?: with.*)?$", setting.kind.expected)
        if bounds is None:
            continue
        low, high = map(float, bounds.groups())
        is_whole = setting.kind.expected.startswith("a whole")
        for value in (low, high):
            assert float(setting.read(str(int(value)) if is_whole else value)) == value
        for value in (low - 1, high + 1, "many", True, None if not setting.none else "x"):
            with pytest.raises(Expected, match="from"):
                setting.read(value)
        checked += 1
    assert checked > 30


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("LEADLINE_SYMBOL", "did you mean LEADLINE_SYMBOLS?"),
        ("LEADLINE_QQQQ", "known are LEADLINE_ANALYZE_EVERY_S, "),
        ("LEADLINE_threads", "did you mean LEADLINE_THREADS?"),
        ("LEADLINE_POR", "there is no such setting"),
    ],
)
def test_an_unknown_variable_is_named(name: str, expected: str, tmp_path: Path) -> None:
    with pytest.raises(BadSetting) as caught:
        load(environ={name: "1"}, folder=tmp_path)
    assert str(caught.value).startswith(f"environment {name}: there is no such setting")
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    "name",
    [
        "LEADLINE_SERVICE_HOST",
        "LEADLINE_SERVICE_PORT",
        "LEADLINE_SERVICE_PORT_HTTP",
        "LEADLINE_PORT",
        "LEADLINE_PORT_4200_TCP",
        "LEADLINE_PORT_4200_TCP_ADDR",
        "LEADLINE_UI_SERVICE_HOST",
        "LEADLINE_UI_PORT_80_TCP_PROTO",
        "LEADLINE_RECORDINGS",
        "LEADLINED",
    ],
)
def test_names_that_others_give_are_left_alone(name: str, tmp_path: Path) -> None:
    assert load(environ={name: "tcp://10.0.0.1:4200"}, folder=tmp_path) == Settings()


def test_the_keys_of_providers_are_known_to_be_no_settings() -> None:
    names = {each.key_env for each in PROFILES.values() if each.key_env}
    ours = {name for name in names if name.startswith("LEADLINE_")}
    assert ours
    assert ours <= set(NOT_SETTINGS)


def test_file_then_environment_then_flag(tmp_path: Path) -> None:
    (tmp_path / "leadline.toml").write_text('venue = "binance-usdm"\nthreads = 3\nsymbols = ["BTCUSDT"]\n')
    environ = {"LEADLINE_THREADS": "4", "LEADLINE_SYMBOLS": "ethusdt, 币安人生usdt ethusdt"}
    settings = load({"threads": 5, "db": None}, environ=environ, folder=tmp_path)
    assert settings.venue == "binance-usdm"
    assert settings.symbols == ("ETHUSDT", "币安人生USDT")
    assert settings.threads == 5
    assert settings.db == Path("leadline.duckdb")


def test_a_named_file_is_read_and_must_exist(tmp_path: Path) -> None:
    named = tmp_path / "other.toml"
    environ = {"LEADLINE_CONFIG": str(named)}
    with pytest.raises(BadSetting, match=r"other\.toml: no such settings file"):
        load(environ=environ, folder=tmp_path)
    named.write_text("rotate_s = 60")
    assert load(environ=environ, folder=tmp_path).rotate_s == 60


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("venue", "kraken", "one of binance-spot"),
        ("symbols", "", "symbols such as"),
        ("symbols", "BTC/USDT", "letters and digits, not 'BTC/USDT'"),
        ("ws_url", "http://x", "begins with ws:// or wss://"),
        ("engine", "fast", "one of auto, compiled, plain"),
        ("threads", "two", "a whole number of threads from 1 to 64"),
        ("threads", "0", "from 1 to 64"),
        ("legs", "3", "a whole number of connections from 1 to 2"),
        ("lag_s", "-1", "a number of seconds from 0 to 600"),
        ("snapshot_every_s", "nan", "a number of seconds from 0.2"),
        ("snapshot_bands_bps", "10,5", "that grow"),
        ("memory_limit", "1", "a size such as"),
        ("memory_limit", "lots GB", "a size such as"),
        ("log_level", "loud", "one of DEBUG"),
    ],
)
def test_a_bad_value_is_named_with_where_it_came_from(
    tmp_path: Path, key: str, value: str, expected: str
) -> None:
    name = f"LEADLINE_{key.upper()}"
    with pytest.raises(BadSetting) as caught:
        load(environ={name: value}, folder=tmp_path)
    assert str(caught.value).startswith(f"environment {name}: {key} = {value!r}: expected ")
    assert expected in str(caught.value)


def test_a_window_too_short_for_a_shock_is_refused(tmp_path: Path) -> None:
    few = {"LEADLINE_SHOCK_LOOK_S": "2"}
    assert load(environ={**few, "LEADLINE_SHOCK_WINDOW_S": "80"}, folder=tmp_path).shock_window_s == 80
    with pytest.raises(BadSetting, match="shock_window_s = 60: expected 80 or more, 40 times shock_look_s"):
        load(environ=few, folder=tmp_path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("thread = 2", "there is no setting 'thread'; did you mean threads?"),
        ("threads = true", "threads = True: expected a whole number"),
        ("threads = ", "not a readable TOML file"),
        ("symbols = [1]", "symbols = [1]: expected a text"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, text: str, expected: str) -> None:
    (tmp_path / "leadline.toml").write_text(text)
    with pytest.raises(BadSetting) as caught:
        load(environ={}, folder=tmp_path)
    assert "leadline.toml" in str(caught.value)
    assert expected in str(caught.value)


def test_settings_do_not_change_and_show_no_credentials() -> None:
    settings = load({"ws_url": "wss://me:secret@example.org/stream?key=hidden"}, environ={})
    with pytest.raises(FrozenInstanceError):
        settings.threads = 9  # type: ignore[misc]
    assert settings.shown()["ws_url"] == "wss://example.org/stream"
    assert "secret" not in str(settings.shown())


def test_reading_commands_fall_back_to_the_demo(tmp_path: Path) -> None:
    settings = Settings()
    assert db_to_read(settings, folder=tmp_path) == (Path("leadline.duckdb"), None)
    (tmp_path / "demo.duckdb").touch()
    db, word = db_to_read(settings, folder=tmp_path)
    assert db == Path("demo.duckdb")
    assert word == "no leadline.duckdb here; reading demo.duckdb"
    (tmp_path / "leadline.duckdb").touch()
    assert db_to_read(settings, folder=tmp_path) == (Path("leadline.duckdb"), None)
