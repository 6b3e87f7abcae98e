"""``leadline certify``: the files of a day, their check against the store, and the page in a browser."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from leadline.storage.access.connect import connect
from tests.flows.certificates.test_layout import read
from tests.flows.commands import environ, leadline
from tests.storage.exports.days import ODD, make_day

DAY = "2026-05-28"  # of make_day
PNG = b"\x89PNG"


@pytest.fixture
def db(tmp_path: Path) -> Path:
    make_day(1).store(tmp_path / "x.duckdb")
    return tmp_path / "x.duckdb"


def certified(capsys: pytest.CaptureFixture[str], db: Path, *more: object) -> dict[str, object]:
    said = leadline(
        capsys, "certify", ODD.symbol, "--day", DAY, "--db", db, "--out", db.parent / "out", "--json", *more
    )
    assert said.code == 0, said.err
    (told,) = json.loads(said.out)
    return dict(told)


def test_a_day_becomes_a_json_and_a_page(
    db: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = certified(capsys, db)
    place = tmp_path / "out" / ODD.venue / ODD.symbol
    assert {path.name for path in place.iterdir()} == {f"{DAY}.json", f"{DAY}.html"}
    assert told["files"] == {"json": str(place / f"{DAY}.json"), "html": str(place / f"{DAY}.html")}
    stored = json.loads((place / f"{DAY}.json").read_text(encoding="utf-8"))
    assert stored == {name: value for name, value in told.items() if name not in {"files", "outcome"}}
    page = (place / f"{DAY}.html").read_text(encoding="utf-8")
    words = " ".join(read(page).words)
    assert stored["content"]["sha256"] in words
    assert f"{ODD.symbol} on {DAY}" in words
    assert all(gap["cause"] in words for gap in stored["gaps"])
    assert page.count("<svg") == 3  # the day, the part of it that was watched, and the panels
    assert "<script" not in page
    assert len(page) < 400_000

    before = {path: path.read_bytes() for path in place.iterdir()}
    again = certified(capsys, db)
    assert again["outcome"] == "unchanged"
    assert again["made_at"] == told["made_at"]
    assert {path: path.read_bytes() for path in place.iterdir()} == before


def test_a_person_reads_it_and_the_newest_day_is_the_default(
    db: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADLINE_HOME", str(tmp_path / "home"))
    said = leadline(capsys, "certify", ODD.symbol, "--db", db)
    assert said.code == 0
    assert f"{ODD.venue} {ODD.symbol} 2026-05-29" in said.out
    assert "(final)" in said.out
    assert "attested  never: no book ticker came" in said.out
    assert "gap" in said.out
    assert (tmp_path / "home" / "certificates" / ODD.venue / ODD.symbol / "2026-05-29.html").exists()


def test_a_store_that_says_something_else_is_told_in_words(
    db: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = certified(capsys, db)
    file = told["files"]["json"]  # type: ignore[index]
    said = leadline(capsys, "certify", "--verify", file, "--db", db)
    assert (said.code, "holds exactly what was certified" in said.out) == (0, True)
    with connect(db, write=True) as con:
        con.execute(
            "UPDATE depth_diffs SET bid_qty = [9.5] WHERE last_id = (SELECT min(last_id) FROM depth_diffs)"
        )
    said = leadline(capsys, "certify", "--verify", file, "--db", db)
    assert said.code == 1
    assert "is NOT what was certified" in said.out
    assert "depth_diffs: " in said.out
    said = leadline(capsys, "certify", "--verify", file, "--db", db, "--json")
    assert (said.code, json.loads(said.out)["is_equal"]) == (1, False)


def test_a_certificate_of_rows_that_are_gone_is_kept(db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = certified(capsys, db)
    with connect(db, write=True) as con:
        con.execute("DELETE FROM trades")
    again = certified(capsys, db)
    assert again["outcome"] == "kept"
    assert again["rows"] == told["rows"]


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        ((), 2, "expected a symbol to certify, or --verify FILE"),
        (("BTCUSDT", "--verify", "x.json"), 2, "expected a symbol to certify, or --verify FILE"),
        (("BTCUSDT", "--day", "yesterday"), 2, "--day 'yesterday': expected a UTC day"),
        (("NOPE",), 1, "nothing is stored of 'NOPE'"),
        ((ODD.symbol[:-1],), 1, f"did you mean {ODD.symbol}?"),
        ((ODD.symbol, "--day", "2020-01-01"), 1, "on 2020-01-01"),
        (("--verify", "no.json"), 1, "no.json cannot be read"),
    ],
)
def test_wrong_questions(
    db: Path, capsys: pytest.CaptureFixture[str], given: tuple[str, ...], code: int, words: str
) -> None:
    said = leadline(capsys, "certify", *given, "--db", db)
    assert (said.code, said.out) == (code, "")
    assert words in said.err


def test_a_browser_shows_the_page_and_has_nothing_to_complain_of(
    db: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no chromium on this machine")
    told = certified(capsys, db)
    page, picture = told["files"]["html"], tmp_path / "page.png"  # type: ignore[index]
    shown = subprocess.run(
        [
            browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr", "--log-level=0",
            "--window-size=1100,3000", f"--screenshot={picture}", Path(str(page)).as_uri(),
        ],
        capture_output=True, text=True, timeout=240, env=environ(HOME=str(tmp_path)), check=False,
    )  # fmt: skip
    assert shown.returncode == 0, shown.stderr
    complaints = [line for line in shown.stderr.splitlines() if ":CONSOLE" in line]
    assert complaints == []
    assert picture.read_bytes().startswith(PNG)
    assert picture.stat().st_size > 30_000  # an empty page is a few thousand bytes
