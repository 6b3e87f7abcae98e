"""The command line: help, mistakes, and how fast it answers."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from leadline.flows.cli import build_parser, main

COMMANDS = (
    "demo", "stream", "replay", "book", "sql", "record", "doctor", "export", "import", "up",
    "down", "signals", "score", "rescore", "spend", "prices", "stop", "handover", "trust",
    "certify", "report", "dash",
)  # fmt: skip
READ_BY_PROGRAMS = COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_with_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert re.search(rf"example:\n  leadline {command}", said)
    assert ("--json" in said) == (command in READ_BY_PROGRAMS)


def test_the_commands_are_these() -> None:
    said = build_parser().format_help()
    assert re.findall(r"^    (\w+) ", said, re.MULTILINE) == list(COMMANDS)


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["tell"],
        ["book"],
        ["book", "BTCUSDT", "--at", "2026-01-01", "--at-id", "5"],
        ["book", "BTCUSDT", "--levels", "0"],
        ["book", "BTCUSDT", "--format", "xml"],
        ["replay", "--db", "x"],
        ["replay", "f", "--speed", "0"],
        ["stream", "--seconds", "-1"],
        ["demo", "--seconds", "nan"],
        ["sql", "--limit", "few"],
        ["record"],
        ["up", "--det"],  # a flag cut short would not be seen by who looks for the whole word
    ],
)
def test_wrong_usage_is_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: leadline")


def test_a_bad_setting_is_2_and_says_which(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "f", "--venue", "kraken"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("leadline replay: --venue: venue = 'kraken': expected one of binance-spot")
    assert said.count("\n") == 1


def test_help_needs_nothing_heavy() -> None:
    script = (
        "import sys; from leadline.flows.cli import build_parser; build_parser().format_help();"
        "print([name for name in ('prefect', 'numba', 'duckdb', 'rich', 'httpx') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


def test_python_m_flows_is_leadline() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "leadline", "--version"], capture_output=True, text=True, check=True
    )
    assert re.fullmatch(r"leadline \S+\n", ran.stdout)
