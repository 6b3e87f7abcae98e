"""The page of a small store: true figures, hostile names, nothing from elsewhere, words where empty."""

from __future__ import annotations

import json
import re
from html import escape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from leadline.flows.render.elements import VOID
from leadline.storage.access.owner import Owner
from tests.flows.commands import leadline
from tests.flows.dash.conftest import HOSTILE


class Texts(HTMLParser):
    """Collects texts and what a browser would load; fails where elements do not nest."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.loads += [value or "" for name, value in attrs if name in {"src", "href", "srcset", "action"}]
        assert not any(name.startswith("on") for name, _ in attrs)
        assert tag not in {"script", "img", "iframe", "object", "form"}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.words.append(data)


def read(page: str) -> Texts:
    seen = Texts()
    seen.feed(page)
    assert not seen.open
    return seen


@pytest.fixture
def page(small_db: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    out = tmp_path / "page.html"
    said = leadline(capsys, "report", "--db", small_db, "--out", out)
    assert (said.code, said.out) == (0, f"{out}\n")
    assert said.err.startswith("2 of 2 books trusted, as of ")
    assert [file.name for file in tmp_path.iterdir()] == ["page.html"]
    return out.read_text(encoding="utf-8")


def test_the_page_tells_the_store_s_figures(page: str) -> None:
    words = " ".join(" ".join(read(page).words).split())
    # Ten minutes watched, one of them lost to a gap: twice, for two markets.
    assert "90.00% of the time watched is covered" in words
    assert "updates missing: once, 60.00 s" in words
    assert words.count("90.000 %") == 2
    assert "mid 100 · spread 100 bps · imbalance -0.16" in words
    assert "2.00 99.5 100.5 4.00 1.25 99.0 101.0 0.50" in words
    assert words.count("asks beyond 7 bps") == 1
    assert "▲ bullish 0.85" in words
    assert "acme flat-1 1 0 1000 0 0 0.001 0" in words
    assert "1 calls, 0.001 USD in the last 24 hours." in words
    assert "4 coverage" in words
    # No stream has the file: nothing is trusted now, and the page speaks of the newest row.
    assert "trusted now" not in words
    newest = re.search(r"no stream has it open; as of (\S+ \S+) UTC; shown: \S+ \S+ to (\S+),", words)
    assert newest is not None
    assert newest[1].endswith(newest[2])


def test_names_of_symbols_are_text(page: str) -> None:
    assert HOSTILE not in page
    assert escape(HOSTILE) in page
    assert "".join(read(page).words).count(HOSTILE) >= 3
    assert "<b>up</b>" not in page


def test_nothing_is_loaded_from_elsewhere(page: str) -> None:
    assert read(page).loads == ["data:,"]
    addresses = page.replace('xmlns="http://www.w3.org/2000/svg"', "")  # which is a name
    assert not re.findall(r"(?:https?:)?//[\w.-]+", addresses)
    assert not re.findall(r"url\(|@import", page)


def test_figures_for_programs(small_db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(leadline(capsys, "report", "--db", small_db, "--json", "--symbols", "btcusdt").out)
    (btc,) = told["markets"]
    assert (btc["symbol"], btc["light"], btc["reasons"]) == (
        "BTCUSDT", "yellow", ["updates missing: once, 60.00 s"],
    )  # fmt: skip
    assert (btc["covered_s"], btc["watched_s"], btc["covered_share"]) == (540, 600, 0.9)
    assert (told["is_streaming"], told["rows"]["depth_snapshots"]) == (False, 4)
    assert told["books"][0]["bid_px"] == [99.5, 99.0]
    assert told["spend"]["cost_usd"] == "0.001"


def test_an_empty_store_says_what_would_fill_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    db, out = tmp_path / "empty.duckdb", tmp_path / "page.html"
    Owner(db).close()
    said = leadline(capsys, "report", "--db", db, "--out", out)
    assert (said.code, said.err.startswith("no book was watched in this time;")) == (0, True)
    words = " ".join("".join(read(out.read_text(encoding="utf-8")).words).split())
    for expected in (
        "No book was watched in this time.", "No depth sample in this time.", "No decision in this time.",
        "no signal has been scored yet", "No call to a model in these hours", "No figures of a feed",
    ):  # fmt: skip
        assert expected in words


def test_what_is_not_there_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = leadline(capsys, "report", "--db", tmp_path / "no.duckdb")
    assert (said.code, "there is no database" in said.err) == (1, True)
    Owner(tmp_path / "x.duckdb").close()
    out = tmp_path / "no folder" / "page.html"
    said = leadline(capsys, "report", "--db", tmp_path / "x.duckdb", "--out", out)
    assert (said.code, "No such file or directory" in said.err) == (1, True)
