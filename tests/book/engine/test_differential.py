"""
The compiled engine and the plain one are told the same and must say, hold and store the same.

A script of letters plays a venue that works (most of the time) and one that does not. After every
letter both books are compared in all that can be seen of them; a LIVE book is also compared with the
venue's own. Batches are tiny, so that running out of room is part of every script.
"""

from __future__ import annotations

import gzip
from itertools import islice

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st

from leadline.book.engine.factory import make_book
from leadline.book.errors import BatchFull, LeadlineError, NotLive
from leadline.book.rows.batch import Batch, Market
from leadline.book.scale import Scale
from leadline.book.sync.events import Pruned, State
from leadline.book.venues.binance import specs
from leadline.book.venues.binance.sequence import FUTURES, SPOT
from tests.book.fake_venue import FakeVenue, needs_numba, rows
from tests.recordings import COINM_BTC, SPOT_BTC, SPOT_ETH, USDM_BTC, recording

pytestmark = needs_numba

LETTERS = {
    "d": "a diff",
    "D": "a diff with very many levels",
    "r": "a diff whose levels are in no order, some twice",
    "j": "a diff spelled with spaces and unknown fields",
    "x": "a diff that never arrives",
    "2": "the last frame once more",
    "o": "a frame of long ago",
    "s": "a seed of now",
    "S": "a seed of some time ago",
    "k": "a diff that crosses the book",
    "e": "a diff that empties a side",
    "c": "the connection is lost",
    "i": "silence",
    "h": "the symbol halts",
    "u": "and trades again",
    "p": "ghosts are pruned",
    "t": "a frame cut short",
    "g": "a frame with one byte changed",
    "y": "a message of another symbol",
    "q": "a quantity off the scale",
    "b": "a book ticker",
    "B": "a book ticker that disagrees",
    "a": "a book ticker as of an update that the next diff holds",
    "l": "a diff that lost its levels",
    "m": "a minute passes",
    "w": "a trade",
    "n": "a seed is asked for though no diff came",
    "z": "the venue's ids begin anew",
}
SCRIPTS = st.text(alphabet="ddddddddDrrjjx2osssSkeciihuptgyqbbbBaaalmwnz", min_size=10, max_size=40)


COMMANDS = {
    "c": ("leave", "session_lost"),
    "i": ("mark_stale",),
    "h": ("halt", "BREAK"),
    "u": ("unhalt",),
    "p": ("prune",),
    "n": ("seek",),
}


class Pair:
    """Both engines, fed alike; each has its own small batches, whose rows are collected."""

    def __init__(self, venue: FakeVenue, compiled: str = "compiled", **options) -> None:
        self.books = [venue.book(engine, **options) for engine in (compiled, "plain")]
        self.batches = [venue.batch(diff_rows=3, level_rows=40, trade_rows=2, ticker_rows=2) for _ in "cp"]
        self.is_true = True  # until it was pruned or told a lie; a lie may wait in the buffer
        self.kept: list[dict[str, list]] = [rows(batch) for batch in self.batches]

    def _swap(self, n: int) -> None:
        for name, more in rows(self.batches[n]).items():
            self.kept[n][name] += more
        self.batches[n].clear()

    def _one(self, n: int, name: str, arguments: tuple) -> object:
        book = self.books[n]
        for _ in range(2):
            before = rows(self.batches[n]), book.state, book.last_id
            try:
                return getattr(book, name)(*arguments, self.batches[n])
            except BatchFull:
                assert (rows(self.batches[n]), book.state, book.last_id) == before
                self._swap(n)
            except LeadlineError as exc:
                assert (rows(self.batches[n]), book.state, book.last_id) == before
                return type(exc), str(exc)
        raise AssertionError("a fresh batch is full")

    def tell(self, name: str, *arguments: object) -> object:
        """Call a method of both; return what they answered."""
        answers = [self._one(n, name, arguments) for n in range(2)]
        answers = [list(a) if isinstance(a, list | tuple) else a for a in answers]
        assert answers[0] == answers[1], name
        said = answers[0] if isinstance(answers[0], list) else ()
        if name == "prune" or any(isinstance(one, Pruned) for one in said):
            self.is_true = False
        self.is_true |= name == "leave"
        return answers[0]

    def compare(self, venue: FakeVenue) -> None:
        """Compare all that can be seen."""
        one, two = (view(book) for book in self.books)
        assert one == two
        book = self.books[0]
        if book.state is State.LIVE and book.last_id == venue.last_id and self.is_true:
            bids, asks = book.levels()
            assert dict(bids) == venue.bids
            assert dict(asks) == venue.asks

    def compare_rows(self) -> None:
        for n in range(2):
            self._swap(n)
        for name in self.kept[0]:
            assert self.kept[0][name] == self.kept[1][name], name


def view(book) -> dict[str, object]:
    seen: dict[str, object] = {
        "state": book.state,
        "epoch": book.epoch,
        "last_id": book.last_id,
        "why": book.why,
        "band": book.certified_band,
        "ghosts": book.ghost_levels(),
        "agreed": (book._attestor.agreed, book._attestor.streak, book._attestor.unsure_id),
        "audit": (book.asks_for_audit, book.awaits_audit),
        "sample": book.sample(3, (5.0, 100.0), 7),
    }
    try:
        seen |= {"bbo": book.bbo(), "top": book.top(2), "all": book.levels(), "n": book.level_counts()}
    except NotLive as exc:
        seen["not_live"] = str(exc)
    return seen


class Script:
    """Plays letters at both books."""

    def __init__(self, venue: FakeVenue, pair: Pair) -> None:
        self.venue, self.pair = venue, pair
        self.sent: list[tuple[bytes, int]] = [venue.frame(venue.diff())]
        self.seeds = [venue.snapshot()]

    def play(self, letter: str) -> None:  # noqa: C901, PLR0912 - a letter a branch
        venue, random = self.venue, self.venue.random
        venue.tick()
        if letter in "drDxj":
            self.diff(letter)
        elif letter in "2o":
            self.depth(self.sent[-1 if letter == "2" else random.randrange(len(self.sent))])
        elif letter in "sS":
            self.seeds.append(venue.snapshot())
            body = self.seeds[-1] if letter == "s" else random.choice(self.seeds)
            self.pair.tell("receive_snapshot", body, venue.now_ns)
        elif letter == "k":
            price = min(venue.asks)
            self.depth(venue.frame(venue.diff(([(price, 5)], []))))
            venue.diff(([(price, 0)], []))  # the venue itself does not stay so
        elif letter == "e":
            self.empty_side()
        elif letter in "tgyq":
            self.broken(letter)
        elif letter in "bBa":
            ticker = {"b": venue.ticker, "B": lambda: venue.ticker(lie=1), "a": lambda: venue.ticker(1)}
            self.pair.tell("receive_ticker", *ticker[letter](), venue.now_ns)
            if letter == "a":
                self.diff("d")
        elif letter == "l":
            self.depth(venue.frame(venue.diff() | {"b": [], "a": []}))
            self.pair.is_true = False
        elif letter == "m":
            venue.now_ns += 60_000_000_000
        elif letter == "w":
            self.pair.tell("receive_trade", *venue.trade(), venue.now_ns)
        elif letter == "z":
            venue.last_id = venue.sent_id = venue.random.randrange(1, venue.last_id)
        else:
            name, *arguments = COMMANDS[letter]
            self.pair.tell(name, *arguments, venue.now_ns)

    def diff(self, letter: str) -> None:
        """Change something and tell it; how depends on the letter."""
        venue, random = self.venue, self.venue.random
        levels = venue.change({"D": 400, "r": 12}.get(letter, 4))
        diff = venue.diff(levels)
        if letter == "r":
            for side in levels:
                random.shuffle(side)
                side[:0] = [(price, 77) for price, _ in side[:3]]  # said twice: the last word counts
        order = 0 if letter == "r" else random.choice((1, -1))
        frame, start = venue.frame(diff, order=order, zeros=random.choice(("", "00000")))
        if letter == "j":
            frame = frame.replace(b'"U":', b' "new":{"x":[1,"}"]} , "U" : ').replace(b"[[", b"[ [")
        if letter != "x":
            self.depth((frame, start))

    def empty_side(self) -> None:
        """Take all bids or all asks away; mostly, give one back."""
        venue, random = self.venue, self.venue.random
        is_bid = random.random() < 0.5
        gone = [(price, 0) for price in (venue.bids if is_bid else venue.asks)]
        self.depth(venue.frame(venue.diff((gone, []) if is_bid else ([], gone))))
        back = ([(max(1, min(venue.asks) - 9), 5)], []) if is_bid else ([], [(max(venue.bids) + 9, 5)])
        frame = venue.frame(venue.diff(back))
        if random.random() < 0.7:
            self.depth(frame)

    def depth(self, frame: tuple[bytes, int]) -> None:
        self.sent.append(frame)
        self.pair.tell("receive_depth", *frame, self.venue.now_ns)

    def broken(self, letter: str) -> None:
        """Send what should change nothing, or what only looks broken; both must agree on which."""
        venue, random = self.venue, self.venue.random
        make = random.choice((venue.ticker, venue.trade, lambda: venue.frame(venue.diff())))
        name = {venue.ticker: "receive_ticker", venue.trade: "receive_trade"}.get(make, "receive_depth")
        frame, start = make()
        if letter == "t":
            frame = frame[: random.randrange(start, len(frame))]
        elif letter == "g":
            at = random.randrange(start, len(frame))
            frame = frame[:at] + bytes([random.choice((0x30, 0x22, 0x2E, 0x5D, 0x80, 0))]) + frame[at + 1 :]
        elif letter == "y":
            frame = frame.replace(f'"s":"{venue.market.symbol}"'.encode(), b'"s":"OTHER"')
        else:
            frame = frame.replace(b'"]', b'0001"]').replace(b'","', b'1230001","', 1)
        self.pair.tell(name, frame, start, venue.now_ns)
        if letter in "gq":  # perhaps it was a frame all the same
            self.pair.is_true = False


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    script=SCRIPTS,
    seed=st.integers(0, 2**32),
    futures=st.booleans(),
    symbol=st.sampled_from(["BTCUSDT", "币安人生USDT", "ÄÖ_PERP"]),
    depth=st.sampled_from([2, 5, 5, 5, 5, 300]),
)
@example(script="dsdddddddd", seed=1, futures=False, symbol="BTCUSDT", depth=5)
@example(script="dsdDDrjk2ddsddeddiddhduddp", seed=2, futures=True, symbol="BTCUSDT", depth=300)
@example(script="aaabBdbalbmdbabbbBdsabab", seed=3, futures=False, symbol="BTCUSDT", depth=5)
@example(script="aaabBdbalbmdbabbbBdsabab", seed=4, futures=True, symbol="BTCUSDT", depth=5)
@example(script="dsddzddddsdd", seed=5, futures=False, symbol="BTCUSDT", depth=5)
@example(script="dsddcnsdddzddddsdd", seed=6, futures=True, symbol="BTCUSDT", depth=5)
@example(script="2t2qg22222", seed=56_042, futures=True, symbol="BTCUSDT", depth=5)  # a zero byte as key
def test_engines_agree(script: str, seed: int, futures: bool, symbol: str, depth: int) -> None:
    venue = FakeVenue(seed, futures=futures, symbol=symbol, depth=depth)
    pair = Pair(
        venue,
        "compiled" if seed % 4 else "decoded",
        max_levels=venue.random.choice((4, 20_000)),
        buffer_limit=venue.random.choice((2, 10_000)),
    )
    player = Script(venue, pair)
    was_live = 0
    for letter in "ds" + script:
        player.play(letter)
        pair.compare(venue)
        if pair.books[0].state is not State.LIVE and venue.random.random() < 0.5:
            for cure in "ds" if pair.books[0].state is State.WAITING else "us":
                player.play(cure)
                pair.compare(venue)
        was_live += pair.books[0].state is State.LIVE
    pair.compare_rows()
    event(f"live {10 * was_live // len(script)}0 %")


@pytest.mark.parametrize("compiled", ["compiled", "decoded"])
def test_every_letter_is_played(compiled: str) -> None:
    venue = FakeVenue(3)
    player = Script(venue, Pair(venue, compiled))
    for letter in "ds" + "".join(LETTERS):
        player.play(letter)
        player.pair.compare(venue)
    player.pair.compare_rows()


@pytest.mark.parametrize("futures", [False, True])
def test_frames_cut_at_every_byte(futures: bool) -> None:
    """A frame cut anywhere, and then the whole one: nothing may stay of the first."""
    venue = FakeVenue(4, futures=futures)
    pair = Pair(venue)
    player = Script(venue, pair)
    for letter in "dsd":
        player.play(letter)
    assert pair.books[0].state is State.LIVE
    frame, start = venue.frame(venue.diff(([(99_999, 5), (99_998, 0)], [(100_001, 7)])))
    refused = sum(
        isinstance(pair.tell("receive_depth", frame[:end], start, venue.now_ns), list)
        and pair.books[0].last_id != venue.last_id
        for end in range(start, len(frame) - 1)
    )
    assert refused == len(frame) - 1 - start  # only the wrapper's own brace may be missing
    pair.tell("receive_depth", frame, start, venue.now_ns)
    assert pair.books[0].last_id == venue.last_id
    pair.compare(venue)


@pytest.mark.recordings
@pytest.mark.parametrize(
    ("name", "market"),
    [
        pytest.param(SPOT_BTC, Market("binance-spot", "BTCUSDT", Scale(2, 8), SPOT), id="spot-btc"),
        pytest.param(SPOT_ETH, Market("binance-spot", "ETHUSDT", Scale(2, 8), SPOT), id="spot-eth"),
        pytest.param(USDM_BTC, Market("binance-usdm", "BTCUSDT", Scale(2, 3), FUTURES), id="usdm"),
        pytest.param(COINM_BTC, Market("binance-coinm", "BTCUSD_PERP", Scale(1, 0), FUTURES), id="coinm"),
    ],
)
def test_recording(name: str, market: Market) -> None:
    """Both engines on the first frames; on all of them the compiled book against the venue's tickers."""
    books = [make_book(0, market, specs.SPOT, engine=engine) for engine in ("compiled", "plain")]
    batches = [Batch([market]), Batch([market])]
    best: dict[int, tuple[int, ...]] = {}
    compared = 0
    with gzip.open(recording(name), "rb") as file:
        for number, line in enumerate(islice(file, None)):
            stamp, _, frame = line.rstrip().partition(b" ")
            both = 2 if number < 4000 else 1
            if number == 4000:
                assert rows(batches[0]) == rows(batches[1])
                assert books[0].levels() == books[1].levels()
            if batches[0].counts[0] > 4000:
                batches[0].clear()
            for book, batch in zip(books[:both], batches, strict=False):
                compared += hear(book, batch, frame, int(stamp), best)
    assert books[0].state is State.LIVE
    assert len(batches[0].coverage) <= 1
    assert compared > 400


def hear(book, batch: Batch, frame: bytes, ts_recv_ns: int, best: dict[int, tuple[int, ...]]) -> int:
    """Give one line of a recording to a book; return 1 if its top was compared with the venue's."""
    start = frame.find(b'"data":') + 7
    if start < 7:
        book.receive_snapshot(frame, ts_recv_ns, batch)
    elif b"@bookTicker" in frame[:60]:
        if batch.counts[3] == len(batch.tickers):
            batch.clear()
        book.receive_ticker(frame, start, ts_recv_ns, batch)
        row = batch.tickers[batch.counts[3] - 1].tolist()
        best[row[3]] = tuple(row[4:8])
    elif b"@trade" in frame[:60]:
        book.receive_trade(frame, start, ts_recv_ns, batch)
    else:
        book.receive_depth(frame, start, ts_recv_ns, batch)
        if book.state is State.LIVE and book.last_id in best:
            assert tuple(book.bbo()) == best[book.last_id]
            return 1
    return 0
