"""The command line: the overview, mistakes, exit codes, and how little it imports."""

from __future__ import annotations

import importlib
import inspect
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from leadline.flows.cli import main, parse
from leadline.flows.cli.program import COMMANDS, GROUPS, overview
from leadline.flows.config.settings import SETTINGS
from tests.flows.commands import ROOT, environ, finish, leadline, start

NAMES = {
    "demo", "stream", "replay", "book", "sql", "record", "doctor", "export", "import", "up", "down",
    "signals", "score", "rescore", "spend", "prices", "stop", "handover", "trust", "certify", "report",
    "dash", "automations", "symbols", "convert",
}  # fmt: skip


@pytest.mark.parametrize("command", sorted(NAMES))
def test_each_command_has_help_with_examples_that_parse(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert "--json" in printed
    examples = printed.partition("examples:\n")[2].splitlines()
    assert any(example.startswith(f"  leadline {command}") for example in examples)
    for example in examples:
        argv = shlex.split(re.sub(r"\s{2,}\(.*\)$| [|>] .*", "", example.strip()))
        found, _ = parse(argv[1:])
        assert found.name == argv[1]


def test_the_overview_has_every_command_on_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    listed = re.findall(r"^  (\w+) +(\S.*)$", printed, re.MULTILINE)
    assert {name for name, _ in listed} == NAMES == set(COMMANDS)
    assert all(summary.endswith(".") for _, summary in listed)
    assert max(map(len, printed.splitlines())) <= 100
    for title, _ in GROUPS.values():
        assert f"\n{title}:\n" in printed


def test_each_command_is_run_by_the_module_of_its_name_in_its_room() -> None:
    for room, (_, commands) in GROUPS.items():
        for each in commands:
            module = importlib.import_module(f"leadline.flows.commands.{room}.{each.module}")
            assert list(inspect.signature(module.run).parameters) == ["args"]


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ([], "expected a command"),
        (["tell"], "there is no command 'tell'; leadline --help"),
        (["strem"], "there is no command 'strem'; did you mean stream?"),
        (["SQL"], "there is no command 'SQL'; did you mean sql?"),
        (["stream", "--simbols", "BTCUSDT"], "there is no flag --simbols; did you mean --symbols?"),
        (["record", "--uot=x"], "there is no flag --uot; did you mean --out?"),
        (["stop", "--xyz"], "there is no flag --xyz\n"),
        (["book"], "SYMBOL"),
        (["book", "BTCUSDT", "--at", "2026-01-01", "--at-id", "5"], "not allowed with"),
        (["book", "BTCUSDT", "--levels", "0"], "expected a whole number from 1 to 1000000000, got '0'"),
        (["book", "BTCUSDT", "--format", "xml"], "invalid choice: 'xml'"),
        (["replay", "--db", "x"], "FILE"),
        (["replay", "f", "--speed", "0"], "expected a number from 0.001 to 1000000, got '0'"),
        (["stream", "--seconds", "-1"], "expected a number from 0.001 to 2678400, got '-1'"),
        (["demo", "--seconds", "nan"], "expected a number from 0.001 to 2678400, got 'nan'"),
        (["sql", "--limit", "few"], "expected a whole number from 0 to 1000000000, got 'few'"),
        (["dash", "--port", "65536"], "expected a whole number from 0 to 65535, got '65536'"),
        (["record"], "--out"),
        (["up", "--det"], "there is no flag --det; did you mean --detach?"),  # no short forms
    ],
)
def test_wrong_usage_is_2_and_says_why(
    argv: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == 2
    printed = capsys.readouterr().err
    assert printed.startswith("usage: leadline")
    assert expected in printed


@pytest.mark.parametrize("command", sorted(NAMES))
def test_a_letter_left_out_of_a_flag_or_command_is_suggested(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = set(re.findall(r"--[a-z-]{4,}", COMMANDS[command].parser().format_usage()))
    for flag in flags:
        for at in range(3, len(flag)):
            wrong = flag[:at] + flag[at + 1 :]
            if wrong in flags:
                continue
            with pytest.raises(SystemExit):
                main([command, wrong])
            assert re.search(r"; did you mean --[a-z-]+\?$", capsys.readouterr().err.strip())
    if len(command) > 4:
        with pytest.raises(SystemExit):
            main([command[:2] + command[3:]])
        assert f"did you mean {command}?" in capsys.readouterr().err


def test_a_statement_that_begins_like_a_flag_is_none() -> None:
    _, args = parse(["sql", "--db", "x", "-- a comment\nSELECT 1"])
    assert args.statement == "-- a comment\nSELECT 1"


def test_a_bad_setting_is_2_and_says_which(capsys: pytest.CaptureFixture[str]) -> None:
    ran = leadline(capsys, "replay", "f", "--venue", "binance-spt")
    assert ran.code == 2
    assert ran.err.startswith(
        "leadline replay: --venue: venue = 'binance-spt': expected one of binance-spot"
    )
    assert ran.err.endswith("; did you mean binance-spot?\n")
    assert ran.err.count("\n") == 1


def test_a_flag_that_is_a_setting_is_named_as_it_was_typed(capsys: pytest.CaptureFixture[str]) -> None:
    ran = leadline(capsys, "score", "--days", "never")
    assert (ran.code, ran.out) == (2, "")
    assert "--days: score_days = 'never': expected a number of days" in ran.err


@pytest.mark.parametrize("argv", [["doctor", "--offline"], ["sql", "SELECT 1"], ["stop"], ["automations"]])
def test_a_misspelt_variable_or_key_is_2_for_every_command(argv: list[str], tmp_path: Path) -> None:
    ran = finish(start(tmp_path, *argv, env=environ(LEADLINE_THREDS="3")))
    assert (ran.code, ran.out) == (2, "")
    assert (
        "environment LEADLINE_THREDS: there is no such setting; did you mean LEADLINE_THREADS?" in ran.err
    )
    (tmp_path / "leadline.toml").write_text("simbols = ['BTCUSDT']\n")
    ran = finish(start(tmp_path, *argv, env=environ()))
    assert (ran.code, ran.out) == (2, "")
    assert "leadline.toml: there is no setting 'simbols'; did you mean symbols?" in ran.err


def test_help_gives_the_default_and_the_text_of_each_setting() -> None:
    printed = " ".join(COMMANDS["stream"].parser().format_help().split())
    for key in ("db", "symbols", "snapshot_every_s", "ws_url"):
        setting = SETTINGS[key]
        assert setting.flag in printed
        assert f"{setting.text.rstrip('.')} (default: {setting.in_words(setting.default)})." in printed


def test_help_needs_nothing_heavy() -> None:
    heavy = "prefect numpy numba duckdb rich httpx"
    script = (
        "import sys; from leadline.flows.cli.program import overview, COMMANDS;"
        "overview().format_help(); [each.parser().format_help() for each in COMMANDS.values()];"
        f"print([name for name in '{heavy}'.split() if name in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert ran.stdout == "[]\n"
    assert "usage" in overview().format_help()


def test_python_m_leadline_is_leadline() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "leadline", "--version"], capture_output=True, text=True, check=True
    )
    assert re.fullmatch(r"leadline \S+\n", ran.stdout)


def test_a_proxy_that_cannot_be_used_is_one_line_before_anything_starts(tmp_path: Path) -> None:
    bad = {"ALL_PROXY": "socks4://user:secret@proxy:1080"}
    said = finish(start(tmp_path, "stream", env=environ() | bad))
    assert said.code == 2
    (line,) = said.err.splitlines()
    assert line.startswith("leadline stream: environment all_proxy: expected http://")
    assert line.endswith("got socks4://proxy:1080")
    assert not list(tmp_path.glob("*.duckdb")), "nothing was begun"
    said = finish(start(tmp_path, "prices", "--json", env=environ() | bad))
    assert said.code == 0, "what needs no network is not kept from it"
