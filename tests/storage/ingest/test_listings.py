"""What the venue lists, through the writer: a row per change, and where each symbol stands."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leadline.book.rows.batch import Batch, BookEventRow
from leadline.book.rows.feed import ListingRow
from leadline.book.sync.events import State
from leadline.storage.access.owner import Owner
from leadline.storage.ingest.writer import Writer
from tests.storage.helpers import MARKETS, START_NS

PATIENCE_S = 60.0
FIRST = ListingRow("v", "X", START_NS, "LISTED", "TRADING", "0.01000000", "0.001", None, "")


def history(owner: Owner, symbol: str = "X") -> list[tuple[Any, ...]]:
    asked = """SELECT seq, state, status, tick_size, step_size, contract_size, changed, reason
               FROM markets_history WHERE symbol = $1 ORDER BY seq"""
    return owner.cursor().execute(asked, [symbol]).fetchall()


def store(writer: Writer, *batches: list[ListingRow]) -> None:
    for rows in batches:
        batch = Batch(MARKETS)
        batch.listings += rows
        writer.submit(batch)
    assert writer.drain(PATIENCE_S)


def test_each_change_is_a_row_that_says_what_changed(writer: Writer, owner: Owner) -> None:
    finer = replace(FIRST, tick_size="0.001", step_size="0.0001")
    halted = replace(finer, status="HALT")
    contract = replace(halted, contract_size="100")
    gone = ListingRow("v", "X", START_NS, "UNLISTED", None, None, None, None, "not there")
    store(writer, [FIRST, replace(FIRST, tick_size="0.0100")], [finer], [halted, contract], [gone, gone])
    assert history(owner) == [
        (1, "LISTED", "TRADING", 0.01, 0.001, None, "first", ""),
        (2, "LISTED", "TRADING", 0.001, 0.0001, None, "tick_size, step_size", ""),
        (3, "LISTED", "HALT", 0.001, 0.0001, None, "status", ""),
        (4, "LISTED", "HALT", 0.001, 0.0001, 100.0, "contract_size", ""),
        (
            5, "UNLISTED", None, None, None, None,
            "state, status, tick_size, step_size, contract_size, reason", "not there",
        ),
    ]  # fmt: skip


ROWS = st.builds(
    ListingRow,
    venue=st.just("v"),
    symbol=st.sampled_from(["P", "Q"]),
    ts_ns=st.integers(START_NS, START_NS + 10**12),  # the clock may go anywhere
    state=st.sampled_from(["LISTED", "UNUSABLE"]),
    status=st.sampled_from([None, "TRADING", "BREAK"]),
    tick_size=st.sampled_from([None, "0.1", "0.10"]),
    step_size=st.just("1"),
    contract_size=st.sampled_from([None, "10"]),
    reason=st.sampled_from(["", "why"]),
)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(batches=st.lists(st.lists(ROWS, max_size=4), max_size=4))
def test_rows_follow_in_order_and_no_two_alike_follow_each_other(
    writer: Writer, owner: Owner, batches: list[list[ListingRow]]
) -> None:
    owner.cursor().execute("DELETE FROM markets_history")
    store(writer, *batches)
    for symbol in ("P", "Q"):
        told = [
            (row.state, row.status, row.tick_size and float(row.tick_size), row.contract_size, row.reason)
            for rows in batches
            for row in rows
            if row.symbol == symbol
        ]
        changes = [one for n, one in enumerate(told) if n == 0 or one != told[n - 1]]
        stored = history(owner, symbol)
        assert [row[0] for row in stored] == list(range(1, len(changes) + 1))
        found = [(row[1], row[2], row[3], row[5] and f"{row[5]:.0f}", row[7]) for row in stored]
        assert found == changes


def test_where_a_symbol_stands(writer: Writer, owner: Owner) -> None:
    venue, symbol = MARKETS[0].venue, MARKETS[0].symbol

    def standing() -> Any:
        asked = "SELECT state, reason, listing FROM symbol_states WHERE venue = $1 AND symbol = $2"
        return owner.cursor().execute(asked, [venue, symbol]).fetchone()

    def tell(ts: int, *said: BookEventRow | ListingRow) -> Any:
        batch = Batch(MARKETS)
        for one in said:
            if isinstance(one, ListingRow):
                batch.listings.append(replace(one, venue=venue, symbol=symbol, ts_ns=START_NS + ts))
            else:
                batch.events.append(replace(one, ts_ns=START_NS + ts))
        writer.submit(batch)
        assert writer.drain(PATIENCE_S)
        return standing()

    def event(before: State, after: State, reason: str) -> BookEventRow:
        return BookEventRow(0, 0, before, after, reason)

    second = 1_000_000_000
    assert standing() is None
    assert tell(1, FIRST) == ("WAITING", "", "LISTED")
    assert tell(second, event(State.WAITING, State.LIVE, "ready")) == ("LIVE", "", "LISTED")
    halted = event(State.LIVE, State.HALTED, "halted: BREAK")
    assert tell(2 * second, replace(FIRST, status="BREAK"), halted) == ("HALTED", "halted: BREAK", "LISTED")
    gone = replace(FIRST, state="UNLISTED", status=None, reason="not there")
    assert tell(3 * second, gone) == ("UNLISTED", "not there", "UNLISTED")
    assert tell(3 * second + 9_000, event(State.HALTED, State.WAITING, "unlisted"))[0] == "UNLISTED"
    assert tell(4 * second, FIRST, event(State.WAITING, State.LIVE, "ready")) == ("LIVE", "", "LISTED")
    assert tell(5 * second, replace(FIRST, state="DROPPED", reason="by me")) == (
        "DROPPED",
        "by me",
        "DROPPED",
    )
