"""The short flows that run on their own: snapshot-depth from the store, maintain-store."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from leadline.book.venues.binance.sequence import SPOT
from leadline.storage.access.connect import connect
from leadline.storage.signals import rows
from leadline.storage.signals.rows import Text
from leadline.storage.symbols.watchlist import say
from tests.flows.commands import finish, start
from tests.flows.recordings.test_replay import CLEAN, write

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    said = finish(start(tmp_path, "replay", write(tmp_path / "a", CLEAN), "--engine", "plain"))
    assert said.code == 0
    monkeypatch.setenv("LEADLINE_SNAPSHOT_LEVELS", "1")
    return tmp_path / "leadline.duckdb"


async def test_a_sample_from_the_store_is_a_row_and_a_finding(db: Path) -> None:
    from leadline.flows.snapshot_depth import snapshot_depth

    state = await snapshot_depth(db=str(db), symbols=["BTCUSDT", "XYZUSDT"], return_state=True)
    assert state.is_completed()
    assert state.message == "1 of 2 books of binance-spot trusted"
    with connect(db) as con:
        rows = con.execute(
            "SELECT symbol, last_id, bid_px, ask_qty, mid, imbalance, bid_depth, trusted, reason "
            "FROM depth_snapshots ORDER BY symbol"
        ).fetchall()
    lean = pytest.approx((1.5 - 7.25) / 8.75)
    assert rows[0] == ("BTCUSDT", 40, [99.0], [7.25], 100.5, lean, [0.0] * 4, True, "")
    assert rows[1][:2] == ("XYZUSDT", -1)
    assert rows[1][7] is False
    assert "no trusted book" in rows[1][8]


async def test_a_database_that_is_not_there_fails_the_run(tmp_path: Path) -> None:
    from leadline.flows.maintain import maintain_store

    state = await maintain_store(db=str(tmp_path / "no" / "x.duckdb"), return_state=True)
    assert state.is_failed()
    assert "no" in str(state.message)


async def test_old_rows_go_and_the_run_says_how_many(db: Path) -> None:
    from leadline.flows.maintain import maintain_store

    state = await maintain_store(db=str(db), keep_days=1, return_state=True)
    assert state.is_completed()
    assert "3 of depth_diffs" in str(state.message)
    with connect(db) as con:
        assert con.execute("SELECT count(*) FROM depth_diffs").fetchall() == [(0,)]


async def test_old_texts_of_models_go_by_their_own_setting(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from leadline.flows.maintain import maintain_store

    now = dt.datetime.now(dt.UTC)
    with connect(db, write=True) as con:
        for signal_id, days in (("old", 3), ("new", 1)):
            text = Text(
                signal_id=signal_id, ts=now - dt.timedelta(days=days), request_hash="h", messages=[],
                answer=None, capability=None,
            )  # fmt: skip
            rows.put_texts(con, [text])
    monkeypatch.setenv("LEADLINE_KEEP_TEXTS_DAYS", "2")
    state = await maintain_store(db=str(db), keep_days=36_500, return_state=True)
    assert "dropped 1 texts of models, older than 2 days" in str(state.message)
    with connect(db) as con:
        assert con.execute("SELECT signal_id FROM llm_texts").fetchall() == [("new",)]


async def test_days_are_exported_before_they_go(db: Path, tmp_path: Path) -> None:
    from leadline.flows.maintain import maintain_store

    folder = tmp_path / "export"
    given = {"db": str(db), "keep_days": 1, "export_to": str(folder)}
    state = await maintain_store(**given, drop=False, rewrite=True, return_state=True)
    assert state.is_completed()
    said = str(state.message)
    assert said.startswith(f"exported 8 rows as 4 files to {folder}; the file has ")
    assert "; rewritten: " in said
    assert "dropped" not in said
    with connect(db) as con:
        assert con.execute("SELECT count(*) FROM depth_diffs").fetchall() == [(3,)]

    # What is there already is left, then the rows go; nothing can be exported twice as less.
    state = await maintain_store(**given, return_state=True)
    assert "3 of depth_diffs" in str(state.message)
    state = await maintain_store(**given, return_state=True)
    assert "exported 0 rows as 0 files" in str(state.message)
    files = sorted(path.parts[-5] for path in folder.rglob("*.parquet"))
    assert files == ["book_events", "coverage", "depth_diffs", "seeds"]


async def test_nothing_is_dropped_when_the_export_fails(db: Path, tmp_path: Path) -> None:
    from leadline.flows.maintain import maintain_store

    (tmp_path / "export").write_text("a file where a folder should be")
    given = {"db": str(db), "keep_days": 1, "export_to": str(tmp_path / "export")}
    state = await maintain_store(**given, return_state=True)
    assert state.is_failed()
    with connect(db) as con:
        assert con.execute("SELECT count(*) FROM depth_diffs").fetchall() == [(3,)]


async def test_a_file_somebody_has_open_is_not_written_anew(db: Path) -> None:
    from leadline.flows.maintain import maintain_store
    from leadline.storage.access.owner import Owner

    with Owner(db, serve=True):
        state = await maintain_store(db=str(db), drop=False, rewrite=True, return_state=True)
    assert state.is_completed()
    assert "not rewritten" in str(state.message)


def test_the_report_of_many_books_stays_small() -> None:
    from leadline.book.rows.batch import Market
    from leadline.book.scale import Scale
    from leadline.flows.snapshot_depth import ROWS_SHOWN, DepthReport
    from leadline.flows.streaming.sampling import untrusted

    markets = [Market("v", f"S{n}", Scale(0, 0), SPOT) for n in range(300)]
    report = DepthReport.of("v", markets, [untrusted(n, 0, "gap") for n in range(300)])
    assert (report.books, report.trusted, len(report.rows)) == (300, 0, ROWS_SHOWN)
    assert report.summary() == "0 of 300 books of v trusted"


async def test_the_certificate_is_an_artifact_and_files(
    tmp_path: Path, db: Path, prefect_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from leadline.flows.certify import KEY, certify_data
    from leadline.flows.demo.prefect_proof import ask

    empty = await certify_data(db=str(db), return_state=True)
    assert empty.message == "nothing was watched in these days"
    monkeypatch.setenv("LEADLINE_HOME", str(tmp_path / "home"))
    state = await certify_data(db=str(db), days=365 * 20, return_state=True)
    assert "0 gaps, 3 diffs of 1 symbols" in str(state.message)
    found = ask(prefect_server, "/artifacts/filter", {"artifacts": {"key": {"any_": [KEY]}}})
    page = max(found, key=lambda each: each["created"])["data"]
    assert "| 2023-11-14 | binance-spot | BTCUSDT |" in page
    place = tmp_path / "home" / "certificates" / "binance-spot" / "BTCUSDT"
    told = json.loads((place / "2023-11-14.json").read_text(encoding="utf-8"))
    assert f"| {told['content']['sha256'][:12]} |" in page
    assert not told["is_provisional"]
    made = {path: path.stat().st_mtime_ns for path in place.iterdir()}
    assert {path.name for path in made} == {"2023-11-14.json", "2023-11-14.html"}
    await certify_data(db=str(db), days=365 * 20)
    assert {path: path.stat().st_mtime_ns for path in place.iterdir()} == made


async def test_spend_and_signals_of_a_store_without_live_books(
    db: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from leadline.flows.analyze import analyze_signals
    from leadline.flows.costs import track_costs

    assert (await track_costs(db=str(db), return_state=True)).message == "0 calls, 0 USD in 24 hours"
    monkeypatch.setenv("LEADLINE_LLM_PROVIDER", "none")
    state = await analyze_signals(db=str(db), return_state=True)
    assert state.message == "no model asked; 6 of the baselines"
    with connect(db) as con:
        told = con.execute("SELECT DISTINCT outcome, direction FROM signals").fetchall()
    assert told == [("refused_untrusted", None)]
    with connect(db, write=True) as con:
        say(con, "binance-spot", ["ADAUSDT"], is_wanted=True, who="me", now=dt.datetime.now(dt.UTC))
    await analyze_signals(db=str(db))
    with connect(db) as con:
        symbols = con.execute("SELECT DISTINCT symbol FROM signals ORDER BY ALL").fetchall()
    assert symbols == [("ADAUSDT",), ("BTCUSDT",), ("ETHUSDT",)], "what is streamed is decided on"


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"keep_days": -1}, "flow parameter: keep_days = -1.0: expected a number of days from 0.01"),
        ({"db": " "}, "flow parameter: db = ' ': expected a text"),
    ],
)
async def test_a_parameter_that_cannot_be_fails_the_run_with_its_name(
    parameters: dict[str, object], expected: str
) -> None:
    from leadline.flows.maintain import maintain_store

    state = await maintain_store(**parameters, return_state=True)
    assert state.is_failed()
    assert expected in str(state.message)
