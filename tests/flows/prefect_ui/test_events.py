"""Few events, whatever happens; and every alarm that begins also ends."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from leadline.flows.prefect_ui.changes import Change
from leadline.flows.prefect_ui.events import BURST, EACH, LEFT_OVER_S, PER_S, News, Newsroom

STORM = [f"S{n}USDT" for n in range(300)]


def changes(kind: str, *symbols: str) -> list[Change]:
    return [Change(kind, symbol, 1, {"why": "session lost"}) for symbol in symbols]  # type: ignore[arg-type]


def said(news: list[News]) -> list[str]:
    return [f"{n.event.removeprefix('leadline.')} {n.resource.get('leadline.symbol', '*')}" for n in news]


def test_a_few_books_are_told_by_name() -> None:
    room = Newsroom("v", 0.0)
    room.note(changes("gap", "A"))
    room.note(changes("gap", "A"))
    room.note(changes("stale", "A", "B"))
    news = room.take(1.0)
    assert said(news) == ["gap A", "stale A", "stale B"]
    assert news[0].payload == {"why": "session lost", "count": 2}
    assert news[0].resource["prefect.resource.id"] == "leadline.book.v.A"
    room.note(changes("resynced", "A") + changes("live", "A", "B"))
    assert said(room.take(2.0)) == ["resynced A", "live A", "live B"]


def test_shocks_are_told_by_name_or_as_one() -> None:
    room = Newsroom("v", 0.0)
    room.note([Change("shock", "A", 1, {"kind": "spread", "update_id": 7})])
    (news,) = room.take(1.0)
    assert (said([news]), news.payload["update_id"]) == (["shock A"], 7)
    room.note(changes("shock", *STORM))
    assert said(room.take(2.0)) == ["shock *"]


def test_a_storm_is_one_event_of_a_kind_about_the_venue() -> None:
    room = Newsroom("v", 0.0)
    room.note(changes("stale", *STORM))
    (news,) = room.take(1.0)
    assert said([news]) == ["stale *"]
    assert (news.payload["books"], len(news.payload["symbols"])) == (300, 50)
    assert news.payload["why"] == "session lost"
    room.note(changes("live", *STORM[:-1]))
    assert room.take(2.0) == []  # one is still away
    room.note(changes("live", STORM[-1]))
    (news,) = room.take(3.0)
    assert said([news]) == ["live *"]
    assert news.payload["books"] == 300


def test_what_stays_away_after_a_storm_is_named() -> None:
    room = Newsroom("v", 0.0)
    room.note(changes("stale", *STORM))
    room.take(1.0)
    room.note(changes("live", *STORM[2:]))
    assert room.take(LEFT_OVER_S) == []
    assert said(room.take(LEFT_OVER_S + 2)) == ["stale S0USDT", "stale S1USDT", "live *"]
    room.note(changes("live", "S0USDT"))
    assert said(room.take(LEFT_OVER_S + 3)) == ["live S0USDT"]


def test_a_blink_is_no_news_and_a_book_that_goes_at_its_start_is() -> None:
    room = Newsroom("v", 0.0)
    room.note(changes("stale", "A") + changes("live", "A"))
    assert room.take(1.0) == []
    room.note(changes("live", "B") + changes("stale", "B"))
    assert said(room.take(2.0)) == ["stale B"]


def test_a_long_storm_keeps_to_the_budget() -> None:
    room, events = Newsroom("v", 0.0), 0
    for second in range(1, 601):
        symbols = STORM[second % 7 :: 7]
        room.note(changes("gap", *symbols) + changes("stale", *symbols) + changes("live", *symbols))
        room.note(changes("resynced", *symbols[:3]))
        events += len(room.take(float(second)))
    assert events <= BURST + PER_S * 600


MOVES = st.lists(st.tuples(st.sampled_from("ABCDEFGHIJ"), st.booleans(), st.booleans()), max_size=200)


@given(MOVES)
def test_every_stale_told_is_told_live_when_all_is_well(moves: list[tuple[str, bool, bool]]) -> None:
    room, live, told = Newsroom("v", 0.0), dict.fromkeys("ABCDEFGHIJ", True), []
    now_s = 0.0
    for symbol, goes_live, takes in moves:
        if live[symbol] != goes_live:
            live[symbol] = goes_live
            room.note(changes("live" if goes_live else "stale", symbol))
        if takes:
            now_s += 1.0
            told += room.take(now_s)
    room.note(changes("live", *[symbol for symbol, is_live in live.items() if not is_live]))
    for _ in range(200):
        now_s += 1.0
        told += room.take(now_s)
    alarms: set[str] = set()
    for news in told:
        about = news.resource["prefect.resource.id"]
        if news.event == "leadline.stale":
            alarms.add(about)
        elif news.event == "leadline.live":
            alarms.discard(about)
    assert not alarms
    assert EACH < 10  # so that the script reaches both ways to tell
