"""
The pages of the UI as markdown: pure functions from what was found to text; times are UTC.

A page has a bounded size for any number of symbols: the worst or newest rows come first, the rest is
counted.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from leadline.book.sync.events import State
from leadline.flows.render import charts, markdown
from leadline.flows.render.draw import AMBER, BLUE
from leadline.flows.render.latency_words import is_measured, stage_rows
from leadline.flows.render.leg_words import clock_words, lead_words
from leadline.flows.render.tables import plain_float
from leadline.flows.spend.report import BUDGET_HEAD, Spending, budget_rows, outlook, tables, usd
from leadline.flows.streaming.host import HostStatus
from leadline.storage.access.sql import Answer
from leadline.storage.queries.health import BookHealth, Ladder, Latency

HEALTH, DEPTH, SIGNALS, SPEND = "leadline-health", "leadline-depth", "leadline-signals", "leadline-spend"
ROWS = 60  # of any table
HOURS = 24  # of the chart of spend
WORDS = 140  # of a model's reasoning
NBSP = "\u00a0"  # keeps two words of a cell on one line
LATENCY = "worst p99 of each half minute"
MARK = {True: "●", False: "○"}


@dataclass(frozen=True, slots=True)
class Page:
    """One artifact: its key, one line of plain text for the overview, and the page in markdown."""

    key: str
    description: str
    markdown: str


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Return a markdown table; a column whose name begins with ``>`` is set right."""
    names = [name.removeprefix(">") for name in columns]
    rules = ["--:" if name.startswith(">") else "---" for name in columns]
    lines = [markdown.row(names), f"| {' | '.join(rules)} |", *map(markdown.row, rows[:ROWS])]
    if len(rows) > ROWS:
        lines += ["", f"… and {len(rows) - ROWS} more"]
    return lines


def _at(now: dt.datetime) -> str:
    return f"*as of {now:%Y-%m-%d %H:%M:%S} UTC*"


# -- health ----------------------------------------------------------------------------------------


def health(
    status: HostStatus,
    books: Mapping[str, BookHealth],
    latency: Latency,
    ages_s: Mapping[str, float | None],
    *,
    venue: str,
    now: dt.datetime,
    legs: Sequence[Mapping[str, Any]] = (),
    took: Mapping[str, Any] | None = None,
) -> Page:
    """Show each book: state, age of its last update, gaps today, latency; books that are not LIVE first."""
    feed, none = status.feed, BookHealth()
    said = (
        f"{feed.live} of {len(feed.symbols)} books of {venue} live, "
        f"{sum(book.gaps_today for book in books.values())} gaps today, up {_span(status.seconds)}"
    )
    rows = []
    for book in sorted(feed.symbols, key=lambda book: (book.is_live, -book.gaps, book.symbol)):
        seen = books.get(book.symbol, none)
        rows.append(
            [
                book.symbol,
                f"{MARK[book.is_live]}{NBSP}{book.state}",
                _seconds(ages_s.get(book.symbol)),
                seen.gaps_today,
                seen.losses_today,
                f"{seen.diffs / 60:.1f}",
                _number(seen.p50_ms, 2),
                _number(seen.p99_ms, 2),
                _number(seen.venue_ms, 0),
                charts.spark(seen.trusted, low=0, high=1),
                "" if book.state is State.LIVE else book.why,
            ]
        )
    columns = (
        "symbol", "state", ">update, s ago", ">gaps today", ">left LIVE", ">diffs/s", ">p50, ms",
        ">p99, ms", ">venue, ms", "trusted, last hour", "why",
    )  # fmt: skip
    series = (
        ("worst receive → durable row", AMBER, latency.to_durable_p99_ms),
        ("worst receive → book", BLUE, latency.to_book_p99_ms),
    )
    facts = [
        markdown.bold(said),
        "",
        f"frames a second: {charts.spark(latency.frames_per_s, low=0)}",
        "",
        charts.image(charts.lines_svg(series, title=LATENCY, unit="ms"), LATENCY),
        "",
        *table(columns, rows),
        "",
        "p50 and p99: receive to book, last minute; venue: from its clock to ours, median",
        "",
        *_stages(took),
        *_clock(status),
        *_legs(legs),
        *_troubles(status),
        _at(now),
    ]
    return Page(HEALTH, f"{said}, as of {now:%Y-%m-%d %H:%M:%S} UTC", "\n".join(facts))


def _stages(took: Mapping[str, Any] | None) -> list[str]:
    if took is None or not is_measured(took):
        return []
    columns = ("where the time goes, last 5 minutes", ">median", ">worst p99", "from … to")
    return [*table(columns, [list(row) for row in stage_rows(took)]), ""]


def _clock(status: HostStatus) -> list[str]:
    offset_us, error_us = status.feed.clock_offset_us, status.feed.clock_error_us
    if offset_us is None or error_us is None:
        return []
    return [f"The venue's clock minus ours: {clock_words(offset_us, error_us)}", ""]


def _legs(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Show each of two connections that carry the same streams."""
    if not rows:
        return []
    columns = (
        "leg", "place", ">frames, last minute", ">first", ">holes, last day", ">ids in them", ">ends",
        ">lead p50 / p99",
    )  # fmt: skip
    cells = [
        [
            f"{row['line']} {row['leg']}",
            "in use" if row["in_use"] else "beside",
            row["frames"] or 0,
            row["firsts"] or 0,
            row["holes_day"],
            row["lost_ids_day"],
            row["ends_day"],
            lead_words(row),
        ]
        for row in rows
    ]
    return [
        "Two connections carry the same streams; what arrives first counts.",
        "",
        *table(columns, cells),
        "",
    ]


def _troubles(status: HostStatus) -> list[str]:
    feed, writer = status.feed, status.writer
    lines = [
        f"- so far {feed.sessions} sessions, {feed.resyncs} resyncs, {feed.bad_frames} bad frames; "
        f"{writer.queued} of {writer.limit} batches wait for the store",
    ]
    if feed.is_paused:
        lines.append("- **reading is paused: the store is behind**")
    if writer.last_error:
        lines.append(f"- store {markdown.plain(writer.state)}: {markdown.plain(writer.last_error)}")
    if feed.last_error:
        lines.append(f"- last trouble at the venue: {markdown.plain(feed.last_error)}")
    return [*lines, ""]


# -- depth -----------------------------------------------------------------------------------------


def depth(
    samples: Sequence[Mapping[str, Any]],
    ladders: Mapping[str, Ladder],
    *,
    venue: str,
    now: dt.datetime,
) -> Page:
    """Show the newest sample of each book, with its mids, its balance and the depth around the mid."""
    trusted = sum(bool(sample["trusted"]) for sample in samples)
    said = f"{trusted} of {len(samples)} books of {venue} trusted in the last sample"
    rows = [_depth_row(sample) for sample in samples]
    columns = (
        "symbol", ">mid", "mids, last 10 minutes", ">spread, bps", "bids │ asks", ">bid depth",
        ">ask depth", "within", "trusted",
    )  # fmt: skip
    drawn = []
    for symbol, each in ladders.items():
        words = f"{symbol}: quantity up to each price"
        drawn += [charts.image(charts.depth_svg(each.bids, each.asks, title=words), words), ""]
    lines = [markdown.bold(said), "", *drawn, *table(columns, rows), "", _at(now)]
    return Page(DEPTH, said, "\n".join(lines))


def _depth_row(sample: Mapping[str, Any]) -> list[object]:
    bands: Sequence[float] = sample["depth_bps"] or ()
    band = len(bands) // 2
    deep = bool(bands)
    return [
        sample["symbol"],
        None if sample["mid"] is None else plain_float(sample["mid"]),
        charts.spark(_thinned(sample["mids"])),
        _number(sample["spread_bps"], 2),
        charts.balance(sample["imbalance"]),
        _number(sample["bid_depth"][band], 3) if deep else "",
        _number(sample["ask_depth"][band], 3) if deep else "",
        f"{bands[band]:g}{NBSP}bps" if deep else "",
        "yes" if sample["trusted"] else f"no: {sample['reason']}",
    ]


def _thinned(values: Sequence[float | None], most: int = 30) -> list[float | None]:
    """Keep at most ``most`` values, evenly, the newest among them."""
    step = max(1, -(-len(values) // most))
    return list(values[::-1][::step][::-1])


# -- signals ---------------------------------------------------------------------------------------


def signals(rows: Sequence[Mapping[str, Any]], outcomes: Mapping[str, int], *, now: dt.datetime) -> Page:
    """Show the newest signal of each market and how decisions of the last day came out."""
    counts = ", ".join(f"{n} {outcome}" for outcome, n in outcomes.items())
    said = f"decisions in 24 hours: {counts or 'none'}"
    shown = [
        [
            f"{row['ts']:%m-%d %H:%M:%S}",
            row["symbol"],
            row["outcome"],
            row["direction"],
            _share(row["confidence"]),
            row.get("model_served") or row.get("model"),
            _number(row.get("latency_ms"), 0),
            _usd(row.get("cost_usd")),
            _shortened(row.get("reasoning")),
        ]
        for row in rows
    ]
    columns = (
        "asked", "symbol", "outcome", "direction", ">confidence", "model", ">ms", ">USD", "in its words",
    )  # fmt: skip
    return Page(SIGNALS, said, "\n".join([markdown.bold(said), "", *table(columns, shown), "", _at(now)]))


def _share(value: float | None) -> str:
    return "" if value is None else f"{charts.gauge(value, cells=5)}{NBSP}{value:.2f}"


def _shortened(text: str | None) -> str:
    words = " ".join((text or "").split())
    return words if len(words) <= WORDS else words[: WORDS - 1] + "…"


# -- spend -----------------------------------------------------------------------------------------


def spend(found: Spending) -> Page:
    """Show what calls to models cost, the forecast, what is left of budgets, and warnings."""
    said = f"{found.calls} calls, {usd(found.cost_usd)} USD in {found.hours:g} hours"
    last = found.now.replace(minute=0, second=0, microsecond=0, tzinfo=None)
    by_hour = {row["hour"]: float(row["cost_usd"] or 0) for row in found.by_hour.dicts()}
    costs = [by_hour.get(last - dt.timedelta(hours=n), 0.0) for n in range(HOURS - 1, -1, -1)]
    chart = charts.bars_svg(costs, title="USD by hour", unit="USD an hour", first="a day ago", last="now")
    lines = [markdown.bold(said), ""]
    lines += [*(f"- ⚠ {markdown.plain(warning.said)}" for warning in found.warnings), ""]
    lines += [charts.image(chart, "USD by hour"), ""]
    caps = budget_rows(found)
    lines += table(BUDGET_HEAD, [_cells(row) for row in caps]) if caps else ["No budget is set."]
    for name, answer in tables(found):
        if name != "hour" and answer.rows:
            lines += ["", f"by {name}", "", *table(_heads(answer), [_cells(row) for row in answer.rows])]
    return Page(
        SPEND, said, "\n".join([*lines, "", *map(markdown.plain, outlook(found)), "", _at(found.now)])
    )


def _heads(answer: Answer) -> list[str]:
    """Name the columns, figures to the right."""
    cells = zip(answer.columns, answer.rows[0], strict=True)
    return [f">{name}" if isinstance(cell, int | Decimal) else name for name, cell in cells]


def _cells(row: Sequence[object]) -> list[object]:
    return [usd(value) if isinstance(value, Decimal) else value for value in row]


# -- figures ---------------------------------------------------------------------------------------


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def _seconds(value: float | None) -> str:
    if value is None:
        return "never"
    return "< 2" if value < 2 else f"{value:,.0f}"  # noqa: PLR2004  a look is a second apart


def _usd(value: Decimal | None) -> str:
    return "" if value is None else f"{value:.6f}".rstrip("0").rstrip(".") or "0"


def _span(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
