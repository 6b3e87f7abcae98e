"""Few events, whatever happens; and every alarm that begins also ends."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from leadline.flows.prefect_ui.changes import BookChange, ChangeKind
from leadline.flows.prefect_ui.events import BURST, EACH, LEFT_OVER_S, PER_S, EventThrottle, PrefectEvent

STORM = [f"S{n}USDT" for n in range(300)]


def changes(kind: ChangeKind, *symbols: str) -> list[BookChange]:
    return [BookChange(kind, symbol, 1, {"why": "session lost"}) for symbol in symbols]


def said(events: list[PrefectEvent]) -> list[str]:
    return [f"{n.name.removeprefix('leadline.')} {n.resource.get('leadline.symbol', '*')}" for n in events]


def test_a_few_books_are_told_by_name() -> None:
    throttle = EventThrottle("v", 0.0)
    throttle.note(changes("gap", "A"))
    throttle.note(changes("gap", "A"))
    throttle.note(changes("stale", "A", "B"))
    events = throttle.take(1.0)
    assert said(events) == ["gap A", "stale A", "stale B"]
    assert events[0].payload == {"why": "session lost", "count": 2}
    assert events[0].resource["prefect.resource.id"] == "leadline.book.v.A"
    throttle.note(changes("resynced", "A") + changes("live", "A", "B"))
    assert said(throttle.take(2.0)) == ["resynced A", "live A", "live B"]


def test_shocks_are_told_by_name_or_as_one() -> None:
    throttle = EventThrottle("v", 0.0)
    throttle.note([BookChange("shock", "A", 1, {"kind": "spread", "update_id": 7})])
    (event,) = throttle.take(1.0)
    assert (said([event]), event.payload["update_id"]) == (["shock A"], 7)
    throttle.note(changes("shock", *STORM))
    assert said(throttle.take(2.0)) == ["shock *"]


def test_a_storm_is_one_event_of_a_kind_about_the_venue() -> None:
    throttle = EventThrottle("v", 0.0)
    throttle.note(changes("stale", *STORM))
    (event,) = throttle.take(1.0)
    assert said([event]) == ["stale *"]
    assert (event.payload["books"], len(event.payload["symbols"])) == (300, 50)
    assert event.payload["why"] == "session lost"
    throttle.note(changes("live", *STORM[:-1]))
    assert throttle.take(2.0) == []  # one is still away
    throttle.note(changes("live", STORM[-1]))
    (event,) = throttle.take(3.0)
    assert said([event]) == ["live *"]
    assert event.payload["books"] == 300


def test_what_stays_away_after_a_storm_is_named() -> None:
    throttle = EventThrottle("v", 0.0)
    throttle.note(changes("stale", *STORM))
    throttle.take(1.0)
    throttle.note(changes("live", *STORM[2:]))
    assert throttle.take(LEFT_OVER_S) == []
    assert said(throttle.take(LEFT_OVER_S + 2)) == ["stale S0USDT", "stale S1USDT", "live *"]
    throttle.note(changes("live", "S0USDT"))
    assert said(throttle.take(LEFT_OVER_S + 3)) == ["live S0USDT"]


def test_a_blink_is_no_news_and_a_book_that_goes_at_its_start_is() -> None:
    throttle = EventThrottle("v", 0.0)
    throttle.note(changes("stale", "A") + changes("live", "A"))
    assert throttle.take(1.0) == []
    throttle.note(changes("live", "B") + changes("stale", "B"))
    assert said(throttle.take(2.0)) == ["stale B"]


def test_a_long_storm_keeps_to_the_budget() -> None:
    throttle, events = EventThrottle("v", 0.0), 0
    for second in range(1, 601):
        symbols = STORM[second % 7 :: 7]
        throttle.note(changes("gap", *symbols) + changes("stale", *symbols) + changes("live", *symbols))
        throttle.note(changes("resynced", *symbols[:3]))
        events += len(throttle.take(float(second)))
    assert events <= BURST + PER_S * 600


MOVES = st.lists(st.tuples(st.sampled_from("ABCDEFGHIJ"), st.booleans(), st.booleans()), max_size=200)


@given(MOVES)
def test_every_stale_told_is_told_live_when_all_is_well(moves: list[tuple[str, bool, bool]]) -> None:
    throttle, live, taken = EventThrottle("v", 0.0), dict.fromkeys("ABCDEFGHIJ", True), []
    now_s = 0.0
    for symbol, goes_live, takes in moves:
        if live[symbol] != goes_live:
            live[symbol] = goes_live
            throttle.note(changes("live" if goes_live else "stale", symbol))
        if takes:
            now_s += 1.0
            taken += throttle.take(now_s)
    throttle.note(changes("live", *[symbol for symbol, is_live in live.items() if not is_live]))
    for _ in range(200):
        now_s += 1.0
        taken += throttle.take(now_s)
    alarms: set[str] = set()
    for event in taken:
        about = event.resource["prefect.resource.id"]
        if event.name == "leadline.stale":
            alarms.add(about)
        elif event.name == "leadline.live":
            alarms.discard(about)
    assert not alarms
    assert EACH < 10  # so that the script reaches both ways to report
