"""
Right books that tickers contradict: crashes by the thousand, and the real recordings with tickers spoilt.

    python -m tests.drills.crashes                          10,000 crashes and all recordings (ten minutes)
    python -m tests.drills.crashes --crashes 2500-4999 --seeds 0       some of the crashes alone
    python -m tests.drills.crashes --crashes 0-0 --recordings "spot BTC"

The diffs are whole, so every book is the venue's own, and the true one stands beside it. The tickers are
left out, conflated, late or out of order (`tests.book.crashes`). Prints how often books were SUSPECT, and
how many were refuted, wanted a seed, or were not LIVE again after a last ticker at their very id: none may
be. One crash in ten is played to the plain engine, too, which must say the same.

Ends with 1 if one was, with 2 where recordings are missing.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterator
from random import Random

from bench.frames import FOLDER
from leadline.book.sync.events import State
from tests.book.crashes import Crash
from tests.book.fake_venue import rows
from tests.book.silent_faults import SOURCES, read
from tests.book.watched import SHARES, Watched, batch_for, left_out, overtaking, play_crash, play_recording

HEAD = (
    "| what | weather | books | bracketed misses | at equal ids | times SUSPECT | refuted | seeds wanted "
    "| not LIVE again |\n|---|---|---|---|---|---|---|---|---|"
)
BOTH_EVERY = 10


def row(what: str, weather: str, seen: Watched) -> str:
    """Write one row of the table."""
    counts = (
        seen.books, seen.bracketed_misses, seen.equal_id_misses, seen.suspect, seen.refuted,
        seen.seeds_wanted, seen.not_live,
    )  # fmt: skip
    return f"| {what} | {weather} | {' | '.join(f'{n:,}' for n in counts)} |"


def crashes(first: int, last: int) -> Iterator[tuple[str, Watched]]:
    """Play crashes; return what was seen of all, and of those that each kind of weather was part of."""
    every, by_word = Watched(), defaultdict(Watched)
    for seed in range(first, last + 1):
        crash, one = Crash(seed), Watched()
        batch = batch_for(crash)
        book = play_crash(crash, "auto", batch, one)
        if book.state is State.LIVE:
            bids, asks = book.levels()
            assert (dict(bids), dict(asks)) == (crash.venue.bids, crash.venue.asks), f"crash {seed}"
        if seed % BOTH_EVERY == 0:
            again = Crash(seed)
            other = batch_for(again)
            play_crash(again, "plain", other, Watched())
            assert rows(batch) == rows(other), f"crash {seed}: the engines differ"
        if one.false:
            print(f"crash {seed}: {one}", file=sys.stderr)
        for seen in (every, *(by_word[word] for word in crash.weather.words)):
            seen.add(one)
    yield "all", every
    yield from sorted(by_word.items())


def recorded(name: str, seeds: int) -> Iterator[tuple[str, Watched]]:
    """Play a recording with each weather, once for each seed."""
    source = SOURCES[name]
    lines = read(FOLDER / source.name)
    for share in SHARES:
        seen = Watched()
        for seed in range(seeds):
            play_recording(source, left_out(lines, share, Random(f"{name} {share} {seed}")), seen)
        yield f"left out {share:.0%}", seen
    seen = Watched()
    for seed in range(seeds):
        play_recording(source, overtaking(lines, Random(f"{name} {seed}")), seen)
    yield "out of order within 20 ms", seen


def _span(text: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    return (int(first), int(last)) if dash else (0, int(first) - 1)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.drills.crashes",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--crashes", type=_span, default=(0, 9_999), metavar="N", help="how many, or FIRST-LAST (10000)"
    )
    parser.add_argument("--seeds", type=int, default=10, metavar="N", help="of each recording (10)")
    parser.add_argument("--recordings", nargs="*", choices=SOURCES, default=list(SOURCES))
    args = parser.parse_args()
    names = args.recordings if args.seeds else []
    if missing := [name for name in names if not (FOLDER / SOURCES[name].name).exists()]:
        print(f"{missing[0]} is not in {FOLDER}; set LEADLINE_RECORDINGS to its folder", file=sys.stderr)
        return 2
    print(HEAD, flush=True)
    false = 0
    for weather, seen in crashes(*args.crashes):
        print(row("crashes", weather, seen), flush=True)
        false += seen.false
    for name in names:
        for weather, seen in recorded(name, args.seeds):
            print(row(name, weather, seen), flush=True)
            false += seen.false
    return 1 if false else 0


if __name__ == "__main__":
    sys.exit(main())
