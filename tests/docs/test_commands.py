"""
Every command, question and program of the README and the tutorial is run as it is written.

The README and the tutorial begin with ``make demo``; the fixture `demo` is that run, and what follows it
runs in its folder. What names Binance goes to a built-in venue; what runs until Ctrl-C gets one. The
questions of every page run on the demo's database.
"""

from __future__ import annotations

import re
import shutil
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from leadline.flows.local.prefect_server import free_port
from leadline.storage.access.connect import connect
from leadline.storage.errors import StoreError
from leadline.tasks.loopback.base.options import Options
from leadline.tasks.loopback.threaded import ThreadedVenue, run_in_thread
from tests.demo import SECONDS, DemoRun, activated
from tests.docs.pages import DOCS, PAGES, README, ROOT, Page
from tests.flows.commands import environ, finish, started
from tests.flows.waiting import until

READ = [Page(README), Page(DOCS / "tutorial.md")]
PYTHON = [*READ, Page(DOCS / "reading-data.md")]
ENDLESS = ("leadline stream", "leadline up", "leadline dash")
CLAIMS = 11
MUST_ANSWER = {page.path for page in READ}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@dataclass(frozen=True, slots=True)
class Line:
    """One command of a page."""

    text: str
    at: str

    @property
    def is_endless(self) -> bool:
        return self.text.startswith(ENDLESS)


def lines(pages: list[Page]) -> list[Line]:
    """Take the commands out of the pages, each once, a comment at its end cut off."""
    found: dict[str, Line] = {}
    for page in pages:
        for block in page.blocks("sh"):
            for number, text in enumerate(block.text.splitlines(), block.line):
                command = re.sub(r"\s{2,}#.*|^#.*", "", text).strip()
                if command:
                    found.setdefault(command, Line(command, f"{page.name}:{number}"))
    return list(found.values())


def params(chosen: list[Line]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("line", [pytest.param(one, id=f"{one.at} {one.text}") for one in chosen])


EVERY = lines(READ)
MADE = [one for one in EVERY if one.text.startswith("make ")]
LONG = [one for one in EVERY if one.is_endless]
SHORT = [one for one in EVERY if one not in MADE and one not in LONG and not one.text.startswith("cd ")]


@params(MADE)
def test_what_make_does(line: Line, demo: DemoRun) -> None:
    """The demo ran; the tests are running. Both by the very target that the page names, shown dry here."""
    expected = {
        "make demo": f".venv/bin/leadline demo --seconds {SECONDS}",
        "make test": ".venv/bin/pytest -n 3 --dist worksteal",
    }
    dry = (*line.text.split(), "-n", "-s", "-o", ".venv/.ready", f"SECONDS_OF_DEMO={SECONDS}")
    said = finish(started(demo.folder, *dry, env=environ()))
    assert said.code == 0, said.err
    assert said.out.splitlines()[-1] == expected[line.text]
    # Whether the claims hold is asked in tests/flows/demo/test_run.py, of this same run.
    assert demo.said.out.count('"claim"') == CLAIMS


@params(SHORT)
def test_a_command(line: Line, demo: DemoRun) -> None:
    said = finish(started(demo.folder, "bash", "-euc", line.text, env=activated()))
    assert said.code == 0, said.out + said.err
    assert said.out.strip() or line.text.startswith(". ")
    assert "Traceback" not in said.err


@pytest.fixture(scope="module")
def venue() -> Iterator[ThreadedVenue]:
    with run_in_thread(Options(symbols=("BTCUSDT", "ETHUSDT"))) as running:
        yield running


@params(LONG)
def test_a_command_that_runs_until_ctrl_c(line: Line, venue: ThreadedVenue, tmp_path: Path) -> None:
    urls = {"LEADLINE_WS_URL": venue.ws_url, "LEADLINE_REST_URL": venue.rest_url}
    port = f" --port {free_port()}" if line.text.startswith("leadline up") else ""
    (tmp_path / "prefect.yaml").symlink_to(ROOT / "prefect.yaml")
    running = started(tmp_path, "bash", "-euc", f"exec {line.text}{port}", env={**activated(), **urls})
    try:
        until(
            lambda: live(tmp_path / "leadline.duckdb") == {"BTCUSDT", "ETHUSDT"}, line.text, timeout_s=450
        )
    finally:
        running.send_signal(signal.SIGINT)
        said = finish(running)
    assert said.code == 0, said.out + said.err
    assert "Traceback" not in said.err


def live(db: Path) -> set[str]:
    """Name the symbols that were LIVE once, asked of a stream that serves; else we would own the file."""
    if not db.with_name(f"{db.name}.quack.json").exists():
        return set()
    try:
        with connect(db) as con:
            rows = con.execute("SELECT DISTINCT symbol FROM book_events WHERE to_state = 'LIVE'").fetchall()
    except StoreError:
        return set()
    return {symbol for (symbol,) in rows}


# -- questions in SQL --------------------------------------------------------------------------------


def questions() -> Iterator[object]:
    for page in map(Page, PAGES):
        for block in page.blocks("sql"):
            for number, text in enumerate(filter(str.strip, block.text.split(";")), 1):
                yield pytest.param(
                    text, page.path in MUST_ANSWER, id=f"{page.name}:{block.line} question {number}"
                )


@pytest.fixture(scope="module")
def copy(demo: DemoRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copy(demo.db, tmp_path_factory.mktemp("questions")))


@pytest.mark.parametrize(("question", "has_answer"), list(questions()))
def test_a_question(question: str, has_answer: bool, copy: Path) -> None:
    with connect(copy) as con:
        rows = con.execute(question).fetchall()
    assert rows or not has_answer


# -- programs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(block.text, id=f"{page.name}:{block.line}")
        for page in PYTHON
        for block in page.blocks("python")
    ],
)
def test_a_program(program: str, demo: DemoRun) -> None:
    said = finish(started(demo.folder, sys.executable, "-c", program, env=activated()))
    assert said.code == 0, said.err
    assert "BTCUSDT" in said.out
