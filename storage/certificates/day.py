"""
The certificate of one market and one UTC day, as plain values that become JSON; and its verification.

It speaks of the whole day, or of an open one up to the moment it was made and says so (``is_provisional``).
The content hash is that of `storage.exports.content`: equal for what was streamed, replayed, or exported
and taken back.
"""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leadline.storage.access.sql import utc_naive
from leadline.storage.certificates.course import Course, course
from leadline.storage.certificates.figures import figures
from leadline.storage.errors import BadExport, NoStore
from leadline.storage.exports.certificate import iso, told_caveat, told_content, told_coverage
from leadline.storage.exports.content import ALGORITHM, Content, Part, content
from leadline.storage.exports.covered import covered_s, cut, gaps, intervals
from leadline.storage.schema.migrate import REVISIONS

if TYPE_CHECKING:
    from leadline.storage.access.connect import Connection

KIND, VERSION = "leadline-day", 1
DAY = dt.timedelta(days=1)
# What was received before midnight is stored by then, by a wide margin: rows are flushed every second.
SETTLES = dt.timedelta(minutes=1)
DRAWN_BPS = 10.0  # the band whose depth is drawn, or the next there is

_VENUES = """
SELECT DISTINCT venue FROM (
    SELECT venue FROM coverage WHERE symbol = $symbol AND ts_from < $until AND ts_to >= $since
    UNION ALL SELECT venue FROM book_events WHERE symbol = $symbol AND ts >= $since AND ts < $until
    UNION ALL SELECT venue FROM depth_diffs
    WHERE symbol = $symbol AND ts_recv >= $since AND ts_recv < $until)
ORDER BY venue
"""


def venues(con: Connection, symbol: str, day: dt.date) -> list[str]:
    """List the venues of which a day of a symbol is stored."""
    since = dt.datetime.combine(day, dt.time())
    asked = {"symbol": symbol, "since": since, "until": since + DAY}
    return [venue for (venue,) in con.execute(_VENUES, asked).fetchall()]


def certify_day(
    con: Connection, venue: str, symbol: str, day: dt.date, *, now: dt.datetime, made_by: str
) -> tuple[dict[str, Any], Course]:
    """
    Return the certificate of a day and the course it can be drawn from, both of one moment.

    Raises `NoStore` for a day that has not begun.
    """
    since = dt.datetime.combine(day, dt.time())
    made_at = utc_naive(now)
    if made_at <= since:
        raise NoStore(f"{day} has not begun; it is {made_at:%Y-%m-%d %H:%M:%S} UTC")
    until = min(since + DAY, made_at)
    market = (venue, symbol)
    window = {"venue": venue, "symbol": symbol, "since": since, "until": until}
    con.begin()
    try:
        found = content(con, *market, since, until)
        covered = intervals(con, *market, since, until)
        missing = gaps(con, *market, since, until, covered)
        total = covered_s(con, *market, since, until)
        covered = [cut(con, *market, interval, since, until) for interval in covered]
        told = figures(con, window)
        bands = [band["band_bps"] for band in told["depth"]["bands"]]
        drawn = next((bps for bps in bands if bps >= DRAWN_BPS), bands[-1] if bands else None)
        drawable = course(con, window, band_bps=drawn)
    finally:
        con.rollback()
    certificate = {
        "certificate": KIND,
        "certificate_version": VERSION,
        "venue": venue,
        "symbol": symbol,
        "day": day.isoformat(),
        "is_provisional": made_at < since + DAY + SETTLES,
        "ts_from": iso(since),
        "ts_to": iso(until),
        "made_at": iso(made_at),
        "made_by": made_by,
        "schema_version": REVISIONS[-1],
        "rows": found.rows,
        "content": told_content(found),
        **told_coverage((since, until), total, covered, missing),
        **told,
        **told_caveat(venue),
    }
    certificate["depth"]["drawn_bps"] = drawn
    return certificate, drawable


def read_day(path: Path) -> dict[str, Any]:
    """
    Read a certificate with a content hash: of a day, or of an export.

    Raises `BadExport` for a file that is none, is of a later version, or contradicts itself.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        version, kept = told["certificate_version"], stored_content(told)
        digest, algorithm = told["content"]["sha256"], told["content"]["algorithm"]
        _ = told["venue"], told["symbol"], _time(told["ts_from"]), _time(told["ts_to"])
    except OSError as exc:
        raise BadExport(f"{path} cannot be read: {exc.strerror}") from exc
    except (ValueError, KeyError, TypeError) as exc:
        raise BadExport(f"{path} is not a certificate") from exc
    if version != VERSION or algorithm != ALGORITHM:
        raise BadExport(
            f"{path} has version {version} and hash {algorithm}, this program reads {VERSION} and "
            f"{ALGORITHM}: upgrade Leadline"
        )
    if kept.digest != digest:
        raise BadExport(
            f"{path} contradicts itself: its parts give content {kept.digest}, it says {digest}; "
            "it was altered"
        )
    return dict(told)


def stored_content(told: dict[str, Any]) -> Content:
    """Return the content hash of a certificate as it was when made."""
    return Content(
        tuple(
            Part(_time(part["hour"] + ":00"), part["table"], int(part["rows"]), part["sha256"])
            for part in told["content"]["parts"]
        )
    )


def differences(con: Connection, told: dict[str, Any]) -> list[str]:
    """Hash a certificate's window anew and say, hour by hour, where the store differs; none: equal."""
    con.begin()
    try:
        window = (_time(told["ts_from"]), _time(told["ts_to"]))
        now = content(con, told["venue"], told["symbol"], *window)
    finally:
        con.rollback()
    before = {(part.hour, part.table): part for part in stored_content(told).parts}
    after = {(part.hour, part.table): part for part in now.parts}
    said = []
    for hour, table in sorted(before.keys() | after.keys()):
        a, b = before.get((hour, table)), after.get((hour, table))
        if a == b:
            continue
        what = f"{hour:%Y-%m-%d %H}h {table}: "
        if a is None or b is None or a.rows != b.rows:
            said.append(what + f"{a.rows if a else 0:,} rows certified, {b.rows if b else 0:,} stored")
        else:
            said.append(what + f"{a.rows:,} rows as certified, but they say something else")
    return said


def _time(text: str) -> dt.datetime:
    return utc_naive(dt.datetime.fromisoformat(text))
