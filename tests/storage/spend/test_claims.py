"""Ask once: of many at the same time exactly one gets the question, and a dead one's is taken over."""

from __future__ import annotations

import datetime as dt
import threading

import pytest

from leadline.storage.access.connect import Connection, connect
from leadline.storage.errors import StoreError
from leadline.storage.spend import claims
from tests.storage.helpers import Stage
from tests.storage.spend.plans import NOON

UNTIL = NOON + dt.timedelta(seconds=20)
LATER = UNTIL + dt.timedelta(seconds=20)


def claim(
    con: Connection, claimer: str, now: dt.datetime = NOON, until: dt.datetime = UNTIL
) -> claims.Claim:
    return claims.claim(con, "key", claimer=claimer, now=now, expires_at=until)


def answered(con: Connection) -> list[tuple[str | None]]:
    return con.execute("SELECT signal_id FROM claims WHERE key = 'key'").fetchall()


def test_the_second_learns_who_works_on_it_and_then_the_answer(con: Connection) -> None:
    mine = claim(con, "one")
    assert mine.is_mine
    other = claim(con, "two")
    assert (other.is_mine, other.claimer, other.signal_id) == (False, "one", None)
    assert other.expires_at == UNTIL.replace(tzinfo=None)
    assert claims.answer(con, mine, "signal-1")
    # Answered is answered, also long after, also for a retry of the same run.
    for claimer in ("one", "two"):
        found = claim(con, claimer, LATER, LATER + dt.timedelta(seconds=20))
        assert (found.is_mine, found.signal_id) == (claimer == "one", "signal-1")
    assert answered(con) == [("signal-1",)]


def test_a_dead_claimers_question_is_taken_over_and_it_may_not_answer_any_more(con: Connection) -> None:
    dead = claim(con, "one")
    assert not claim(con, "two", UNTIL - dt.timedelta(seconds=1)).is_mine
    heir = claim(con, "two", UNTIL, LATER)
    assert heir.is_mine
    assert not claims.answer(con, dead, "signal-1")
    assert claims.answer(con, heir, "signal-2")
    assert claim(con, "three", LATER, LATER + dt.timedelta(seconds=1)).signal_id == "signal-2"


def test_a_question_that_was_not_asked_after_all_is_free_again(con: Connection) -> None:
    claims.release(con, claim(con, "one"))
    assert answered(con) == []
    mine = claim(con, "two")
    claims.answer(con, mine, "signal-1")
    claims.release(con, mine)  # too late: it is answered
    assert claim(con, "three").signal_id == "signal-1"


def test_a_claim_that_ends_before_it_begins_is_a_mistake(con: Connection) -> None:
    with pytest.raises(StoreError, match="must end after it begins"):
        claim(con, "one", UNTIL, NOON)


@pytest.mark.parametrize("now", [NOON, LATER], ids=["fresh", "over-a-dead-one"])
def test_of_many_at_once_one_gets_it(con: Connection, stage: Stage, now: dt.datetime) -> None:
    if now == LATER:
        claim(con, "dead")
    start = threading.Barrier(8)
    found: list[claims.Claim] = []

    def race(name: str) -> None:
        with connect(stage.db, write=True) as own:
            start.wait()
            found.append(claim(own, name, now, now + dt.timedelta(seconds=20)))

    racers = [threading.Thread(target=race, args=(f"racer-{n}",)) for n in range(8)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()
    winners = [one.claimer for one in found if one.is_mine]
    assert len(winners) == 1
    assert {one.claimer for one in found} == set(winners)
