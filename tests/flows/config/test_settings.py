"""Settings: who wins, and what a person is told about a value that cannot be."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from leadline.flows.config.settings import READERS, BadSetting, Settings, db_to_read, load


def test_defaults_need_nothing(tmp_path: Path) -> None:
    assert load(environ={}, folder=tmp_path) == Settings()


def test_every_field_has_a_reader_and_the_other_way_round() -> None:
    assert set(READERS) == set(Settings.__dataclass_fields__)


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
        ("thread = 2", "there is no setting 'thread'"),
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
