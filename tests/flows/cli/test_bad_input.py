"""Bad input at the door: one line that names the value and what was expected, and nothing is begun."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from leadline.flows.cli import main, parse
from leadline.flows.commands.common.reading import day, moment
from leadline.flows.config.kinds import PATH, Expected
from leadline.flows.config.settings import SETTINGS, BadSetting, load
from leadline.flows.demo.run import only_demo
from leadline.storage.access.owner import Owner
from tests.flows.commands import Said, environ, finish, leadline, start

BIG = "9" * 5_000
WRONG = [
    (["up", "--port", "65536"], "--port: expected a whole number from 1 to 65535, got '65536'"),
    (["up", "--port", "http"], "--port: expected a whole number from 1 to 65535, got 'http'"),
    (["up", "--server", "http://h:99999/api"], "--server: expected a URL whose port"),
    (["up", "--server", "http://h:http/api"], "--server: expected a URL whose port"),
    (["dash", "--port", "-1"], "--port: expected a whole number from 0 to 65535, got '-1'"),
    (["book", "BTCUSDT", "--at-id", str(2**63)], f"from 0 to {2**63 - 1}, got '{2**63}'"),
    (["book", "BTCUSDT", "--at-id", BIG], f"from 0 to {2**63 - 1}, got '999"),
    (["book", "BTCUSDT", "--levels", BIG], "--levels: expected a whole number from 1 to 1000000000"),
    (["sql", "SELECT 1", "--limit", "99999999999999999999"], "--limit: expected a whole number from 0 to"),
    (["report", "--hours", "1e9"], "--hours: expected a number from 0.001 to 876000, got '1e9'"),
    (["spend", "--hours", "1e300"], "--hours: expected a number from 0.001 to 876000, got '1e300'"),
    (["stop", "--wait", "1e300"], "--wait: expected a number from 0.001 to 2678400, got '1e300'"),
    (["replay", "f", "--speed", "1e-300"], "--speed: expected a number from 0.001 to 1000000"),
    (["demo", "--seed", "one"], "--seed: expected a whole number from 0"),
    (
        ["report", "--out", "~nobody-of-us/a.html"],
        "no home folder is known for ~nobody-of-us, got '~nobody",
    ),
    (["record", "--out", "a\0b"], r"--out: expected a path without control characters, got 'a\x00b'"),
    (["certify", "--verify", "~nobody-of-us"], "no home folder is known for ~nobody-of-us"),
    (["book", "\udcff"], r"argument '\udcff': expected text in UTF-8"),
]
SETTING = [
    (["sql", "SELECT 1", "--db", "~nobody-of-us/a.db"], "no home folder is known for ~nobody-of-us"),
    (
        ["sql", "SELECT 1", "--db", "a\0b"],
        r"--db: db = 'a\x00b': expected a path without control characters",
    ),
    (["book", "BTCUSDT", "--at", "0001-01-01T00:00:00+14:00"], "expected a time such as"),
    (["book", "BTCUSDT", "--at", "9999-12-31T23:59:59-14:00"], "expected a time such as"),
    (["trust", "BTCUSDT", "--to", "0001-01-01"], "--to '0001-01-01': expected a time such as"),
    (["certify", "BTCUSDT", "--day", "9999-12-31"], "--day '9999-12-31': expected a UTC day such as"),
    (["record", "--out", "o", "--rest-url", "http://127.0.0.1:http"], "expected a URL whose port"),
    (["record", "--out", "o", "--ws-url", "ws://127.0.0.1:65536"], "expected a URL whose port"),
    (["score", "--days", "1e9"], "--days: score_days = '1e9': expected a number of days from 0.01 to 3650"),
]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("LEADLINE_"):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(("argv", "expected"), WRONG)
def test_a_wrong_flag_is_refused_before_anything_begins(
    argv: list[str], expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert expected in last
    assert len(last) < 250
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("argv", "expected"), SETTING)
def test_a_wrong_setting_is_one_line_before_anything_begins(
    argv: list[str], expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "leadline.duckdb").touch()
    said = leadline(capsys, *argv)
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert expected in said.err
    assert [each.name for each in tmp_path.iterdir()] == ["leadline.duckdb"]


@pytest.mark.parametrize("value", ["999999GB", "0GB", "1MB", "²GB", "1..5GB", "GB", "1GB1GB", "5000GIB"])
def test_a_size_that_no_database_can_have_is_refused(value: str, tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="expected a size such as 512MB or 2GB, 64MB at least"):
        load(environ={"LEADLINE_MEMORY_LIMIT": value}, folder=tmp_path)


def test_what_an_ascii_locale_read_is_read_again_as_utf_8(tmp_path: Path) -> None:
    typed = "币安人生USDT".encode().decode("ascii", "surrogateescape")
    found = load(environ={"LEADLINE_SYMBOLS": typed, "LEADLINE_DB": typed}, folder=tmp_path)
    assert (found.symbols, found.db) == (("币安人生USDT",), Path("币安人生USDT"))
    with pytest.raises(BadSetting, match=r"environment LEADLINE_DB: db = .* expected text in UTF-8"):
        load(environ={"LEADLINE_DB": "\udcff"}, folder=tmp_path)


@pytest.mark.parametrize("text", [f"threads = {BIG}", f"lag_s = 0x{'F' * 5_000}", 'db = "a\\u0000b"'])
def test_a_number_or_path_of_the_file_that_no_machine_can_hold_is_named(text: str, tmp_path: Path) -> None:
    (tmp_path / "leadline.toml").write_text(text)
    with pytest.raises(BadSetting, match=r"leadline\.toml") as caught:
        load(environ={}, folder=tmp_path)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "command", [["stream", "--venue", "loopback"], ["demo"], ["up", "--venue", "loopback"]]
)
def test_a_text_file_as_database_is_refused_and_left_alone(command: list[str], tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("my notes\n")
    said = finish(start(tmp_path, *command, "--db", text, env=environ()))
    assert (said.code, said.out, said.err.count("\n")) == (1, "", 1)
    assert f"{text} is not a DuckDB file" in said.err
    assert text.read_text() == "my notes\n"
    assert not (tmp_path / ".leadline" / "prefect").exists(), "no server was started"


@pytest.mark.parametrize("command", ["stream", "demo", "up"])
def test_a_home_that_cannot_be_made_is_one_line(command: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    home = str(tmp_path / "file" / "home")
    said = finish(start(tmp_path, command, "--venue", "loopback", env=environ(LEADLINE_HOME=home)))
    assert (said.code, said.out, said.err.count("\n")) == (2, "", 1)
    assert f"home = {home!r}: expected a folder that can be written" in said.err
    assert not list(tmp_path.glob("*.duckdb"))


def test_a_second_demo_in_a_folder_is_told_of_the_first(
    tmp_path: Path,
) -> None:
    (tmp_path / ".leadline").mkdir()
    with only_demo(tmp_path / ".leadline"):
        said = finish(start(tmp_path, "demo", env=environ()))
    assert (said.code, said.err.count("\n")) == (1, 1)
    assert f"process {os.getpid()} runs a demo in .leadline already" in said.err
    assert not (tmp_path / ".leadline" / "prefect").exists()


C_LOCALE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
SYMBOL = "币安人生USDT"
ESCAPED = r"\u5e01\u5b89\u4eba\u751fUSDT"


@pytest.mark.parametrize("extra", [{"PYTHONIOENCODING": "ascii"}, C_LOCALE])
def test_a_terminal_with_ascii_alone_shows_escapes_and_loses_nothing(
    extra: dict[str, str], tmp_path: Path
) -> None:
    Owner(tmp_path / "leadline.duckdb").close()
    env = environ(**extra)

    def sql(style: str) -> Said:
        return finish(start(tmp_path, "sql", f"SELECT '{SYMBOL}' AS s", "--format", style, env=env))

    table = sql("table")
    assert (table.code, table.out.split()) == (0, ["s", "-" * 12, ESCAPED])
    told = sql("json")
    assert (told.code, json.loads(told.out)) == (0, [{"s": SYMBOL}])
    csv = sql("csv")
    assert (csv.code, csv.err.count("\n")) == (1, 1), "a program must not take an escape for a symbol"
    assert "this terminal cannot show" in csv.err
    named = finish(start(tmp_path, "book", SYMBOL, env=env))
    assert (named.code, named.err) == (1, f"leadline book: {ESCAPED}: no trusted book was ever stored\n")


# -- neighbours, made at random --------------------------------------------------------------------

NUMBERS = st.one_of(
    st.integers(-(10**30), 10**30).map(str),
    st.floats().map(repr),
    st.text("0123456789.eE+-_xX ²٣", min_size=1, max_size=12),
    st.integers(1, 6_000).map(lambda n: "9" * n),
)
NUMERIC = [
    ("up", "--port"), ("dash", "--port"), ("dash", "--every"), ("book", "--at-id"), ("book", "--levels"),
    ("sql", "--limit"), ("report", "--hours"), ("spend", "--hours"), ("stop", "--wait"), ("demo", "--seed"),
    ("demo", "--seconds"), ("record", "--rotate-mb"), ("replay", "--speed"),
]  # fmt: skip
NEEDED = {"book": ["BTCUSDT"], "record": ["--out", "o"], "replay": ["f"]}


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(NUMERIC), NUMBERS)
def test_any_number_is_in_its_bounds_or_refused_with_them(flag: tuple[str, str], text: str) -> None:
    command, name = flag
    said = io.StringIO()
    args = None
    with contextlib.redirect_stderr(said), contextlib.suppress(SystemExit):
        _, args = parse([command, *NEEDED.get(command, []), f"{name}={text}"])
    if args is None:
        event("refused")
        last = said.getvalue().splitlines()[-1]
        assert re.search(rf"argument {name}: expected a (whole )?number from \S+ to \d+, got ", last)
        assert len(last) < 300
    else:
        event("taken")
        number = getattr(args, name[2:].replace("-", "_"))
        assert 0 <= number < 2**63
        if name == "--hours":
            assert dt.datetime.now(dt.UTC) - dt.timedelta(hours=number)
        if name in {"--wait", "--every", "--seconds"}:
            assert 0.001 <= number <= 2_678_400
        if name == "--port":
            assert number <= 65_535


NAIVE = dt.datetime  # the offset comes later
LAST_US = 2**63 // 1_000
TIMES = st.one_of(
    st.builds(
        lambda at, offset: at.replace(tzinfo=dt.timezone(dt.timedelta(minutes=offset))).isoformat(),
        st.one_of(
            st.datetimes(),
            st.datetimes(max_value=NAIVE(1, 1, 3)),
            st.datetimes(min_value=NAIVE(9999, 12, 29)),
            st.datetimes(min_value=NAIVE(1969, 12, 30), max_value=NAIVE(1970, 1, 3)),
            st.datetimes(min_value=NAIVE(2261, 12, 30), max_value=NAIVE(2262, 1, 3)),
        ),
        st.integers(-24 * 60 + 1, 24 * 60 - 1),
    ),
    st.datetimes().map(lambda at: at.isoformat()),
    st.text("0123456789-T:+Z.W", max_size=30),
)


def attempt(read: Callable[[], object]) -> tuple[Any, str]:
    """Return what was read, and why it was refused if it was."""
    try:
        found = read()
    except (BadSetting, Expected) as exc:
        event("refused")
        return None, str(exc)
    event("taken")
    return found, ""


@settings(deadline=None, max_examples=200)
@given(TIMES)
def test_any_time_is_one_that_can_be_stored_or_refused(text: str) -> None:
    at, why = attempt(lambda: moment("--at", text))
    if why:
        assert re.match(r"--at '.*': expected a time such as \S+ from 1970-01-01 to 2261-12-31", why)
    else:
        assert at.utcoffset() == dt.timedelta(0)
        assert 0 <= (at - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1) < LAST_US
    found, why = attempt(lambda: day("--day", text))
    if why:
        assert re.match(r"--day '.*': expected a UTC day such as \S+ from 1970-01-01 to 2261-12-31", why)
    else:
        assert dt.date(1970, 1, 1) <= found <= dt.date(2261, 12, 31)


@settings(deadline=None, max_examples=200)
@given(st.text(st.characters(), max_size=12), st.sampled_from(["", "~", "~/", "a/", "~a"]))
def test_any_path_can_be_used_or_is_refused_on_one_line(text: str, before: str) -> None:
    path, why = attempt(lambda: PATH.read(before + text))
    if why:
        assert why.startswith(("a path", "a text", "text in UTF-8"))
        assert len(why.splitlines()) == 1
    else:
        path.exists()  # neither a NUL nor half a letter
        assert not set(str(path)) & {"\n", "\x1b"}


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from(sorted(SETTINGS)), st.one_of(NUMBERS, st.text(max_size=20), st.integers(), st.floats())
)
def test_any_value_of_any_setting_is_taken_or_named(key: str, value: object) -> None:
    _, why = attempt(lambda: load({key: value}, environ={}, folder=Path("/nowhere")))
    if why:
        assert key in why
        assert "expected" in why
        assert "\n" not in why
        assert len(why) < 1_500
