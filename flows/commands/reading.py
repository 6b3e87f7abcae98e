"""What the commands that read the store share."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from leadline.book.errors import BadInput
from leadline.flows.config.settings import BadSetting, Settings, db_to_read
from leadline.flows.terminal.console import say


def database(settings: Settings) -> Path:
    """
    Return the database to read, with a word on stderr where it is the demo's.

    Raises `BadInput` that says what to do when there is none.
    """
    db, word = db_to_read(settings)
    if not db.exists():
        raise BadInput(f"there is no database {db}; make one with leadline demo or stream, or give --db")
    if word:
        say(word)
    return db


def moment(flag: str, text: str) -> datetime:
    """Read the time given with ``flag``, UTC unless it says otherwise; raises `BadSetting`."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise BadSetting(f"{flag} {text!r}: expected a time such as 2026-01-31T12:00:00.250") from None
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time
