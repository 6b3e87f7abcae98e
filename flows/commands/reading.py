"""What the commands that read the store share."""

from __future__ import annotations

from pathlib import Path

from book.errors import BadInput
from flows.console import say
from flows.settings import Settings, db_to_read


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
