"""The certificate of a day as a page: what may be believed, and the day's course in plots."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadline.flows.certificates.layout import Section, facts, light, note, page
from leadline.flows.render.draw import AMBER, BLUE, GREEN, GREY, RED
from leadline.flows.render.elements import Html, code, join, table, tag
from leadline.flows.render.latency_words import stage_rows
from leadline.flows.render.svg import Panel, Series, Shade, panels, strips
from leadline.storage.certificates.course import Course
from leadline.storage.queries.latency import STAGES

Floats = NDArray[np.float64]
Told = Mapping[str, Any]

DAY_S = 86_400.0
ROWS_SHOWN = 50  # of a table; the JSON beside the page has all
ZOOMED = 0.5  # a day watched for less than this share is drawn once more, as far as watched
STAGE_COLOURS = (GREY, AMBER, BLUE, GREEN, RED)
HEIGHT = 130  # of a panel


def certificate_page(told: Told, course: Course) -> str:
    """Return the page; the same certificate and course give the same page."""
    state = "provisional: the day is still open" if told["is_provisional"] else "final"
    return page(
        f"{told['symbol']} on {told['day']}: data certificate",
        [*_caveat(told), verdict(told), facts(list(_cards(told))), _strip(told, course, _whole_day(told))],
        list(_sections(told, course)),
        lead=f"{told['venue']}, UTC day, {state}",
        foot=f"Made {told['made_at']} by {told['made_by']}, schema {told['schema_version']}. "
        "Times are UTC; what was received when is by the clock of the machine that listened.",
    )


def verdict(told: Told) -> Html:
    """Say in one line how far the day may be believed."""
    disagreed = told["attestation"]["mismatches"] + told["rest_audits"]["audit_mismatches"]
    watched = told["watched"]["covered_pct"]
    if not told["intervals"] or watched is None:
        return light("bad", "Nothing of this day may be trusted: no book was in step.")
    if disagreed:
        return light("bad", f"The venue's own word contradicted the book {disagreed:,} times; see below.")
    holes = _between(told)
    if holes:
        return light(
            "warn", f"{watched:.3f} % of the time watched is covered; {len(holes)} gaps, named below."
        )
    return light(
        "good", f"{watched:.3f} % of the time watched is covered, without a gap or a contradiction."
    )


def _caveat(told: Told) -> list[Html]:
    return [light("warn", told["caveat"])] if "caveat" in told else []


def _cards(told: Told) -> Iterator[tuple[str, str]]:
    attested, watched, spread = told["attestation"], told["watched"], told["spread"]
    yield "of the day covered", _share(told["covered_pct"])
    yield "of the time watched", _share(watched["covered_pct"])
    yield "gaps while watched", f"{len(_between(told)):,}"
    yield "attested", _share(attested["attested_pct"]) if attested["checked"] else "never"
    yield "diffs", f"{told['rows']['depth_diffs']:,}"
    yield "spread, median", _with(spread["p50_bps"], "bps")
    yield "receipt to book, p99", _with(_ms(told["latency"]["to_book_p99_us"]), "ms")
    yield "clock, venue's minus ours", _clock(told["clock"])


def _sections(told: Told, course: Course) -> Iterator[Section]:
    window = _span(told, course)
    shades = _holes(told)
    parts: list[str] = []
    if window[1] - window[0] < ZOOMED * DAY_S:
        parts.append(_strip(told, course, window))
    parts.append(
        panels(
            list(_panels(told, course)),
            title="the day's course" if window == _whole_day(told) else "as far as watched",
            shades=shades,
            words="red: not covered",
            window_s=window,
        )
    )
    yield Section("Course", parts)
    yield Section("Gaps", [_gaps(told)])
    yield Section("The venue's own word against the book", _attested(told))
    yield Section("Figures", _figures(told))
    yield Section("Content", _content(told))


def _strip(told: Told, course: Course, window: tuple[float, float]) -> Html:
    covered = [
        Shade(
            _at(one["ts_from"]),
            _at(one["ts_to"]),
            f"covered, ids {one['first_id']}-{one['last_id']}",
            GREEN,
        )
        for one in told["intervals"]
    ]
    minutes = [
        Shade(row["at_s"], row["at_s"] + 60, row["why"] or "trusted", GREEN if row["is_trusted"] else AMBER)
        for row in course.minutes
    ]
    rows = [("covered", [*covered, *_holes(told)]), ("minutes", minutes)]
    words = "green: may be trusted · red: gap · amber: a minute not trusted · pale: not watched"
    return strips(rows, window_s=window, title="coverage", words=words)


def _between(told: Told) -> list[Told]:
    """Return the gaps between two books; before the first and after the last nobody watched."""
    return [gap for gap in told["gaps"] if gap["after_id"] is not None and gap["before_id"] is not None]


def _holes(told: Told) -> list[Shade]:
    return [Shade(_at(gap["ts_from"]), _at(gap["ts_to"]), _gap_words(gap), RED) for gap in _between(told)]


def _panels(told: Told, course: Course) -> Iterator[Panel]:
    checks, step = course.minutes, course.step_s
    at = np.array([row["at_s"] for row in checks], dtype=np.float64)
    yield Panel(
        "attestation: checks a minute", "count",
        [
            Series("agreed", at, _column(checks, "checked"), GREEN, bar_s=60.0),
            Series("disagreed", at, _column(checks, "mismatches"), RED, bar_s=60.0),
        ],
        height=HEIGHT,
    )  # fmt: skip
    yield Panel(
        "receipt to book", "µs",
        [
            _line("p50", course.diffs, "to_book_p50_us", BLUE, step),
            _line("p99", course.diffs, "to_book_p99_us", AMBER, step),
        ],
        height=HEIGHT, is_log=True,
    )  # fmt: skip
    took = [(stage, _column(checks, f"{stage}_p50_us")) for stage in STAGES]
    if any(np.isfinite(values).any() for _, values in took):
        yield Panel(
            "stages from the venue to a durable row: each minute's median", "µs",
            [Series(stage, at, values, colour)
             for (stage, values), colour in zip(took, STAGE_COLOURS, strict=True)],
            height=HEIGHT, is_log=True,
        )  # fmt: skip
    yield Panel(
        "spread", "bps",
        [
            _line("worst", course.spread, "most_bps", GREY, step),
            _line("median", course.spread, "p50_bps", BLUE, step),
        ],
        height=HEIGHT,
    )  # fmt: skip
    if course.depth:
        yield Panel(
            f"depth within {told['depth']['drawn_bps']:g} bps of the mid, where certified", "base units",
            [
                _line("bids", course.depth, "bid", GREEN, step),
                _line("asks", course.depth, "ask", RED, step),
            ],
            height=HEIGHT,
        )  # fmt: skip
        yield Panel("mid", "quote units", [_line("mid", course.depth, "mid", BLUE, step)], height=HEIGHT)
    updates = course.diffs
    bars = Series("diffs", updates["at_s"], updates["diffs_per_s"], BLUE, bar_s=float(step))
    yield Panel("updates", "diffs/s", [bars], height=HEIGHT)


def _line(name: str, columns: Mapping[str, Floats], column: str, colour: str, step_s: int) -> Series:
    """Return a line that breaks where buckets without a row lie between two."""
    at, values = columns["at_s"], columns[column]
    holes = np.flatnonzero(np.diff(at) > 30 * step_s) + 1
    return Series(
        name, np.insert(at, holes, at[holes - 1] + step_s), np.insert(values, holes, np.nan), colour
    )


def _column(rows: Sequence[Told], name: str) -> Floats:
    return np.array([row[name] for row in rows], dtype=np.float64)


def _gaps(told: Told) -> Html:
    gaps = told["gaps"]
    if not gaps:
        return note("None: the book was covered from midnight to midnight.")
    longest = sorted(gaps, key=lambda gap: (-gap["seconds"], gap["ts_from"]))[:ROWS_SHOWN]
    rows = [
        (
            _clock_time(gap["ts_from"]),
            _clock_time(gap["ts_to"]),
            f"{gap['seconds']:,.3f}",
            gap["cause"],
            _missing(gap),
        )
        for gap in sorted(longest, key=lambda gap: str(gap["ts_from"]))
    ]
    more = f"; the {ROWS_SHOWN} longest are shown" if len(gaps) > ROWS_SHOWN else ""
    shown = table(["from", "to", "seconds", "cause", "update ids missing"], rows, numbers=["seconds"])
    return join(note(f"{len(gaps):,} stretches without a trusted book{more}."), shown)


def _missing(gap: Told) -> str:
    after, before = gap["after_id"], gap["before_id"]
    if after is None or before is None:
        return "not known"
    return f"{after + 1}-{before - 1}" if before > after + 1 else "none"


def _gap_words(gap: Told) -> str:
    return f"{gap['cause']}: {gap['seconds']:,.3f} s, ids {_missing(gap)}"


def _attested(told: Told) -> list[str]:
    seen, audits = told["attestation"], told["rest_audits"]
    if not seen["checked"]:
        said = "Never checked: no book ticker was heard beside the diffs."
    else:
        said = (
            f"The top of the book was held against the venue's best prices {seen['checked']:,} times "
            f"({seen['equal_id']:,} at equal ids, {seen['bracketed']:,} bracketed): "
            f"{seen['mismatches']:,} disagreed."
        )
    parts = [said]
    if audits["audited_levels"]:
        parts.append(
            f"{audits['audited_levels']:,} levels were held against the venue's own listings: "
            f"{audits['audit_mismatches']:,} disagreed."
        )
    if seen["evidence"]:
        rows = [
            (_clock_time(one["ts"]), one["kind"], one["book_id"], one["witness_id"],
             "discarded" if one["refuted"] else "suspect")
            for one in seen["evidence"][:ROWS_SHOWN]
        ]  # fmt: skip
        parts.append(table(["at", "found by", "book at id", "venue at id", "the book was"], rows))
    return parts


def _figures(told: Told) -> list[str]:
    latency, spread, depth = told["latency"], told["spread"], told["depth"]
    rows = [
        ("receipt to book, p50 / p99",
         _pair(_ms(latency["to_book_p50_us"]), _ms(latency["to_book_p99_us"]), "ms")),
        ("receipt to queryable, p50 / worst p99",
         _pair(_ms(latency["to_durable_p50_us"]), _ms(latency["to_durable_worst_p99_us"]), "ms")),
        ("venue's clock to receipt, p50 / p99",
         _pair(latency["event_to_receipt_p50_ms"], latency["event_to_receipt_p99_ms"], "ms")),
        *((f"{stage}: {meaning}, p50 / worst p99", f"{p50} / {p99}")
          for stage, p50, p99, meaning in stage_rows(latency["stages"])),
        ("spread, median / p99", _pair(spread["p50_bps"], spread["p99_bps"], "bps")),
        ("spread, least / most", _pair(spread["least_bps"], spread["most_bps"], "bps")),
        ("clock, venue's minus ours", _clock(told["clock"])),
        ("network, clock put right, median p50 / worst p99",
         _pair(told["clock"]["network_p50_ms"], told["clock"]["network_worst_p99_ms"], "ms")),
        *((f"rows of {name}", f"{n:,}") for name, n in told["rows"].items()),
        *((f"events: {reason}", f"{n:,}") for reason, n in told["events"].items()),
    ]  # fmt: skip
    parts: list[str] = [table(["what", "value"], rows, numbers=["value"])]
    if depth["bands"]:
        bands = [
            (f"{band['band_bps']:g}", f"{band['certified']:,} of {band['samples']:,}",
             _number(band["bid_p50"]), _number(band["ask_p50"]),
             _number(band["bid_least"]), _number(band["ask_least"]))
            for band in depth["bands"]
        ]  # fmt: skip
        head = [
            "band, bps",
            "samples certified",
            "bids, median",
            "asks, median",
            "bids, least",
            "asks, least",
        ]
        parts += [
            table(head, bands, numbers=head),
            note(
                "Depth in base units around the mid. A sample is certified where every level of the band "
                "is known; at its narrowest that reached "
                f"{_with(depth['least_certified_bps'], 'bps')} from the mid; 10,000 are all levels."
            ),
        ]
    return parts


def _content(told: Told) -> list[str]:
    name = f"{told['day']}.json"
    return [
        tag("p", code(told["content"]["sha256"])),
        f"Hash of everything the venue said that day ({told['content']['algorithm']}), the same for what "
        "was streamed, replayed, or exported and taken back.",
        tag("p", "Compare it with a store: ", code(f"leadline certify --verify {name}")),
    ]


def _whole_day(told: Told) -> tuple[float, float]:
    begin = _at(told["ts_from"])
    return begin, begin + DAY_S


def _span(told: Told, course: Course) -> tuple[float, float]:
    """Return the window of the plots: the day, or what was watched of it where that is little."""
    begin, end = _whole_day(told)
    if course.span_s is None or course.span_s[1] - course.span_s[0] >= ZOOMED * DAY_S:
        return begin, end
    first, last = course.span_s
    room = max(0.01 * (last - first), 0.5)
    return max(first - room, begin), min(last + room, end)


def _at(text: str) -> float:
    return dt.datetime.fromisoformat(text).timestamp()


def _clock_time(text: str) -> str:
    return text.partition("T")[2].removesuffix("Z")[:12]


def _share(pct: float | None) -> str:
    return "not known" if pct is None else f"{pct:.3f} %"


def _number(value: float | None) -> str:
    return "not certified" if value is None else f"{value:,.6g}"


def _with(value: float | None, unit: str) -> str:
    return "not known" if value is None else f"{_plain(value)} {unit}"


def _pair(a: float | None, b: float | None, unit: str) -> str:
    return "not known" if a is None or b is None else f"{_plain(a)} / {_plain(b)} {unit}"


def _plain(value: float) -> str:
    """Write a figure with four digits that count, or whole where it has more."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"  # noqa: PLR2004


def _ms(microseconds: float | None) -> float | None:
    return None if microseconds is None else microseconds / 1e3


def _clock(clock: Told) -> str:
    offset, error = clock["clock_offset_us"], clock["clock_error_us"]
    if offset is None:
        return "not measured"
    bound = "" if error is None else f" ± {error / 1e3:,.1f}"
    return f"{offset / 1e3:+,.1f}{bound} ms"
