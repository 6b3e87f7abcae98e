"""
The price book and the table it fills: which price holds for a model, and where it came from.

``prices.toml`` beside this file holds what we read from providers, dated. `seed` puts it into the table
``prices``; a row that a user added or changed is left alone and wins. No price is an error here, never 0.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from pathlib import Path
from typing import Any

from leadline.book.errors import BadInput
from leadline.storage.access.sql import Answer, Runs, run_sql, utc_naive
from leadline.storage.errors import PriceUnknown
from leadline.storage.spend.tariff import ANY_MODEL, PeakHours, Price

BOOK = Path(__file__).with_name("prices.toml")
MOST_USD = Decimal(100_000)  # per million tokens: ten cents a token is a slip of the pen
DECIMALS = 6  # of a price per million, as the table keeps them

_FIELDS = tuple(field.name for field in fields(Price))
_MONEY = ("input", "cached", "output", "reasoning", "peak_factor")
_TIMES = ("valid_from", "valid_to", "shutdown_at", "checked_at")
_NEEDED = ("provider", "model", "valid_from", "input", "output", "source", "checked_at")

_COLUMNS = ", ".join(_FIELDS)

# A user's row wins over one of the book, a model's own row over the one for all models.
_FIND = f"""
SELECT {_COLUMNS} FROM prices
WHERE provider = $provider AND model IN ($model, '{ANY_MODEL}')
  AND valid_from <= $moment AND (valid_to IS NULL OR valid_to > $moment)
ORDER BY model = '{ANY_MODEL}', book IS NOT NULL, valid_from DESC LIMIT 1
"""  # noqa: S608  constants of this module

_ENDED = """
SELECT max(valid_to) FROM prices WHERE provider = $provider AND model = $model AND valid_to <= $moment
"""

_ALL = f"SELECT {_COLUMNS}, book FROM prices ORDER BY provider, model, valid_from"  # noqa: S608

_PUT = f"""
INSERT INTO prices ({_COLUMNS}, book)
VALUES ({", ".join(f"${name}" for name in _FIELDS)}, $book)
ON CONFLICT (provider, model, valid_from) DO UPDATE SET
    {", ".join(f"{name} = excluded.{name}" for name in (*_FIELDS[3:], "book"))}
"""  # noqa: S608
# Of two who seed at once, or when a user was quicker: what is there stays.
_SEED = _PUT.partition("ON CONFLICT")[0] + "ON CONFLICT DO NOTHING"

_KEY = "provider = $provider AND model = $model AND valid_from = $valid_from"
_FORGET = f"DELETE FROM prices WHERE {_KEY} AND book = $book"  # noqa: S608
_KEEP_AS_USERS = f"UPDATE prices SET book = NULL WHERE {_KEY}"  # noqa: S608

_VALID = f"""
SELECT {_COLUMNS} FROM prices
WHERE valid_from <= $moment AND (valid_to IS NULL OR valid_to > $moment)
ORDER BY provider, model, valid_from
"""  # noqa: S608

_SHOWN = """
SELECT provider, model, input, cached, output, reasoning, peak_hours, peak_factor,
       CAST(valid_from AS DATE) AS valid_from, CAST(valid_to AS DATE) AS valid_to,
       CAST(shutdown_at AS DATE) AS shutdown_at,
       CASE WHEN book IS NULL THEN 'yours' ELSE 'book' END AS "from",
       CAST(checked_at AS DATE) AS checked_at, source
FROM prices
WHERE $every OR (prices.valid_from <= $moment AND (prices.valid_to IS NULL OR prices.valid_to > $moment))
ORDER BY provider, model, prices.valid_from
"""


@dataclass(frozen=True, slots=True)
class Seeded:
    """What `seed` changed; all zero when the table already held the book."""

    added: int = 0
    changed: int = 0
    removed: int = 0


def find(con: Runs, provider: str, model: str, moment: dt.datetime) -> Price:
    """Return the price that holds at a moment, UTC; raises `PriceUnknown`."""
    where = {"provider": provider, "model": model, "moment": utc_naive(moment)}
    row = con.execute(_FIND, where).fetchone()
    if row is None:
        ended = con.execute(_ENDED, where).fetchone()[0]
        why = f"the last one known ended {ended:%Y-%m-%d}" if ended else "none is known"
        raise PriceUnknown(provider, model, moment, why)
    price = _price(row)
    try:
        check(price)
    except BadInput as exc:
        raise PriceUnknown(provider, model, moment, f"its row cannot be used: {exc}") from exc
    return price


def check(price: Price) -> None:
    """Raise `BadInput`, naming the field, for a price that cannot be."""
    where = f"price of {price.provider}/{price.model}"
    for name in _MONEY:
        value = getattr(price, name)
        if value is not None and not 0 <= value <= MOST_USD:
            raise BadInput(f"{where}: {name} = {value}: expected 0 to {MOST_USD} USD per million")
    if (price.peak_hours is None) != (price.peak_factor is None):
        raise BadInput(f"{where}: peak_hours and peak_factor belong together")
    if price.peak_hours is not None:
        PeakHours.read(price.peak_hours)
    if price.valid_to is not None and price.valid_to <= price.valid_from:
        raise BadInput(f"{where}: valid_to {price.valid_to} is not after valid_from {price.valid_from}")


def read_prices(path: Path) -> list[Price]:
    """
    Read a file of prices: ``[[price]]`` tables whose keys are the columns of ``prices``.

    A top table ``[all]`` gives what they have in common. Raises `BadInput` that names file, row and key.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as exc:
        raise BadInput(f"{path}: not a readable TOML file: {exc}") from exc
    rows = content.get("price")
    common = content.get("all", {})
    if not isinstance(rows, list) or not rows or not isinstance(common, dict):
        raise BadInput(f"{path}: expected one [[price]] table or more")
    found: dict[tuple[Any, ...], Price] = {}
    for number, row in enumerate(rows, 1):
        price = _from_toml(f"{path}, price {number}", {**common, **row})
        if (key := (price.provider, price.model, price.valid_from)) in found:
            raise BadInput(f"{path}, price {number}: {'/'.join(key[:2])} from {key[2]} stands twice")
        found[key] = price
    return list(found.values())


def load(con: Runs, rows: Iterable[Price]) -> int:
    """Put prices of the user's own into the table, over what has the same key; return how many."""
    count = 0
    for price in rows:
        check(price)
        con.execute(_PUT, {**_values(price), "book": None})
        count += 1
    return count


def seed(con: Runs, book: Path = BOOK) -> Seeded:
    """
    Bring the table to the price book; again and again is fine, and so are several at once.

    A row that was changed by hand since it was seeded becomes the user's own.
    """
    wanted = {(price.provider, price.model, price.valid_from): price for price in read_prices(book)}
    added = changed = removed = 0
    there = set()
    for *row, mark in con.execute(_ALL).fetchall():
        old = _price(row)
        key = (old.provider, old.model, old.valid_from)
        there.add(key)
        if mark is None:
            continue
        if fingerprint(old) != mark:
            con.execute(_KEEP_AS_USERS, _key(old))
        elif key not in wanted:
            con.execute(_FORGET, {**_key(old), "book": mark})
            removed += 1
        elif fingerprint(wanted[key]) != mark:
            con.execute(_PUT, {**_values(wanted[key]), "book": fingerprint(wanted[key])})
            changed += 1
    for key, price in wanted.items():
        if key not in there:
            con.execute(_SEED, {**_values(price), "book": fingerprint(price)})
            added += 1
    return Seeded(added, changed, removed)


def shutdowns_in_book(models: Iterable[tuple[str, str]]) -> dict[tuple[str, str], dt.datetime]:
    """Return when these models (provider, name) are switched off, UTC, as far as our own book knows."""
    wanted = set(models)
    told = ((price.provider, price.model, price.shutdown_at) for price in read_prices(BOOK))
    return {(who, name): when for who, name, when in told if when is not None and (who, name) in wanted}


def fingerprint(price: Price) -> str:
    """Return a short text that changes with any value of the row."""
    told = "|".join(_plain(getattr(price, name)) for name in _FIELDS)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def shown(con: Runs, moment: dt.datetime, *, every: bool = False) -> Answer:
    """List the prices that hold at a moment, or with ``every`` also past and future ones."""
    return run_sql(con, _SHOWN, {"moment": utc_naive(moment), "every": every})


def valid(con: Runs, moment: dt.datetime) -> list[Price]:
    """Return all prices that hold at a moment, UTC."""
    rows = con.execute(_VALID, {"moment": utc_naive(moment)}).fetchall()
    return [_price(row) for row in rows]


def _plain(value: object) -> str:
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)


def _key(price: Price) -> dict[str, Any]:
    return {"provider": price.provider, "model": price.model, "valid_from": price.valid_from}


def _values(price: Price) -> dict[str, Any]:
    return {name: getattr(price, name) for name in _FIELDS}


def _price(row: Iterable[Any]) -> Price:
    return Price(**dict(zip(_FIELDS, row, strict=True)))


def _from_toml(where: str, row: Mapping[str, Any]) -> Price:
    if missing := [name for name in _NEEDED if name not in row]:
        raise BadInput(f"{where}: missing {', '.join(missing)}")
    if unknown := [name for name in row if name not in _FIELDS]:
        raise BadInput(f"{where}: unknown key {unknown[0]!r}; known are {', '.join(_FIELDS)}")
    values = {name: _toml_value(f"{where}: {name}", name, row.get(name)) for name in _FIELDS}
    price = Price(**values)
    try:
        check(price)
    except BadInput as exc:
        raise BadInput(f"{where}: {exc}") from exc
    return price


def _toml_value(where: str, name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in _MONEY:
        return _toml_money(where, value)
    if name in _TIMES:
        return _toml_time(where, value)
    if not isinstance(value, str) or not value.strip():
        raise BadInput(f"{where} = {value!r}: expected a text")
    return value.strip()


def _toml_money(where: str, value: Any) -> Decimal:
    expected = f"{where} = {value}: expected a number with at most {DECIMALS} decimals, without quotes"
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise BadInput(expected)
    number = Decimal(value)
    if not number.is_finite() or number != round(number, DECIMALS):
        raise BadInput(expected)
    return number


def _toml_time(where: str, value: Any) -> dt.datetime:
    if isinstance(value, dt.datetime):
        return utc_naive(value)
    if isinstance(value, dt.date):
        return dt.datetime(value.year, value.month, value.day)  # noqa: DTZ001  columns hold UTC without zone
    raise BadInput(f"{where} = {value!r}: expected a date such as 2026-11-22, UTC, without quotes")
