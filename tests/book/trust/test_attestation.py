"""What a book's top is held against, by ids; and what comes of a book that the venue contradicts."""

from __future__ import annotations

import pytest

from leadline.book.errors import BadFrame
from leadline.book.messages import Bbo
from leadline.book.rows.batch import AttestationRow, CoverageEnded, CoverageOpened, MismatchRow
from leadline.book.rows.evidence import Kind, Miss, Tally
from leadline.book.sync.events import BookReady, Mismatched, Refuted, SnapshotNeeded, State
from leadline.book.trust.attestation import HEAL_AFTER, MINUTE_NS, TICKERS, WAITING, PlainAttestor
from leadline.book.trust.doubts import PERSISTENT_MISSES, PERSISTENT_NS
from tests.book.fake_venue import ENGINES, needs_numba
from tests.book.heard import SEED_NS, Heard, is_live

A, B, C = Bbo(100, 1, 101, 1), Bbo(100, 2, 101, 1), Bbo(100, 3, 101, 1)
D, E = Bbo(100, 2, 102, 5), Bbo(100, 1, 102, 5)  # both sides moved; the bid has come back


def t(ticker_id: int, top: Bbo = A) -> tuple[str, int, Bbo]:
    return ("ticker", ticker_id, top)


def b(last_id: int, top: Bbo = A) -> tuple[str, int, Bbo]:
    return ("book", last_id, top)


@pytest.mark.parametrize(
    ("heard", "tally", "miss"),
    [
        pytest.param([t(5), b(5)], (1, 0, 0, 0), None, id="equal-id-ticker-first"),
        pytest.param([b(5), t(5)], (1, 0, 0, 0), None, id="equal-id-book-first"),
        pytest.param([t(5), b(7)], (0, 0, 0, 0), None, id="no-later-ticker-yet"),
        pytest.param([t(5), b(7), t(9, B)], (0, 1, 0, 0), None, id="bracketed-book-before-the-closing"),
        pytest.param([t(5), t(9, B), b(7)], (0, 1, 0, 0), None, id="bracketed-book-last"),
        pytest.param([b(7), t(5), t(9, B)], (0, 1, 0, 0), None, id="bracketed-book-first"),
        pytest.param([b(7), t(9)], (0, 0, 0, 1), None, id="nothing-before-it"),
        pytest.param([t(9), b(7)], (0, 0, 0, 1), None, id="nothing-before-it-book-last"),
        pytest.param([t(5), b(6), b(7), t(7), t(8)], (1, 1, 0, 0), None, id="two-books-wait"),
        pytest.param([t(5), t(5, B), t(4, B), b(5)], (1, 0, 0, 0), None, id="repeats-are-not-heard"),
        pytest.param([t(5, B), b(5)], (1, 0, 1, 0), Miss(Kind.EQUAL_ID, 5, A, 5, B), id="equal-id-miss"),
        pytest.param(
            [t(5), b(7, B), t(9, C)],
            (0, 1, 1, 0),
            Miss(Kind.BRACKETED, 7, B, 5, A, 9),
            id="bracketed-miss",
        ),
        pytest.param(
            [t(5), t(9, C), b(7, B)],
            (0, 1, 1, 0),
            Miss(Kind.BRACKETED, 7, B, 5, A, 9),
            id="bracketed-miss-book-last",
        ),
        pytest.param(
            [t(5), b(6, B), b(7, B), t(9)],
            (0, 1, 1, 0),
            Miss(Kind.BRACKETED, 6, B, 5, A, 9),
            id="told-once",
        ),
        pytest.param(
            [t(5), b(7, B), b(9, C), t(9, C)],
            (1, 1, 1, 0),
            Miss(Kind.BRACKETED, 7, B, 5, A, 9),
            id="bracketed-miss-and-the-closing-one-agrees",
        ),
        pytest.param(
            [t(5), b(7, B), b(9, B), t(9, C)],
            (1, 1, 2, 0),
            Miss(Kind.EQUAL_ID, 9, B, 9, C),
            id="bracketed-miss-and-the-closing-one-disagrees",
        ),
        pytest.param(
            [t(5), b(7, B), b(11, B), t(9, C)],
            (0, 1, 1, 0),
            Miss(Kind.BRACKETED, 7, B, 5, A, 9),
            id="what-stands-behind-the-bracket-waits-on",
        ),
        pytest.param([b(5), t(5), b(7, B), t(9, B)], (1, 0, 0, 1), None, id="as-the-next-one-says"),
        pytest.param(
            [b(5), t(5), t(9, B), b(7, B)], (1, 0, 0, 1), None, id="as-the-next-one-says-book-last"
        ),
        pytest.param([b(5), t(5), b(7, B), t(9, D)], (1, 0, 0, 1), None, id="a-side-each"),
        pytest.param([b(5), t(5), b(7, E), t(9, D)], (1, 0, 0, 1), None, id="the-other-side-each"),
        pytest.param(
            [b(4, B), t(5), b(7, B), t(9, B)],
            (0, 1, 1, 1),
            Miss(Kind.BRACKETED, 7, B, 5, A, 9),
            id="no-diff-brought-what-the-next-one-says",
        ),
        pytest.param(
            [b(5), t(5), b(6, D), t(6, D), t(8), b(9, E), t(10, B)],
            (2, 1, 1, 0),
            Miss(Kind.BRACKETED, 9, E, 8, A, 10),
            id="one-side-is-explained-and-the-other-is-not",
        ),
        pytest.param(
            [b(n) for n in range(WAITING + 3)], (0, 0, 0, 3), None, id="the-oldest-that-wait-give-way"
        ),
        pytest.param(
            [t(n) for n in range(1, TICKERS + 3)] + [b(2)],
            (0, 0, 0, 1),
            None,
            id="the-ticker-was-too-long-ago",
        ),
    ],
)
def test_what_is_compared(heard, tally, miss) -> None:
    attestor, told = PlainAttestor(), False
    for what, number, top in heard:
        told |= attestor.hear(number, top) if what == "ticker" else attestor.check(number, 77, top)
    assert attestor.take_tally() == Tally(*tally)
    assert attestor.take_miss() == miss
    assert told == (miss is not None)
    assert attestor.take_tally() == Tally(0, 0, 0, 0)
    assert attestor.take_miss() is None


def test_agreements_are_told_when_watched_closely_and_end_with_a_miss() -> None:
    attestor = PlainAttestor()
    attestor.watch(closely=True)
    attestor.hear(5, A)
    assert attestor.check(5, 77, A)
    assert (attestor.agreed, attestor.streak) == ((5, 77), HEAL_AFTER)
    attestor.hear(6, B)
    assert attestor.check(6, 78, A)
    assert (attestor.agreed, attestor.streak) == ((5, 77), 0)
    attestor.take_miss()
    for n in (7, 8):
        attestor.check(n, 70 + n, B)
    assert attestor.hear(9, A)
    assert (attestor.agreed, attestor.streak) == ((8, 78), 2), "one for each that is bracketed"


def test_what_agrees_after_a_miss_counts_when_the_miss_was_taken() -> None:
    attestor = PlainAttestor()
    attestor.hear(5, A)
    attestor.check(5, 77, A)
    attestor.check(7, 78, B)
    attestor.check(9, 79, C)
    assert attestor.hear(9, C)
    assert (attestor.agreed, attestor.streak) == ((5, 77), HEAL_AFTER), "trust ends before the miss"
    assert attestor.take_miss() is not None
    attestor.check(10, 80, C)
    attestor.hear(10, C)
    assert attestor.agreed == (10, 80)


def test_where_the_tickers_explain_a_top_it_is_told_until_ids_begin_anew() -> None:
    attestor = PlainAttestor()
    assert attestor.unsure_id == -1
    for step in (b(5), t(5), b(7, B)):
        attestor.hear(*step[1:]) if step[0] == "ticker" else attestor.check(step[1], 77, step[2])
    streak = attestor.streak
    assert not attestor.hear(9, B)
    assert (attestor.unsure_id, attestor.streak, attestor.agreed) == (7, streak, (5, 77)), "nothing follows"
    attestor.forget()
    assert attestor.unsure_id == -1
    attestor.hear(9, A)
    attestor.check(10, 78, B)
    attestor.hear(11, B)
    assert attestor.unsure_id == 10, "what was before it is forgotten: a diff may have brought it"


@pytest.mark.parametrize(
    ("heard", "tally", "miss"),
    [
        pytest.param([t(5), b(7), t(9)], (0, 0, 0, 1), False, id="the-book-lies-between"),
        pytest.param([b(7), t(5), t(9)], (0, 0, 0, 1), False, id="both-tickers-come-later"),
        pytest.param([t(5), t(9), b(7)], (0, 0, 0, 1), False, id="both-tickers-came-before"),
        pytest.param([t(5), b(7, B), t(9)], (0, 0, 0, 1), False, id="unlike-and-yet-nothing-follows"),
        pytest.param([b(7), t(7)], (1, 0, 0, 0), False, id="equal-ids"),
        pytest.param([t(7), b(7, B)], (1, 0, 1, 0), True, id="unlike-at-equal-ids"),
    ],
)
def test_merged_tickers_are_compared_at_equal_ids_alone(heard, tally, miss) -> None:
    attestor = PlainAttestor(bracket=False)
    for what, number, top in heard:
        attestor.hear(number, top) if what == "ticker" else attestor.check(number, 77, top)
    assert attestor.take_tally() == Tally(*tally)
    assert (attestor.take_miss() is not None) == miss


@pytest.mark.parametrize("book_first", [True, False])
def test_a_book_is_found_by_what_tickers_call_it_and_told_by_its_own_id(book_first: bool) -> None:
    attestor = PlainAttestor()
    steps = [lambda: attestor.check(5, 77, A, 900), lambda: attestor.hear(900, B)]
    for step in steps if book_first else reversed(steps):
        step()
    assert attestor.take_miss() == (Kind.EQUAL_ID, 5, A, 900, B, -1)
    attestor.check(6, 78, B, 901)
    attestor.hear(901, B)
    assert attestor.agreed == (6, 78)


# -- live books ------------------------------------------------------------------------------------


def ticker(heard: Heard, at: int, bid: str = "1.00", qty: str = "5") -> list:
    heard.now += 10
    frame = f'{{"u":{at},"s":"BTCUSDT","b":"{bid}","B":"{qty}","a":"1.01","A":"7"}}'.encode()
    return list(heard.book.receive_ticker(frame, 0, heard.now, heard.batch))


SECOND_NS = 1_000_000_000
OURS, THEIRS = Bbo(100, 5000, 101, 7000), Bbo(100, 4000, 101, 7000)


@pytest.mark.parametrize("engine", ENGINES)
def test_one_bracketed_miss_makes_it_suspect_and_agreements_heal_it(engine: str) -> None:
    heard = is_live(engine)
    epoch = heard.book.epoch
    assert ticker(heard, 9) == []  # agreed at 9
    assert heard.depth(10, 11) == []
    ticker(heard, 10, qty="4")
    assert ticker(heard, 12) == [Mismatched(11)]
    assert heard.book.state is State.SUSPECT
    assert "mismatch at 11: book ticker 10 says" in heard.book.why
    assert heard.events[-1][1:4] == (State.LIVE, State.SUSPECT, "mismatch")
    # What is covered ends where the venue last agreed, not where the miss was found.
    assert heard.batch.coverage[-1] == CoverageEnded(2, epoch, SEED_NS + 20, 9, "mismatch", heard.now)
    told = []
    for n in range(13, 13 + HEAL_AFTER):
        assert heard.book.state is State.SUSPECT
        assert heard.depth(heard.book.last_id + 1, n) == []
    told += ticker(heard, n + 1)
    assert told == [BookReady(epoch, n)], "bracketed all, so it takes some"
    assert heard.batch.coverage[-1] == CoverageOpened(2, epoch, heard.now, n)
    assert heard.batch.mismatches == [
        MismatchRow(2, epoch, SEED_NS + 60, Miss(Kind.BRACKETED, 11, OURS, 10, THEIRS, 12), False)
    ]
    assert heard.depth(99, 99) != []  # and it is as strict as before


@pytest.mark.parametrize("engine", ENGINES)
def test_a_second_miss_at_an_equal_id_refutes_it_and_only_a_newer_seed_heals(engine: str) -> None:
    heard = is_live(engine)
    epoch = heard.book.epoch
    assert heard.depth(10, 11) == []
    assert ticker(heard, 11, qty="4") == [Mismatched(11)]
    assert heard.book.state is State.SUSPECT
    assert heard.depth(12, 12) == []
    assert ticker(heard, 12, qty="4") == [Refuted(12), SnapshotNeeded(12, "refuted")]
    assert heard.book.state is State.BUFFERING
    assert [row[1:4] for row in heard.events[-2:]] == [
        (State.LIVE, State.SUSPECT, "mismatch"),
        (State.SUSPECT, State.BUFFERING, "refuted"),
    ]
    assert heard.batch.mismatches == [
        MismatchRow(2, epoch, heard.now - 20, Miss(Kind.EQUAL_ID, 11, OURS, 11, THEIRS), False),
        MismatchRow(2, epoch, heard.now, Miss(Kind.EQUAL_ID, 12, OURS, 12, THEIRS), True),
    ]
    old = b'{"lastUpdateId":11,"bids":[["1.00","4"]],"asks":[["1.01","7"]]}'
    assert heard.seed(old) == [SnapshotNeeded(12, "seed_too_old")]
    assert heard.seed(old.replace(b"11,", b"12,")) == [BookReady(epoch + 1, 12)]
    assert heard.depth(13, 13) == []
    assert ticker(heard, 13, qty="4") == []


@pytest.mark.parametrize("engine", ENGINES)
def test_one_miss_at_an_equal_id_is_healed_by_no_ticker_and_refutes_nothing(engine: str) -> None:
    heard = is_live(engine)
    epoch = heard.book.epoch
    for n in range(10, 90, 2):  # it lies every other time
        told = [*heard.depth(n, n), *ticker(heard, n, qty="4")]
        assert told == ([Mismatched(n)] if n == 10 else [])
        assert heard.depth(n + 1, n + 1) == []
        assert ticker(heard, n + 1) == []
    assert (heard.book.state, heard.book.epoch) == (State.SUSPECT, epoch)
    assert heard.book.awaits_audit
    assert not any(row.refuted for row in heard.batch.mismatches)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_bracketed_top_that_left_out_tickers_explain_is_no_miss(engine: str) -> None:
    heard = is_live(engine)
    epoch = heard.book.epoch
    ticker(heard, 9)
    for n in range(10, 90, 10):
        heard.depth(n, n + 1, f'["1.00","{n}"]')
        assert ticker(heard, n + 5, qty=str(n)) == [], "as the next one says"
        heard.depth(n + 2, n + 9)
    assert (heard.book.state, heard.book.epoch) == (State.LIVE, epoch)
    assert heard.batch.mismatches == []
    assert [type(row) for row in heard.batch.coverage] == [CoverageOpened], "covered throughout"
    assert heard.book.asks_for_audit
    at = heard.book.last_id
    assert ticker(heard, at + 1, qty="1") == []
    assert heard.depth(at + 1, at + 2) == []
    assert ticker(heard, at + 3, qty=str(n)) == [Mismatched(at + 2)], "no diff brought it back"


@pytest.mark.parametrize("engine", ENGINES)
def test_one_agreement_at_an_equal_id_heals_it(engine: str) -> None:
    heard = is_live(engine)
    heard.depth(10, 11)
    ticker(heard, 10, qty="4")
    assert ticker(heard, 12) == [Mismatched(11)]
    assert heard.depth(12, 12) == [BookReady(heard.book.epoch, 12)]


@pytest.mark.parametrize("engine", ENGINES)
def test_bracketed_misses_that_do_not_persist_never_discard_it(engine: str) -> None:
    heard = is_live(engine)
    epoch = heard.book.epoch
    told = []
    for n in range(10, 2010, 10):
        told += heard.depth(n, n + 1)
        told += ticker(heard, n, qty="4")
        told += ticker(heard, n + 2, qty="4")
        heard.depth(n + 2, n + 9)  # and this one is bracketed by the next
    assert told == [Mismatched(11)]
    assert (heard.book.state, heard.book.epoch) == (State.SUSPECT, epoch)
    assert len(heard.batch.mismatches) >= 20
    assert not any(row.refuted for row in heard.batch.mismatches)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_top_that_stays_while_tickers_contradict_it_is_refuted_in_the_end(engine: str) -> None:
    heard = is_live(engine)
    told, began = [], heard.now
    for n in range(10, 10_000, 10):
        heard.now += SECOND_NS // 10
        told += heard.depth(n, n + 1, f'["0.97","{n}"]')
        told += ticker(heard, n, qty="4")
        if heard.book.state is State.BUFFERING:
            break
        told += heard.depth(n + 2, n + 9)
    assert [type(one) for one in told] == [Mismatched, Refuted, SnapshotNeeded]
    assert PERSISTENT_NS <= heard.now - began < 2 * PERSISTENT_NS
    assert len(heard.batch.mismatches) >= PERSISTENT_MISSES
    assert [row.refuted for row in heard.batch.mismatches[-2:]] == [False, True]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_ticker_that_could_not_be_read_closes_no_bracket(engine: str) -> None:
    heard = is_live(engine)
    ticker(heard, 9)
    heard.depth(10, 11, '["1.00","6"]')
    with pytest.raises(BadFrame):
        ticker(heard, 10, qty="x")  # it said 6
    assert ticker(heard, 12, qty="6") == []
    assert heard.book.state is State.LIVE


@pytest.mark.parametrize("engine", ENGINES)
def test_scores_are_written_when_a_diff_of_a_later_minute_comes_and_at_the_end(engine: str) -> None:
    heard = is_live(engine)
    minute = SEED_NS - SEED_NS % MINUTE_NS
    ticker(heard, 9)
    heard.now += MINUTE_NS
    heard.depth(10, 10)
    ticker(heard, 10)
    ticker(heard, 12)
    heard.depth(11, 11)
    heard.say("leave", "session_lost")
    assert heard.batch.attestations == [
        AttestationRow(2, minute, Tally(1, 0, 0, 1)),  # where the seed stood there was no ticker yet
        AttestationRow(2, minute + MINUTE_NS, Tally(1, 1, 0, 0)),
    ]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_halted_book_is_not_held_against_anything(engine: str) -> None:
    heard = is_live(engine)
    heard.say("halt", "BREAK")
    heard.depth(10, 10)
    assert ticker(heard, 10, qty="4") == []
    assert heard.batch.mismatches == []


@needs_numba
def test_the_kernel_asks_for_a_look_once_a_minute_and_not_with_every_diff() -> None:
    heard = is_live("compiled")
    looks = []
    heard.book._hear_witness = lambda *a, look=heard.book._hear_witness: (looks.append(a[0]), look(*a))[1]
    for n in range(10, 40):
        heard.now += MINUTE_NS // 10
        heard.depth(n, n)
    assert len(looks) == 3
