"""What commands that read share: the database, times."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import cast

from leadline.book.errors import BadInput, LeadlineError, did_you_mean
from leadline.flows.config.kinds import DAY, MOMENT, Expected, Kind, shown
from leadline.flows.config.settings import BadSetting, Settings, db_to_read
from leadline.flows.terminal.console import to_stderr
from leadline.storage.access.connect import Connection
from leadline.storage.queries.catalog import symbols


def database(settings: Settings) -> Path:
    """
    Return the database to read; where it is the demo's, print a line on stderr.

    Raises `BadInput` with what to do when there is none.
    """
    db, message = db_to_read(settings)
    if not db.exists():
        raise BadInput(f"there is no database {db}; make one with leadline demo or stream, or give --db")
    if message:
        to_stderr(message)
    return db


def moment(flag: str, text: str | None) -> datetime | None:
    """Read the time given with ``flag``, UTC unless it has an offset, into UTC; raises `BadSetting`."""
    if text is None:
        return None
    return cast("datetime", _read(flag, MOMENT, text))


def day(flag: str, text: str | None) -> date | None:
    """Read the UTC day given with ``flag``; raises `BadSetting`."""
    return None if text is None else cast("date", _read(flag, DAY, text))


def _read(flag: str, kind: Kind, text: str) -> object:
    try:
        return kind.read(text)
    except Expected as exc:
        raise BadSetting(f"{flag} {shown(text)}: expected {exc}") from None


@contextlib.contextmanager
def symbol_hint(con: Connection, symbol: str | None) -> Iterator[None]:
    """Add the closest stored symbol to an error about one that is not stored."""
    try:
        yield
    except LeadlineError as exc:
        hint = stored_symbol_hint(con, symbol)
        if not hint:
            raise
        raise type(exc)(f"{exc}{hint}") from exc


def stored_symbol_hint(con: Connection, symbol: str | None) -> str:
    """Return a suggestion for a symbol that is not stored, or nothing."""
    stored = symbols(con)
    return "" if symbol is None or symbol in stored else did_you_mean(symbol, stored)
