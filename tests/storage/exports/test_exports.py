"""Every way out carries what is stored: read back by the formats' own rules, and into a store again."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from leadline.book.errors import BadInput
from leadline.storage.access.connect import connect
from leadline.storage.access.extensions import open_duckdb
from leadline.storage.errors import BadExport, BadImport, NoStore
from leadline.storage.exports.content import content
from leadline.storage.exports.export import FORMATS, Job, export
from leadline.storage.exports.importing import import_parquet
from leadline.storage.queries.rebuild import book_at
from tests.storage.exports.days import (
    MIDNIGHT_NS,
    NOW,
    START_NS,
    SYMBOL,
    VENUE,
    Stored,
    books_at_ends,
    make_day,
    out,
)
from tests.storage.helpers import Served


def utc(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=dt.UTC)  # type: ignore[misc,arg-type]


# -- parquet: there and back ----------------------------------------------------------------------


OVER_HOURS = {"minutes": 4.0}
SET_BACK_AT_MIDNIGHT = {"minutes": 0.001, "steps": 60, "runs": 1, "start_ns": MIDNIGHT_NS - 500_000_000}


@pytest.mark.parametrize("how", [OVER_HOURS, SET_BACK_AT_MIDNIGHT], ids=["over-hours", "clock-set-back"])
@pytest.mark.parametrize("seed", range(4))
def test_parquet_comes_back_with_the_same_content_and_the_same_books(
    stored: Stored, template: Path, tmp_path: Path, seed: int, how: dict[str, Any]
) -> None:
    db, day = stored(seed, **how)
    made = out(db, tmp_path / "out", "parquet")
    assert len(made) == len({c.ts_from[:10] for c in made}) > 1
    again = Path(shutil.copy(template, tmp_path / "again.duckdb"))
    with connect(again, write=True) as con:
        taken = import_parquet(con, tmp_path / "out")
        assert [day.content for day in taken] == [c.content["sha256"] for c in made]
        with connect(db) as first:
            window = (VENUE, SYMBOL, *day.moments)
            assert content(con, *window) == content(first, *window)
            everything = """
                SELECT * EXCLUDE (seq, mono_from_ns, mono_to_ns, ts_event) FROM coverage ORDER BY ts_from
            """
            assert con.execute(everything).fetchall() == first.execute(everything).fetchall()
            runs = "SELECT symbol, first_id, last_id FROM trade_coverage ORDER BY ALL"
            assert con.execute(runs).fetchall() == first.execute(runs).fetchall() != []
    assert books_at_ends(again) == books_at_ends(db)
    with connect(again, write=True) as con, pytest.raises(BadImport, match="a second copy"):
        import_parquet(con, tmp_path / "out")


def test_a_later_day_alone_can_be_followed_from_the_book_it_opens_on(
    stored: Stored, template: Path, tmp_path: Path
) -> None:
    db, day = stored(3, runs=1, steps=60, minutes=6.0)
    made = out(db, tmp_path / "out", "parquet", since=utc(2026, 5, 29))
    assert [entry.path.split("/")[0] for entry in made[0].files].count("seeds_opening") == 1
    again = Path(shutil.copy(template, tmp_path / "again.duckdb"))
    with connect(again, write=True) as con, connect(db) as first:
        import_parquet(con, tmp_path / "out")
        for at in (
            utc(2026, 5, 29),
            utc(2026, 5, 29, 0, 30),
            day.moments[1] - dt.timedelta(milliseconds=1),
        ):
            one, two = book_at(con, SYMBOL, at=at), book_at(first, SYMBOL, at=at)
            assert (one.last_id, one.bids, one.asks) == (two.last_id, two.bids, two.asks)


def test_days_join_only_where_no_update_between_them_is_missing(
    stored: Stored, template: Path, tmp_path: Path
) -> None:
    db, _ = stored(3, runs=1, steps=200, minutes=25.0)
    first, second, third, *_ = out(db, tmp_path / "out", "parquet")
    aside = tmp_path / "aside"
    aside.mkdir()
    (tmp_path / "out" / second.name).rename(aside / second.name)
    again = Path(shutil.copy(template, tmp_path / "again.duckdb"))
    with connect(again, write=True) as con:
        import_parquet(con, tmp_path / "out")
        covered = con.execute("SELECT first_id, last_id FROM coverage ORDER BY ts_from").fetchall()
    told = [certificate.intervals[0] for certificate in (first, third)]
    assert [first_id for first_id, _ in covered] == [interval["first_id"] for interval in told]
    assert covered[0][1] == told[0]["last_id"]


def test_it_goes_through_an_owner_in_another_process(stored: Stored, tmp_path: Path) -> None:
    db, day = stored(2)
    local = {style: out(db, tmp_path / style, style) for style in ("parquet", "hftbacktest", "tardis")}
    (tmp_path / "empty").mkdir()
    with Served(db):
        for style, made in local.items():
            assert out(db, tmp_path / f"{style}-2", style) == made
    with Served(tmp_path / "again.duckdb"), connect(tmp_path / "again.duckdb", write=True) as con:
        import_parquet(con, tmp_path / "parquet")
        assert content(con, VENUE, SYMBOL, *day.moments).rows["depth_diffs"] > 0


def test_what_was_changed_on_the_way_is_not_taken_in(
    stored: Stored, template: Path, tmp_path: Path
) -> None:
    db, _ = stored(1)
    made = out(db, tmp_path / "out", "parquet")
    again = Path(shutil.copy(template, tmp_path / "again.duckdb"))
    with connect(again, write=True) as con:
        with pytest.raises(NoStore, match="holds no export"):
            import_parquet(con, tmp_path)
        path = tmp_path / "out" / made[0].name
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(made[0].content["sha256"], "0" * 64), encoding="utf-8")
        with pytest.raises(BadImport, match="expected content 000"):
            import_parquet(con, tmp_path / "out")
        assert con.execute("SELECT count(*) FROM depth_diffs").fetchone() == (0,)
        path.write_text(text, encoding="utf-8")
        file = tmp_path / "out" / made[0].files[0].path
        file.write_bytes(file.read_bytes() + b"x")
        with pytest.raises(BadImport, match="expected SHA-256"):
            import_parquet(con, tmp_path / "out")
        file.unlink()
        with pytest.raises(BadImport, match="is missing"):
            import_parquet(con, tmp_path / "out")


# -- tardis ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [{}, SET_BACK_AT_MIDNIGHT], ids=["over-hours", "clock-set-back"])
@pytest.mark.parametrize("seed", range(3))
def test_tardis_files_read_as_documented_give_every_book(
    stored: Stored, tmp_path: Path, seed: int, how: dict[str, Any]
) -> None:
    db, day = stored(seed, **how)
    made = out(db, tmp_path / "out", "tardis")
    books, rows = [], []
    for certificate in made:
        path = tmp_path / "out" / certificate.files[0].path
        assert path.name == f"{VENUE}_incremental_book_L2_{certificate.ts_from[:10]}_{SYMBOL}.csv.gz"
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            rows += list(csv.DictReader(file))
    assert list(rows[0]) == [
        "exchange", "symbol", "timestamp", "local_timestamp", "is_snapshot", "side", "price", "amount",
    ]  # fmt: skip
    book: dict[float, float] = {}
    was_snapshot = False
    for row in rows:
        is_snapshot = row["is_snapshot"] == "true"
        if is_snapshot and not was_snapshot:
            books.append(book)
            book = {}
        was_snapshot = is_snapshot
        assert "e" not in row["price"] + row["amount"]
        book.pop(float(row["price"]), None)
        if float(row["amount"]):
            book[float(row["price"])] = float(row["amount"]) * (-1 if row["side"] == "bid" else 1)
    books.append(book)
    wanted = list(books_at_ends(db).values())
    assert [one for one in books if one in wanted] == wanted
    local = [int(row["local_timestamp"]) for row in rows]
    assert local == sorted(local)
    with gzip.open(tmp_path / "out" / made[0].files[1].path, "rt", encoding="utf-8") as file:
        first = next(csv.DictReader(file))
    trade = next(m for _, m in day.messages if hasattr(m, "trade_id"))
    assert first["id"] == str(trade.trade_id)
    assert first["side"] == ("sell" if trade.buyer_is_maker else "buy")
    assert int(first["timestamp"]) == trade.ts_trade_ns // 1000


def test_both_carry_the_same_depth_and_trades(stored: Stored, tmp_path: Path) -> None:
    db, _ = stored(4)
    one, two = (out(db, tmp_path / style, style) for style in ("hftbacktest", "tardis"))
    for name in ("depth", "trades"):
        assert [c.carried[name] for c in one] == [c.carried[name] for c in two]
    assert [c.content for c in one] == [c.content for c in two]


# -- what the certificate says --------------------------------------------------------------------


def test_gaps_are_named_with_cause_and_ids(stored: Stored, tmp_path: Path) -> None:
    db, _ = stored(0, runs=3, steps=8)
    since, until = utc(2026, 5, 28, 21), utc(2026, 5, 28, 23, 59)
    (made,) = out(db, tmp_path / "out", "tardis", since=since, until=until)
    told = json.loads((tmp_path / "out" / made.name).read_text(encoding="utf-8"))
    with connect(db) as con:
        covered = con.execute(
            "SELECT ts_from, ts_to, first_id, last_id, ended_by FROM coverage ORDER BY ts_from"
        ).fetchall()
    assert len(covered) == 3
    assert [i["ended_by"] for i in told["intervals"]] == ["gap", "gap", "stopped"]
    causes = ["no trusted book was stored before", "gap", "gap", "stopped"]
    assert [gap["cause"] for gap in told["gaps"]] == causes
    assert [(g["after_id"], g["before_id"]) for g in told["gaps"]] == [
        (None, covered[0][2]),
        (covered[0][3], covered[1][2]),
        (covered[1][3], covered[2][2]),
        (covered[2][3], None),
    ]
    gap_s = sum(gap["seconds"] for gap in told["gaps"])
    assert told["covered_s"] + gap_s == pytest.approx((until - since).total_seconds())
    assert (told["ts_from"], told["ts_to"]) == ("2026-05-28T21:00:00Z", "2026-05-28T23:59:00Z")


def test_bad_wishes_are_refused_with_what_there_is(stored: Stored, tmp_path: Path) -> None:
    db, _ = stored(0)
    with connect(db) as con:
        for job, error, words in (
            (Job(SYMBOL, "xml", tmp_path), BadInput, "expected one of parquet"),
            (Job("NOSUCH", "tardis", tmp_path), NoStore, "not one row"),
            (Job(SYMBOL, "tardis", tmp_path, since=NOW), NoStore | BadInput, "empty|rows are stored from"),
            (
                Job(SYMBOL, "tardis", tmp_path, until=utc(2020, 1, 1), since=utc(2019, 1, 1)),
                NoStore,
                "rows are stored from 2026-05-28",
            ),
        ):
            kinds = error if isinstance(error, type) else error.__args__
            with pytest.raises(kinds, match=words):
                export(con, job, now=NOW)


def test_less_never_replaces_more(stored: Stored, tmp_path: Path) -> None:
    db, day = stored(0)
    out(db, tmp_path / "out", "hftbacktest")
    before = {path: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    with pytest.raises(BadExport, match="it was left as it is"):
        out(db, tmp_path / "out", "hftbacktest", until=day.moments[0] + dt.timedelta(minutes=20))
    assert {path: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_exported_parquet_is_plain_to_others(stored: Stored, tmp_path: Path) -> None:
    db, day = stored(1)
    out(db, tmp_path / "out", "parquet")
    with open_duckdb() as plain:
        rows = plain.execute(
            "SELECT count(*) FROM read_parquet(?, hive_partitioning = true) WHERE symbol = ?",
            [f"{tmp_path}/out/trades/**/*.parquet", SYMBOL],
        ).fetchone()
    assert rows == (len([m for _, m in day.messages if hasattr(m, "trade_id")]),)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 10**6),
    runs=st.integers(1, 4),
    steps=st.integers(1, 20),
    minutes=st.sampled_from([0.001, 1.0, 25.0]),
    start_ns=st.sampled_from([START_NS, MIDNIGHT_NS - 500_000_000]),
    window=st.tuples(st.floats(0, 0.6), st.floats(0.7, 1)),
)
@example(seed=2618, runs=1, steps=16, minutes=0.001, start_ns=START_NS, window=(0.3125, 1.0))
def test_any_window_of_any_day_goes_out_and_comes_back(
    template: Path,
    seed: int,
    runs: int,
    steps: int,
    minutes: float,
    start_ns: int,
    window: tuple[float, float],
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        db = Path(shutil.copy(template, folder / "a.duckdb"))
        day = make_day(seed, runs=runs, steps=steps, minutes=minutes, start_ns=start_ns)
        day.store(db)
        first, last = day.moments
        since, until = (first + part * (last - first) for part in window)
        event(f"{runs} runs")
        made = {}
        for style in FORMATS:
            try:
                made[style] = out(db, folder / style, style, since=since, until=until)
            except NoStore:
                event("no row in the window")
                return
        again = Path(shutil.copy(template, folder / "b.duckdb"))
        with connect(again, write=True) as con:
            import_parquet(con, folder / "parquet")
        if not any(sum(c.rows.values()) for c in made["parquet"]):
            event("nothing said in the window")  # only the book it opens on went out
            return
        for style in ("hftbacktest", "tardis"):  # and out again: the store that came back says the same
            second = out(again, folder / f"{style}-2", style, since=since, until=until)
            assert [c.carried for c in second if c.rows["depth_diffs"]] == [
                c.carried for c in made[style] if c.rows["depth_diffs"]
            ]
            assert [c.content["sha256"] for c in second if sum(c.rows.values())] == [
                c.content["sha256"] for c in made[style] if sum(c.rows.values())
            ]
