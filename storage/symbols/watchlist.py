"""
The watch list of a database: which symbols were added to those of the settings, and which dropped.

One row per venue and symbol holds the last word, whoever said it: a command, somebody's SQL, a stream that
was started with the symbol's name, a changed Prefect Variable. A word stands until the opposite is said,
restarts included. The stream reads the rows every second (`flows.streaming.watchlist`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from leadline.storage.access.connect import connect
from leadline.storage.access.sql import Runs, utc_naive
from leadline.storage.errors import StoreError

_READ = "SELECT symbol, is_wanted, ts, who FROM watchlist WHERE venue = $venue"

_SAY = """
INSERT INTO watchlist BY NAME
SELECT $venue AS venue, unnest($symbols::VARCHAR[]) AS symbol, $is_wanted AS is_wanted,
       $ts::TIMESTAMP AS ts, $who AS who
ON CONFLICT DO UPDATE SET is_wanted = excluded.is_wanted, ts = excluded.ts, who = excluded.who
"""


@dataclass(frozen=True, slots=True)
class Word:
    """The last word on a symbol; ``ts`` is UTC without a zone."""

    is_wanted: bool
    ts: dt.datetime
    who: str

    def said(self) -> str:
        """Say it in one line."""
        return f"{'added' if self.is_wanted else 'dropped'} by {self.who}, {self.ts:%Y-%m-%d %H:%M:%S} UTC"


def words(con: Runs, venue: str) -> dict[str, Word]:
    """Return the last word on each symbol that there is one on; none in a store of an older program."""
    try:
        rows = con.execute(_READ, {"venue": venue}).fetchall()
    except duckdb.CatalogException:
        return {}
    return {symbol: Word(*word) for symbol, *word in rows}


def say(
    con: Runs, venue: str, symbols: Iterable[str], *, is_wanted: bool, who: str, now: dt.datetime
) -> None:
    """Add symbols to the watch list, or drop them from it; ``con`` must be able to write."""
    if named := list(dict.fromkeys(symbols)):
        params = {
            "venue": venue,
            "symbols": named,
            "is_wanted": is_wanted,
            "ts": utc_naive(now),
            "who": who,
        }
        con.execute(_SAY, params)


def overrule(
    con: Runs, venue: str, symbols: Sequence[str], *, is_wanted: bool, who: str, now: dt.datetime
) -> None:
    """Say the opposite where the last word on one of ``symbols`` was that."""
    said = words(con, venue) if symbols else {}
    against = [one for one in symbols if one in said and said[one].is_wanted != is_wanted]
    say(con, venue, against, is_wanted=is_wanted, who=who, now=now)


def symbols_to_stream(db: Path, venue: str, usual: Sequence[str]) -> tuple[str, ...]:
    """Return what is `wanted` by the words in a database; the usual ones where they cannot be read."""
    try:
        with connect(db) as con:
            return wanted(usual, words(con, venue))
    except StoreError:
        return tuple(usual)


def wanted(usual: Sequence[str], said: Mapping[str, Word]) -> tuple[str, ...]:
    """Return the symbols to stream: the usual ones without those dropped, then those added."""
    kept = [symbol for symbol in usual if symbol not in said or said[symbol].is_wanted]
    added = [symbol for symbol, word in said.items() if word.is_wanted]
    return tuple(dict.fromkeys([*kept, *added]))
