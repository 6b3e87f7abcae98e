"""Whatever a venue or a model wrote: no command reaches the terminal, and data stay exact elsewhere."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import logging
from pathlib import Path

import pytest
from hypothesis import example, given
from rich.table import Table
from rich.text import Text

from leadline.flows.config.logs import log_to
from leadline.flows.render.elements import tag
from leadline.flows.render.tables import csv_lines, json_lines, table_lines
from leadline.flows.terminal.console import to_stderr, to_stdout
from leadline.flows.terminal.screen import Screen
from tests.flows.render.test_visible import ANY, is_hidden

EVIL = "\x1b[31mRED\x1b]0;title\x07\x9b2J\u202e\x7f\r"


class Terminal(io.StringIO):
    """An output that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def hidden(said: str) -> list[str]:
    return [char for char in said if is_hidden(char) and char != "\n"]


def printed(lines: list[str], *, is_data: bool, out: io.StringIO) -> str:
    with contextlib.redirect_stdout(out):
        to_stdout(lines, is_data=is_data)
    return out.getvalue()


@given(ANY)
@example(EVIL)
def test_no_text_commands_a_terminal(text: str) -> None:
    text = text.replace("\t", " ")
    for lines in (table_lines([text], [[text]]), csv_lines([text], [[text]]), json_lines(["a"], [[text]])):
        assert not hidden(printed(list(lines), is_data=True, out=Terminal()))
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors):
        to_stderr(text)
    assert not hidden(errors.getvalue())


@given(ANY)
@example(EVIL)
def test_a_drawn_text_commands_no_terminal(text: str) -> None:
    table = Table("a", "b")
    table.add_row(Text(text), Text(text, overflow="ellipsis", no_wrap=True))
    out = io.StringIO()
    Screen(file=out, width=40, force_terminal=True, color_system=None).print(Text(text), table)
    assert not hidden(out.getvalue())


@given(ANY)
@example(EVIL)
def test_data_for_a_program_are_exact(text: str) -> None:
    rows = printed(list(csv_lines(["a", "b"], [[text, "x"]])), is_data=True, out=io.StringIO())
    assert list(csv.reader(io.StringIO(rows, newline=""), strict=True))[1:] == [[text, "x"]]
    told = printed(list(json_lines(["a"], [[text]])), is_data=False, out=io.StringIO())
    assert json.loads(told) == [{"a": text}]


def test_a_page_hides_nothing() -> None:
    assert tag("p", EVIL, title=EVIL).count("\\x1b") == 4
    assert not hidden(tag("p", EVIL, title=EVIL))


def test_log_lines_command_no_terminal(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with log_to(tmp_path / "a.log", "INFO"):
        logging.getLogger("leadline.test").warning("venue said %s", EVIL)
    said = (tmp_path / "a.log").read_text("utf-8")
    assert "venue said \\x1b[31mRED" in said
    assert not hidden(said)
