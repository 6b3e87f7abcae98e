"""A recording whose books come with the stream: a lost delta, a restart and a crossed book in a file."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from leadline.storage.access.connect import connect
from leadline.storage.errors import NoTrustedBook
from leadline.storage.queries.rebuild import PriceLevel, book_at, book_of_epoch
from tests.book.venues.bybit.fake_bybit import SCALE, SYMBOL, FakeBybit
from tests.book.venues.bybit.frames import HERE, LINEAR_INSTRUMENTS, SUBSCRIBED, TRADE, changed
from tests.flows.commands import Said, leadline

T0 = 1_790_000_000_000_000_000
VENUE = "bybit-linear-50"
Sides = tuple[dict[int, int], dict[int, int]]


@dataclass
class Session:
    """What a recorder would have kept of a session, and the book that every kept message tells of."""

    venue: FakeBybit = field(default_factory=lambda: FakeBybit(5, depth=50, levels=80))
    lines: list[str] = field(default_factory=list)
    truth: list[tuple[int, int, Sides]] = field(default_factory=list)  # nth epoch, u, book
    epochs: int = -1

    def keep(self, frame: bytes) -> None:
        self.lines.append(f"{T0 + len(self.lines) * 1_000_000} {frame.decode()}\n")

    def tell(self, frame: bytes) -> None:
        self.keep(frame)
        self.truth.append((self.epochs, self.venue.u, self.venue.best()))

    def snapshot(self, *, restart: bool = False) -> int:
        """The whole book, as a new subscriber is told it or a restarted service tells it; return its u."""
        self.epochs += 1
        self.tell(self.venue.snapshot(restart=True) if restart else self.venue.again())
        return self.venue.u

    def deltas(self, n: int) -> None:
        for _ in range(n):
            self.venue.change()
            self.tell(self.venue.delta())

    def lose_one(self) -> int:
        self.venue.change()
        self.venue.delta()
        return self.venue.u

    def cross(self) -> int:
        """A delta with a bid above every ask; what the venue itself holds stays sound."""
        self.venue.change()
        self.keep(changed(self.venue.delta(), "data", "b", to=[["150.00", "1.000"]]))
        return self.venue.u

    def write(self, path: Path) -> Path:
        path.write_text("".join(self.lines), encoding="utf-8")
        return path


def replay(capsys: pytest.CaptureFixture[str], db: Path, file: Path, engine: str, *more: str) -> Said:
    return leadline(
        capsys, "replay", file, "--db", db, "--venue", VENUE, "--engine", engine, "--json", *more
    )  # fmt: skip


def rows(db: Path, query: str) -> list[tuple[Any, ...]]:
    with connect(db) as con:
        return con.execute(query).fetchall()


@pytest.fixture(params=["plain", "auto"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def session() -> Session:
    """Four epochs: ended by a gap, by a restart, by a crossed book, by the end of the file."""
    made = Session()
    made.keep(changed(LINEAR_INSTRUMENTS, "result", "list", 0, "priceFilter", "tickSize", to="0.01"))
    made.keep(SUBSCRIBED)
    made.snapshot()
    made.deltas(30)
    return made


def test_it_ends_like_any_other_venues(
    session: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str], engine: str
) -> None:
    venue, first = session.venue, session.venue.u - 30
    lost = session.lose_one()
    session.venue.change()
    session.keep(venue.delta())  # the one that shows the gap; no book takes it
    seeded = session.snapshot()  # the topic was asked for anew
    session.deltas(20)
    held = venue.u
    session.snapshot(restart=True)
    session.deltas(10)
    crossing = session.cross()
    session.snapshot()
    session.deltas(5)
    session.keep(changed(TRADE, "data", 0, "p", to="100.25"))
    db = tmp_path / "x.duckdb"
    said = replay(capsys, db, session.write(tmp_path / "a"), engine)
    assert said.code == 0, said.err
    summary = json.loads(said.out)
    wanted = {"gaps": 1, "crossed": 1, "seeds": 4, "bad_frames": 0, "unreadable": 0, "trades": 1}
    assert {name: summary[name] for name in wanted} == wanted
    assert summary["live_symbols"] == [SYMBOL]

    intervals = rows(db, "SELECT first_id, last_id, ended_by FROM coverage ORDER BY epoch")
    assert intervals == [
        (first, lost - 1, "gap"),
        (seeded, held, "restarted"),
        (1, crossing - 1, "crossed"),
        (crossing, venue.u, "end_of_recording"),
    ]
    reasons = rows(db, "SELECT reason, expected_id, got_id FROM book_events ORDER BY ts, reason")
    assert ("gap", lost, lost + 1) in reasons
    assert ("restarted", None, 1) in reasons
    assert [reason for reason, *_ in reasons if reason == "crossed"]
    # The delta that crossed the book was applied, so it is stored; coverage ends before it.
    stored = [last_id for (last_id,) in rows(db, "SELECT last_id FROM depth_diffs ORDER BY ts_recv")]
    assert stored.count(crossing) == 1

    epochs = [epoch for (epoch,) in rows(db, "SELECT epoch FROM coverage ORDER BY epoch")]
    with connect(db) as con:
        for n, u, true in session.truth:
            book = book_of_epoch(con, VENUE, SYMBOL, epochs[n], until_id=u)
            assert (scaled(book.bids), scaled(book.asks)) == true, f"epoch {n}, update {u}"
        with pytest.raises(NoTrustedBook, match=f"no trusted book at update {lost}"):
            book_at(con, SYMBOL, at_id=lost)

    said = leadline(
        capsys, "certify", SYMBOL, "--db", db, "--day", day_of(db), "--out", tmp_path / "c", "--json"
    )
    (told,) = json.loads(said.out)
    causes = [gap["cause"] for gap in told["gaps"]]
    assert [cause for cause in causes if "no trusted book" not in cause][:3] == [
        "gap",
        "restarted",
        "crossed",
    ]
    assert "No recording of Bybit was met yet" in told["caveat"]
    assert "No recording of Bybit was met yet" in Path(told["files"]["html"]).read_text(encoding="utf-8")
    again = leadline(capsys, "certify", "--verify", told["files"]["json"], "--db", db)
    assert again.code == 0, again.out


def scaled(side: Sequence[PriceLevel]) -> dict[int, int]:
    return {SCALE.ticks(str(price)): SCALE.lots(str(qty)) for price, qty in side}


def day_of(db: Path) -> str:
    ((day,),) = rows(db, "SELECT CAST(max(ts_recv) AS DATE) FROM depth_diffs")
    return str(day)


def test_after_a_lost_delta_there_is_no_book_until_a_snapshot_comes(
    session: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str], engine: str
) -> None:
    lost = session.lose_one()
    session.deltas(40)
    db = tmp_path / "x.duckdb"
    summary = json.loads(replay(capsys, db, session.write(tmp_path / "a"), engine).out)
    assert (summary["gaps"], summary["live_symbols"], summary["seeds"]) == (1, [], 1)
    assert rows(db, "SELECT last_id, ended_by FROM coverage") == [(lost - 1, "gap")]


def test_deltas_before_any_snapshot_make_no_book(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session = Session()
    session.deltas(10)
    said = replay(capsys, tmp_path / "x.duckdb", session.write(tmp_path / "a"), "plain")
    summary = json.loads(said.out)
    assert (summary["live_symbols"], summary["without_seed"]) == ([], [SYMBOL])


def test_other_depths_in_the_same_file_are_left_alone(
    session: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session.keep(changed(session.venue.again(), "topic", to=f"orderbook.200.{SYMBOL}"))
    session.deltas(5)
    summary = json.loads(replay(capsys, tmp_path / "x.duckdb", session.write(tmp_path / "a"), "plain").out)
    assert (summary["gaps"], summary["seeds"], summary["live_symbols"]) == (0, 1, [SYMBOL])
    assert summary["unrecognised"] == 1


@pytest.mark.parametrize(("name", "venue"), [("linear_50", VENUE), ("spot_50", "bybit-spot-50")])
def test_frames_that_others_published_make_the_book_that_they_say(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, venue: str
) -> None:
    frames = (HERE / f"{name}.jsonl").read_bytes().splitlines()
    file = tmp_path / "a"
    file.write_text("".join(f"{T0 + n} {frame.decode()}\n" for n, frame in enumerate(frames)))
    db = tmp_path / "x.duckdb"
    said = leadline(capsys, "replay", file, "--db", db, "--venue", venue, "--json")
    summary = json.loads(said.out)
    assert (summary["diffs"], summary["gaps"], summary["bad_frames"]) == (2, 0, 0)
    snapshot, delta = (json.loads(frame)["data"] for frame in frames)
    sides = [{float(p): float(q) for p, q in snapshot[side]} for side in "ba"]
    for side, levels in zip(sides, (delta["b"], delta["a"]), strict=True):
        side.update({float(p): float(q) for p, q in levels})
    with connect(db) as con:
        book = book_at(con, snapshot["s"])
    assert book.last_id == delta["u"]
    for held, side in ((book.bids, sides[0]), (book.asks, sides[1])):
        assert {float(p): float(q) for p, q in held} == {p: q for p, q in side.items() if q}


STYLES = {
    "ours": lambda ns, frame: f"{ns} {frame}",
    "hftbacktest": lambda ns, frame: f"{ns} {frame}",
    "Tardis raw": lambda ns, frame: (
        f"{dt.datetime.fromtimestamp(ns / 1e9, dt.UTC):%Y-%m-%dT%H:%M:%S.%fZ} {frame}"
    ),
    "cryptofeed raw": lambda ns, frame: f"{ns / 1e9:.6f}: {frame}",
}


@pytest.mark.parametrize("style", STYLES)
def test_lines_as_others_write_them_make_the_same_book(
    session: Session, tmp_path: Path, capsys: pytest.CaptureFixture[str], style: str
) -> None:
    session.deltas(5)
    lines = [line.rstrip().partition(" ") for line in session.lines]
    file = tmp_path / "a"
    file.write_text("".join(STYLES[style](int(ns), frame) + "\n" for ns, _, frame in lines))
    db = tmp_path / "x.duckdb"
    summary = json.loads(replay(capsys, db, file, "plain").out)
    assert (summary["unreadable"], summary["gaps"], summary["live_symbols"]) == (0, 0, [SYMBOL])
    with connect(db) as con:
        book = book_at(con, SYMBOL)
    assert (scaled(book.bids), scaled(book.asks)) == session.truth[-1][2]
