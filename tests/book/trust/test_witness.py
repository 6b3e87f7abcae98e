"""A book that the venue refutes too often: it stays SUSPECT until it may be fetched anew."""

from __future__ import annotations

import pytest

from leadline.book.messages import Bbo
from leadline.book.rows.batch import CoverageEnded
from leadline.book.rows.evidence import Kind, Miss
from leadline.book.sync.events import BookReady, Mismatched, Refuted, SnapshotNeeded, State
from leadline.book.trust.attestation import HEAL_AFTER
from leadline.book.trust.audit import Audit
from leadline.book.trust.doubts import MOST_REFUTED, REFUTED_WITHIN_NS
from tests.book.fake_venue import ENGINES
from tests.book.heard import Heard, is_live
from tests.book.trust.test_attestation import ticker

SEED = b'{"lastUpdateId":%d,"bids":[["1.00","5"],["0.99","6"]],"asks":[["1.01","7"],["1.03","8"]]}'
LEVEL = Bbo(99, 6000, 0, 0), Bbo(99, 1, 0, 0)


def at(heard: Heard) -> int:
    return heard.book.last_id


def audited(heard: Heard, *, is_right: bool, kind: Kind = Kind.AUDIT, is_confirmed: bool = True) -> list:
    miss = Miss(kind, at(heard), LEVEL[0], at(heard), LEVEL[1])
    misses = () if is_right else (miss,)
    found = Audit(10, misses, True, at(heard), heard.now, kind, is_confirmed=is_confirmed)
    return heard.say("receive_audit", found)


def disagreed(heard: Heard) -> list:
    """Once at an equal id."""
    n = at(heard) + 1
    return [*heard.depth(n, n), *ticker(heard, n, qty="4")]


def refuted(heard: Heard) -> list:
    """As often as it takes."""
    return [*disagreed(heard), *disagreed(heard)]


def agreed(heard: Heard) -> list:
    """As many agreements as heal a book."""
    told = []
    for n in range(at(heard) + 1, at(heard) + 1 + HEAL_AFTER):
        told += [*heard.depth(n, n), *ticker(heard, n)]
    return told


def refuted_often(engine: str) -> Heard:
    """A book that was fetched anew as often as it may be within a minute, and is LIVE."""
    heard = is_live(engine)
    for _ in range(MOST_REFUTED):
        n = at(heard) + 2
        assert refuted(heard)[-1] == SnapshotNeeded(n, "refuted")
        heard.depth(n + 1, n + 1)
        heard.seed(SEED % (n + 1))
        heard.depth(n + 2, n + 2)
        assert heard.book.state is State.LIVE
    return heard


def minute_later(heard: Heard) -> None:
    heard.now += REFUTED_WITHIN_NS


@pytest.mark.parametrize("engine", ENGINES)
def test_a_ticker_that_refutes_too_soon_is_owed_a_resync_that_no_agreement_spares(engine: str) -> None:
    heard = refuted_often(engine)
    epoch = heard.book.epoch
    assert refuted(heard) == [Mismatched(at(heard) - 1)]
    assert not heard.batch.mismatches[-1].refuted
    assert "mismatch at" in heard.book.why
    assert agreed(heard) == []
    assert audited(heard, is_right=True) == [], "the levels may be right again; that they were wrong stays"
    assert (heard.book.state, heard.book.epoch) == (State.SUSPECT, epoch)
    minute_later(heard)
    n = at(heard) + 1
    assert [*heard.depth(n, n), *ticker(heard, n)] == [Refuted(n), SnapshotNeeded(n, "refuted")]
    assert heard.book.state is State.BUFFERING
    heard.depth(n + 1, n + 1)
    heard.seed(SEED % (n + 1))
    heard.depth(n + 2, n + 2)
    assert agreed(heard) == []
    assert heard.book.state is State.LIVE


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_owed_comes_with_a_diff_too(engine: str) -> None:
    heard = refuted_often(engine)
    refuted(heard)
    minute_later(heard)
    n = at(heard) + 1
    assert heard.depth(n, n) == [Refuted(n), SnapshotNeeded(n, "refuted")], "though no ticker comes"


def assert_a_bracketed_miss_heals(heard: Heard) -> None:
    agreed(heard)
    n = at(heard) + 1
    heard.depth(n, n + 1)
    ticker(heard, n, qty="4")
    assert ticker(heard, n + 2) == [Mismatched(n + 1)]
    assert [type(event) for event in agreed(heard)] == [BookReady]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_bracketed_miss_after_many_refutations_still_heals(engine: str) -> None:
    assert_a_bracketed_miss_heals(refuted_often(engine))


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_owed_ends_with_the_epoch(engine: str) -> None:
    heard = refuted_often(engine)
    refuted(heard)
    n = at(heard) + 1
    heard.say("leave", "session_lost")
    heard.depth(n, n)
    heard.seed(SEED % n)
    heard.depth(n + 1, n + 1)
    assert heard.book.state is State.LIVE
    assert_a_bracketed_miss_heals(heard)


@pytest.mark.parametrize("engine", ENGINES)
def test_levels_found_wrong_too_soon_wait_for_another_audit(engine: str) -> None:
    heard = refuted_often(engine)
    epoch = heard.book.epoch
    assert audited(heard, is_right=False) == [Mismatched(at(heard))]
    assert not heard.batch.mismatches[-1].refuted
    assert agreed(heard) == [], "the top says nothing of a level below it"
    assert heard.book.is_auditable
    assert audited(heard, is_right=False) == [], "still too soon"
    minute_later(heard)
    assert agreed(heard) == []
    assert heard.book.state is State.SUSPECT
    n = at(heard)
    assert audited(heard, is_right=False) == [Refuted(n), SnapshotNeeded(n, "refuted")]
    assert (heard.book.state, heard.book.is_auditable) == (State.BUFFERING, False)
    assert [row.refuted for row in heard.batch.mismatches[-3:]] == [False, False, True]
    heard.depth(n + 1, n + 1)
    heard.seed(SEED % (n + 1))
    assert heard.book.epoch != epoch
    assert heard.book.is_auditable


@pytest.mark.parametrize("engine", ENGINES)
def test_an_audit_that_agrees_heals_what_an_audit_made_suspect(engine: str) -> None:
    heard = refuted_often(engine)
    audited(heard, is_right=False)
    assert audited(heard, is_right=True) == [BookReady(heard.book.epoch, at(heard))]
    assert_a_bracketed_miss_heals(heard)


@pytest.mark.parametrize("engine", ENGINES)
def test_an_audit_that_agrees_pays_nothing_that_a_ticker_is_owed(engine: str) -> None:
    heard = refuted_often(engine)
    audited(heard, is_right=False)
    refuted(heard)
    assert audited(heard, is_right=True) == []
    assert heard.book.state is State.SUSPECT


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("found_by", [Kind.AUDIT, Kind.DEPTH20])
@pytest.mark.parametrize("then", [Kind.AUDIT, Kind.DEPTH20])
def test_partial_depth_does_not_heal_what_a_deeper_audit_found(
    engine: str, found_by: Kind, then: Kind
) -> None:
    heard = refuted_often(engine)
    audited(heard, is_right=False, kind=found_by)
    audited(heard, is_right=False, kind=Kind.DEPTH20)
    is_healed = audited(heard, is_right=True, kind=then) != []
    assert is_healed == (then is Kind.AUDIT or found_by is Kind.DEPTH20)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("found_by", "agreed_at", "ended_at"),
    [
        (Kind.AUDIT, {10: Kind.AUDIT, 11: Kind.DEPTH20}, 10),
        (Kind.DEPTH20, {10: Kind.AUDIT, 11: Kind.DEPTH20}, 11),
        (Kind.DEPTH20, {10: Kind.DEPTH20, 11: Kind.AUDIT}, 11),
    ],
)
def test_covered_is_up_to_the_last_audit_that_would_have_seen_it(
    engine: str, found_by: Kind, agreed_at: dict[int, Kind], ended_at: int
) -> None:
    heard = is_live(engine)
    for n, kind in agreed_at.items():
        heard.depth(n, n)
        audited(heard, is_right=True, kind=kind)
    heard.depth(12, 12)
    audited(heard, is_right=False, kind=found_by)
    ended = heard.batch.coverage[-1]
    assert isinstance(ended, CoverageEnded)
    assert ended.last_id == ended_at


@pytest.mark.parametrize("engine", ENGINES)
def test_a_live_book_and_one_that_an_audit_can_heal_are_audited(engine: str) -> None:
    heard = Heard(engine)
    assert not heard.book.is_auditable
    heard = is_live(engine)
    standing = heard.book.stand(1)
    assert standing is not None
    assert (standing.bids, standing.low, standing.high) == ({100: 5000}, 100, 101)
    assert not heard.book.asks_for_audit
    missed(heard)
    assert heard.book.is_auditable
    assert heard.book.asks_for_audit
    heard = refuted_often(engine)
    refuted(heard)
    assert heard.book.state is State.SUSPECT
    assert not heard.book.is_auditable, "what tickers refuted, no audit heals"
    assert not heard.book.asks_for_audit


@pytest.mark.parametrize("engine", ENGINES)
def test_a_bracketed_miss_is_healed_by_an_audit_at_its_id_or_later(engine: str) -> None:
    heard = is_live(engine)
    before = at(heard)
    missed(heard)
    early = Audit(10, (), True, before, heard.now)
    assert heard.say("receive_audit", early) == [], "the snapshot is older than the miss"
    assert (heard.book.state, heard.book.asks_for_audit) == (State.SUSPECT, True)
    assert audited(heard, is_right=True) == [BookReady(heard.book.epoch, at(heard))]
    assert not heard.book.asks_for_audit
    missed(heard)
    assert heard.book.asks_for_audit, "another miss, another audit"


@pytest.mark.parametrize("engine", ENGINES)
def test_a_bracketed_miss_and_an_audit_that_disagrees_discard_it(engine: str) -> None:
    heard = is_live(engine)
    missed(heard)
    n = at(heard)
    assert audited(heard, is_right=False) == [Refuted(n), SnapshotNeeded(n, "refuted")]
    assert not heard.book.asks_for_audit
    assert [row.refuted for row in heard.batch.mismatches] == [False, True]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_miss_at_an_equal_id_awaits_an_audit_whatever_else_agrees(engine: str) -> None:
    heard = is_live(engine)
    epoch = heard.book.epoch
    assert not heard.book.awaits_audit
    assert disagreed(heard) == [Mismatched(at(heard))]
    assert (heard.book.awaits_audit, heard.book.is_auditable, heard.book.asks_for_audit) == (True,) * 3
    assert agreed(heard) == [], "the levels below the top may be wrong as well"
    assert audited(heard, is_right=True, kind=Kind.DEPTH20) == []
    assert audited(heard, is_right=True) == [BookReady(epoch, at(heard))]
    assert (heard.book.awaits_audit, heard.book.asks_for_audit) == (False, False)
    disagreed(heard)
    n = at(heard)
    assert audited(heard, is_right=False) == [Refuted(n), SnapshotNeeded(n, "refuted")]


@pytest.mark.parametrize("engine", ENGINES)
def test_an_audit_that_is_not_confirmed_makes_it_suspect_and_asks_for_another(engine: str) -> None:
    heard = is_live(engine)
    epoch = heard.book.epoch
    for _ in range(5):
        assert audited(heard, is_right=False, is_confirmed=False) == [Mismatched(at(heard))]
        assert (heard.book.awaits_audit, heard.book.asks_for_audit) == (True, True)
        assert agreed(heard) == []
        assert audited(heard, is_right=True) == [BookReady(epoch, at(heard))]
        assert (heard.book.awaits_audit, heard.book.asks_for_audit) == (False, False)
    assert not any(row.refuted for row in heard.batch.mismatches)
    audited(heard, is_right=False, is_confirmed=False)
    n = at(heard)
    assert audited(heard, is_right=False) == [Refuted(n), SnapshotNeeded(n, "refuted")]


@pytest.mark.parametrize("engine", ENGINES)
def test_what_tickers_or_partial_depth_heal_still_asks_for_an_audit(engine: str) -> None:
    """The top may have moved off a wrong level: only a snapshot shows what is below."""
    heard = is_live(engine)
    missed(heard)
    assert [type(one) for one in agreed(heard)] == [BookReady]
    assert heard.book.asks_for_audit
    missed(heard)
    assert [type(one) for one in audited(heard, is_right=True, kind=Kind.DEPTH20)] == [BookReady]
    assert heard.book.asks_for_audit
    assert audited(heard, is_right=True) == []
    assert not heard.book.asks_for_audit


@pytest.mark.parametrize("engine", ENGINES)
def test_another_seed_ends_what_was_asked_of_the_book_before(engine: str) -> None:
    heard = is_live(engine)
    missed(heard)
    n = at(heard)
    heard.say("leave", "session_lost")
    heard.depth(n, n)
    heard.seed(SEED % n)
    assert heard.book.state is State.LIVE
    assert not heard.book.asks_for_audit


def missed(heard: Heard) -> None:
    n = at(heard) + 1
    heard.depth(n, n + 2)
    ticker(heard, n + 1, qty="4")
    assert ticker(heard, n + 3) == [Mismatched(n + 2)]
