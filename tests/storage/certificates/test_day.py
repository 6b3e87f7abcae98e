"""The certificate of a day: it says what is stored, its hash is the content's, and it can be checked."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path

import pytest

from leadline.book.venues.registry import spec_of
from leadline.storage.access.connect import Connection, connect
from leadline.storage.certificates.day import certify_day, differences, read_day, venues
from leadline.storage.errors import BadExport, NoStore
from leadline.storage.exports.content import content
from leadline.storage.exports.export import Job, export
from tests.storage.exports.days import ODD, Day, make_day
from tests.storage.helpers import Served

LATER = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)


@pytest.fixture
def day() -> Day:
    return make_day(1)


@pytest.fixture
def stored(day: Day, tmp_path: Path) -> Path:
    day.store(tmp_path / "x.duckdb")
    return tmp_path / "x.duckdb"


@pytest.mark.parametrize("remote", [False, True], ids=["local", "remote"])
def test_a_day_says_what_is_stored(day: Day, stored: Path, remote: bool) -> None:
    served = Served(stored) if remote else None
    first, _ = day.moments
    with connect(stored) as con:
        assert venues(con, ODD.symbol, first.date()) == [ODD.venue]
        assert venues(con, "NOPE", first.date()) == []
        told, course = certify_day(
            con, ODD.venue, ODD.symbol, first.date(), now=LATER, made_by="leadline test"
        )
        midnight = dt.datetime.combine(first.date(), dt.time(), dt.UTC)
        whole = content(con, ODD.venue, ODD.symbol, midnight, midnight + DAY)
        assert told["content"]["sha256"] == whole.digest
        assert differences(con, told) == []
    if served is not None:
        served.stop()
    assert told["is_provisional"] is False
    assert told["ts_to"] == (midnight + DAY).replace(tzinfo=None).isoformat() + "Z"
    end_ns = (midnight + DAY).timestamp() * 1e9
    here = [message for _, message in day.messages if message.ts_recv_ns < end_ns]
    assert sum(told["rows"].values()) == len(here)
    assert told["spread"]["source"] == "book_tickers"
    assert told["spread"]["p50_bps"] == pytest.approx(1e4 * 2 / 2000, rel=1e-3)
    assert told["attestation"]["checked"] == 0
    assert told["covered_s"] == pytest.approx(sum(_seconds(one) for one in told["intervals"]), abs=0.001)
    assert told["covered_s"] + sum(gap["seconds"] for gap in told["gaps"]) == pytest.approx(
        86_400, abs=0.01
    )
    assert course.span_s is not None
    drawn = float(course.diffs["diffs_per_s"].sum()) * course.step_s
    assert drawn == pytest.approx(told["rows"]["depth_diffs"])
    json.dumps(told)


def _seconds(interval: dict[str, str]) -> float:
    a, z = (dt.datetime.fromisoformat(interval[name]) for name in ("ts_from", "ts_to"))
    return (z - a).total_seconds()


def test_an_open_day_is_provisional_and_ends_now(day: Day, stored: Path) -> None:
    first, _ = day.moments
    now = first + dt.timedelta(minutes=10)
    with connect(stored) as con:
        told, _ = certify_day(con, ODD.venue, ODD.symbol, first.date(), now=now, made_by="")
        assert told["is_provisional"] is True
        assert dt.datetime.fromisoformat(told["ts_to"]) == now
        assert differences(con, told) == []
        with pytest.raises(NoStore, match=f"{first.date() + DAY} has not begun"):
            certify_day(con, ODD.venue, ODD.symbol, first.date() + DAY, now=now, made_by="")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE trades SET qty = qty + 1 WHERE trade_id = 1", "but they say something else"),
        (
            "DELETE FROM book_tickers WHERE update_id = (SELECT min(update_id) FROM book_tickers)",
            "certified,",
        ),
    ],
    ids=["altered", "lost"],
)
def test_one_row_altered_is_found_and_its_hour_named(
    day: Day, stored: Path, change: str, said: str
) -> None:
    first, _ = day.moments
    with connect(stored) as con:
        told, _ = certify_day(con, ODD.venue, ODD.symbol, first.date(), now=LATER, made_by="")
    with connect(stored, write=True) as con:
        con.execute(change)
        (found,) = differences(con, told)
    assert said in found
    assert f"{first:%Y-%m-%d %H}h" in found


def test_what_is_no_certificate_is_refused_with_words(day: Day, stored: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    with pytest.raises(BadExport, match="cannot be read: No such file"):
        read_day(path)
    path.write_text("[]")
    with pytest.raises(BadExport, match="is not a certificate"):
        read_day(path)
    with connect(stored) as con:
        told, _ = certify_day(con, ODD.venue, ODD.symbol, day.moments[0].date(), now=LATER, made_by="")
    path.write_text(json.dumps(told))
    assert read_day(path)["content"] == told["content"]
    told["content"]["parts"][0]["rows"] += 1
    path.write_text(json.dumps(told))
    with pytest.raises(BadExport, match="contradicts itself"):
        read_day(path)
    path.write_text(json.dumps({**told, "certificate_version": 9}))
    with pytest.raises(BadExport, match="version 9"):
        read_day(path)


def test_depth_is_told_only_where_it_is_certified(day: Day, stored: Path) -> None:
    first, _ = day.moments
    with connect(stored, write=True) as con:
        for n, (far, bids, asks) in enumerate(
            [
                (30.0, [3.0, 9.0], [4.0, 8.0]),
                (12.0, [5.0, None], [6.0, None]),
                (None, [99.0, 99.0], [99.0, 99.0]),
            ]
        ):
            con.execute(
                """INSERT INTO depth_snapshots BY NAME
                   SELECT $venue AS venue, $symbol AS symbol, 1 AS epoch, $ts::TIMESTAMP AS ts, 1 last_id,
                          []::DOUBLE[] AS bid_px, []::DOUBLE[] AS bid_qty, []::DOUBLE[] AS ask_px,
                          []::DOUBLE[] AS ask_qty, 100.0 AS mid, 2.0 AS spread_bps,
                          [10.0, 25.0]::DOUBLE[] AS depth_bps, $bids::DOUBLE[] AS bid_depth,
                          $asks::DOUBLE[] AS ask_depth, true AS trusted, '' AS reason,
                          $far::DOUBLE AS certified_bid_bps, $far::DOUBLE AS certified_ask_bps""",
                {"venue": ODD.venue, "symbol": ODD.symbol, "ts": first + dt.timedelta(minutes=n),
                 "bids": bids, "asks": asks, "far": far},
            )  # fmt: skip
        told, course = certify_day(con, ODD.venue, ODD.symbol, first.date(), now=LATER, made_by="")
    near, far_off = told["depth"]["bands"]
    assert (near["band_bps"], near["samples"], near["certified"]) == (10.0, 3, 2)
    assert (near["bid_p50"], near["ask_p50"], near["bid_least"]) == (4.0, 5.0, 3.0)
    assert (far_off["certified"], far_off["bid_p50"], far_off["ask_least"]) == (1, 9.0, 8.0)
    assert told["depth"]["least_certified_bps"] == 12.0
    assert told["depth"]["drawn_bps"] == 10.0
    assert sorted(course.depth["bid"][:2]) == [3.0, 5.0]


def test_what_is_yet_to_be_proved_of_a_venue_is_said(
    day: Day, stored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "no frame of it was met so far"
    first, _ = day.moments
    with connect(stored) as con:
        made = [_both(con, first.date(), tmp_path / "a")]
        told = replace(spec_of(ODD.venue), caveat=words)
        monkeypatch.setattr("leadline.storage.exports.certificate.find_spec", lambda _: told)
        made.append(_both(con, first.date(), tmp_path / "b"))
        monkeypatch.setattr("leadline.storage.exports.certificate.find_spec", lambda _: None)
        made.append(_both(con, first.date(), tmp_path / "c"))
    assert made == [(None, None), (words, words), (None, None)]


def _both(con: Connection, day: dt.date, folder: Path) -> tuple[str | None, str | None]:
    """The caveats of a day's certificate and of an export's."""
    told, _ = certify_day(con, ODD.venue, ODD.symbol, day, now=LATER, made_by="")
    (exported, *_) = export(con, Job(ODD.symbol, "tardis", folder), now=LATER)
    return told.get("caveat"), exported.notes.get("caveat")
