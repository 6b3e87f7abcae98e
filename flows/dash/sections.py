"""The sections of the page, from what was found to HTML; one that has nothing says what would fill it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from leadline.book.scores.scoring import NO_EVIDENCE, TOO_FEW
from leadline.flows.dash import charts as drawings
from leadline.flows.dash import signal_sections as opinions
from leadline.flows.dash.data import MOST_BOOKS, MOST_HEATS, Light, Lit, Look
from leadline.flows.dash.skin import empty, section
from leadline.flows.render.elements import Child, Html, code, join, table, tag
from leadline.flows.render.latency_words import is_measured, stage_rows
from leadline.flows.render.tables import plain_float
from leadline.flows.spend import report as spending
from leadline.storage.queries.dashboard import Span

MARKETS_SHOWN = 60
MILLI = 1e3
CLASSES = {Light.GREEN: "good", Light.YELLOW: "warn", Light.RED: "bad"}
ORDER = {Light.RED: 0, Light.YELLOW: 1, Light.GREEN: 2}


def body(found: Look) -> Html:
    """Write everything below the title."""
    return join(
        header(found), tiles(found), trust(found), books(found), depth(found), opinions.signals(found),
        opinions.spend(found), feed(found), evidence(found), footer(found),
    )  # fmt: skip


def header(found: Look) -> Html:
    """Say what this is about: which database, from when to when, whether it streams."""
    said = "a stream has it open" if found.is_served else "no stream has it open"
    span = found.span
    words = f"{found.db}, {said}; as of {found.as_of:%Y-%m-%d %H:%M:%S} UTC"
    if span is not None:
        words += (
            f"; shown: {span.since:%Y-%m-%d %H:%M:%S} to {span.until:%H:%M:%S}, {_duration(span.seconds)}"
        )
    return tag("header", tag("h1", "Leadline"), tag("span", words, class_="muted"))


def tiles(found: Look) -> Html:
    """Give the figures that one looks at first."""
    lit, markets = found.lit, [one.market for one in found.lit]
    n, trusted = len(lit), found.trusted
    covered = sum(m.covered_s for m in markets)
    watched = sum(m.watched_s for m in markets)
    checked, wrong = (sum(getattr(m, name) for m in markets) for name in ("checked", "mismatches"))
    made = [
        _tile(
            f"{trusted} of {n}" if n else "none",
            "books trusted now"
            if found.is_served
            else f"books trusted as of {found.as_of:%Y-%m-%d %H:%M} UTC",
            "good" if n and trusted == n else "bad",
        ),
        _tile(f"{covered / watched:.2%}" if watched else "not known", "of the time watched is covered"),
        _tile(
            f"{(checked - wrong) / checked:.3%}" if checked else "never",
            f"equal to the venue's word, {checked:,} checks"
            if checked
            else "held against the venue's word",
            "bad" if wrong else None,
        ),
        *_feed_tiles(found.feed_now),
        _headline_tile(found),
        _tile(
            f"{spending.usd(found.spend.forecast.day_usd)} USD",
            f"spent {'today' if found.is_served else 'on that day'}, {_budget(found)}",
        ),
    ]
    return tag("div", made, class_="tiles")


def _tile(figure: str, words: str, class_: str | None = None) -> Html:
    return tag("div", tag("b", figure, class_=class_), tag("span", words), class_="tile")


def _feed_tiles(rows: Sequence[dict[str, Any]]) -> Iterator[Html]:
    for row in rows[:1]:
        if row["to_book_p50_us"] is not None:
            p99 = (
                f"p99 {row['to_book_p99_us'] / MILLI:.2f} ms, " if row["to_book_p99_us"] is not None else ""
            )
            yield _tile(
                f"{row['to_book_p50_us'] / MILLI:.2f} ms", f"receive to book, median; {p99}last second"
            )
        if row["clock_offset_us"] is not None:
            error = row["clock_error_us"]
            bound = "" if error is None else f"± {error / MILLI:.1f} ms, "
            words = f"{bound}clock of {row['venue']} minus ours"
            yield _tile(f"{row['clock_offset_us'] / MILLI:+.1f} ms", words)


def _headline_tile(found: Look) -> Html:
    for row in found.scores.headline.dicts():
        if row["is_headline"]:
            told = {TOO_FEW: "too few to judge", NO_EVIDENCE: "no evidence of a difference"}
            words = f"LLM minus OFI at {row['horizon_s']} s: {told.get(row['verdict'], row['verdict'])}"
            return _tile(f"{row['net_bps']:+.2f} bps", words)
    return _tile("not yet", "LLM minus OFI: no model scored beside it")


def _budget(found: Look) -> str:
    for row in found.spend.budgets.dicts():
        if (row["scope"], row["window"]) == ("all", "day"):
            return f"of {spending.usd(row['limit_usd'])} a day"
    return "no cap on the day"


# -- trust ---------------------------------------------------------------------------------------------


def trust(found: Look) -> Html:
    """Show a light for each market, the worst first, and when it was covered."""
    title, span = "Can this data be trusted?", found.span
    if span is None or not found.lit:
        nothing = empty(
            "No book was watched in this time. ", code("leadline stream"), " or ", code("leadline demo"),
            " fills it; ", code("leadline report --hours 24"), " looks further back.",
        )  # fmt: skip
        return section("trust", title, nothing)
    lit = sorted(found.lit, key=lambda one: ORDER[one.light])
    rows = [_lit_row(one, span) for one in lit[:MARKETS_SHOWN]]
    head = ("market", "now" if found.is_served else "at its end", "why", "covered", "", "checks", "unlike")
    legend = tag(
        "p",
        [
            tag("span", tag("i", style=f"background:var(--{colour})"), words)
            for colour, words in (
                ("good", "covered"), ("warn", "in part"), ("bad", "not, or the venue disagreed"),
                ("line", "not watched"),
            )
        ],
        class_="legend",
    )  # fmt: skip
    more = _more(len(lit) - MARKETS_SHOWN, "leadline sql 'FROM coverage_holes'")
    words = (
        "Green: every update since the seed, never contradicted by the venue's own word, throughout. "
        "Yellow: so now, not throughout. Red: not now."
    )
    return section("trust", title, table(head, rows, numbers=(3, 5, 6)), more, legend, words=words)


def _lit_row(one: Lit, span: Span) -> list[Child]:
    market = one.market
    share = market.covered_share
    return [
        tag("div", tag("b", market.symbol), tag("div", market.venue, class_="muted")),
        tag("span", one.says, class_=f"light {CLASSES[one.light]}"),
        tag("div", [tag("div", reason) for reason in one.reasons], class_="why"),
        "" if share is None else _share(share),
        drawings.strip(market.strip, span),
        f"{market.checked:,}",
        f"{market.mismatches + market.audit_mismatches:,}",
    ]


def _share(share: float) -> str:
    """Write a share so that what is not all of it never reads as all of it."""
    return "100 %" if share >= 1 else f"{min(share * 100, 99.999):.3f} %"


# -- books ---------------------------------------------------------------------------------------------


def books(found: Look) -> Html:
    """Show the newest sample of each book, its best levels."""
    title = "Books"
    if not found.books:
        nothing = empty(
            "No depth sample in this time. A running stream writes one now and then (",
            code("snapshot_every_s"), "); ", code("leadline book SYMBOL"), " rebuilds any stored book.",
        )  # fmt: skip
        return section("books", title, nothing)
    markets = len({(one.market.venue, one.market.symbol) for one in found.lit})
    more = _more(markets - len(found.books), "leadline book SYMBOL")
    words = f"The newest sample of {'each' if markets <= MOST_BOOKS else 'the first'} and its best levels."
    cards = tag("div", [_book(row) for row in found.books], class_="cards")
    return section("books", title, cards, more, words=words)


def _book(row: dict[str, Any]) -> Html:
    mid = "no mid" if row["mid"] is None else f"mid {plain_float(row['mid'])}"
    spread = "" if row["spread_bps"] is None else f" · spread {row['spread_bps']:.3g} bps"
    balance = "" if row["imbalance"] is None else f" · imbalance {row['imbalance']:+.2f}"
    top = tag(
        "div", tag("h3", row["symbol"]), tag("span", f"{row['ts']:%H:%M:%S}", class_="muted"), class_="top"
    )
    if not row["trusted"]:
        said = tag("p", f"not trusted: {row['reason']}", class_="bad")
        return tag("div", top, tag("p", row["venue"], class_="muted"), said, class_="card")
    words = tag("p", mid, spread, balance, class_="muted")
    unknown = tag("p", row["uncertified"], class_="muted") if row["uncertified"] else None
    return tag("div", top, words, unknown, _ladder(row), class_="card")


def _ladder(row: dict[str, Any]) -> Html:
    columns = [row[name] or [] for name in ("bid_px", "bid_qty", "ask_px", "ask_qty")]
    prices, sizes = [*columns[0], *columns[2]], [*columns[1], *columns[3]]
    price_form, size_form = _decimals(prices), _decimals(sizes)
    most = max(sizes, default=0.0) or 1.0

    def cell(values: Sequence[float], n: int, class_: str, form: int) -> Html:
        if n >= len(values):
            return tag("td")
        width = f"--w:{100 * values[n] / most:.1f}%" if class_ in {"bid", "ask"} else None
        return tag("td", f"{values[n]:.{form}f}", class_=class_, style=width)

    head = [tag("th", name, class_=class_) for name, class_ in (
        ("bid qty", "n"), ("bid", "n"), ("ask", None), ("ask qty", None))]  # fmt: skip
    rows = [
        tag(
            "tr",
            cell(columns[1], n, "bid", size_form), cell(columns[0], n, "bidpx", price_form),
            cell(columns[2], n, "askpx", price_form), cell(columns[3], n, "ask", size_form),
        )
        for n in range(max(map(len, columns)))
    ]  # fmt: skip
    return tag("table", tag("thead", tag("tr", head)), tag("tbody", rows), class_="ladder")


def _decimals(values: Sequence[float]) -> int:
    return max((len(plain_float(value).partition(".")[2]) for value in values), default=0)


def depth(found: Look) -> Html:
    """Draw how depth moved, market by market."""
    title, span = "Depth over time", found.span
    drawn = [
        tag(
            "div", tag("h3", symbol, " ", tag("span", venue, class_="muted")),
            drawings.depth(samples, span), class_="card",
        )
        for (venue, symbol), samples in found.depth.items()
        if span is not None and any(one.trusted and one.bands_bps for one in samples)
    ]  # fmt: skip
    if not drawn:
        nothing = empty(
            "No depth sample in this time; the sub-flow ", code("snapshot-depth"),
            " of a running stream writes them.",
        )  # fmt: skip
        return section("depth", title, nothing)
    legend = tag(
        "p",
        tag("span", tag("i", style="background:var(--ask)"), "asks"),
        tag("span", tag("i", style="background:var(--bid)"), "bids"),
        tag("span", tag("i", style="background:var(--info)"), "mid"),
        tag("span", tag("i", style="background:var(--muted);opacity:.3"), "no trusted sample"),
        tag("span", "blank: not certified that far"),
        class_="legend",
    )
    words = (
        "Quantity per bp by distance from the mid in bps; the stronger the more (logarithmic, by market)."
    )
    more = _more(len(found.lit) - MOST_HEATS, "leadline report --symbols S")
    return section("depth", title, tag("div", drawn, class_="cards wide"), more, legend, words=words)


# -- feed, evidence ------------------------------------------------------------------------------------


def feed(found: Look) -> Html:
    """Draw how much came and how fast it was dealt with."""
    span = found.span
    if span is None or all(value is None for value in found.feed.frames_per_s):
        nothing = empty("No figures of a feed in this time; a running stream writes a row a second to ",
                        code("feed_stats"), ".")  # fmt: skip
        return section("feed", "Feed", nothing)
    seen = found.feed
    drawn = [
        drawings.figure(values, span, title=title, unit=unit, colour=colour)
        for values, title, unit, colour in (
            (seen.frames_per_s, "frames", "a second", "info"),
            (seen.to_book_p99_ms, "receive to book, worst p99", "ms", "bid"),
            (seen.to_durable_p99_ms, "receive to stored row, worst p99", "ms", "warn"),
        )
    ]
    return section("feed", "Feed", tag("div", drawn, class_="cards three"), _stages(found.stages))


def _stages(took: Mapping[str, Any]) -> Html:
    """List where the time went from the venue to a durable row."""
    if not took or not is_measured(took):
        words = "Stages of the latency were not measured in this time; a stream writes each minute's to "
        return empty(words, code("latency"), ".")
    head = ("where the time goes", "median", "worst minute's p99", "from … to")
    return table(head, stage_rows(took), numbers=(1, 2))


def evidence(found: Look) -> Html | None:
    """List where the venue's own word and a book differed, if anywhere."""
    if not found.evidence:
        return None
    head = ("when", "symbol", "against", "book id", "venue id", "bid", "venue's", "ask", "venue's", "then")
    rows = [
        [
            f"{row['ts']:%H:%M:%S.%f}"[:-3], tag("b", row["symbol"]), row["kind"],
            row["book_id"], row["witness_id"],
            _level(row["bid_px"], row["bid_qty"]), _level(row["witness_bid_px"], row["witness_bid_qty"]),
            _level(row["ask_px"], row["ask_qty"]), _level(row["witness_ask_px"], row["witness_ask_qty"]),
            "discarded" if row["refuted"] else "suspect",
        ]
        for row in found.evidence
    ]  # fmt: skip
    words = "Where a book and the venue's own word differed, the newest first."
    return section("evidence", "Evidence", table(head, rows, numbers=range(3, 9)), words=words)


def _level(price: float | None, qty: float | None) -> str:
    if price is None:
        return ""
    return plain_float(price) if qty is None else f"{plain_float(price)} of {plain_float(qty)}"


def footer(found: Look) -> Html:
    """Say how many rows there are, and how to ask more."""
    rows = ", ".join(f"{n:,} {name}" for name, n in found.rows.items() if n)
    return tag(
        "footer", tag("p", f"Rows: {rows}." if rows else "The store is empty."),
        tag("p", "All times are UTC. More: ", code("leadline sql"), " ", code("leadline signals"), " ",
            code("leadline score"), " ", code("leadline spend"), " ", code("leadline book SYMBOL")),
    )  # fmt: skip


def _more(n: int, command: str) -> Html | None:
    return tag("p", f"… and {n} more: ", code(command), class_="muted") if n > 0 else None


def _duration(seconds: float) -> str:
    span = dt.timedelta(seconds=round(seconds))
    return (
        f"{span} h"
        if span >= dt.timedelta(hours=1)
        else f"{span.seconds // 60}:{span.seconds % 60:02d} min"
    )
