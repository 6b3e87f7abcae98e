"""
One root for everything Leadline raises, named by what the caller can do about it.

    LeadlineError
    ├── BadInput            the caller gave something that cannot be; the message names it
    │   └── BadFrame        bytes from the venue that are not what its documents promise
    │       └── OffScale    a number the symbol's scale cannot hold exactly
    ├── NotLive             the book may not be read now
    ├── EmptySide           the figure asked for needs both sides of the book
    └── BatchFull           no room for the row; swap the batch and call again, nothing was changed

``storage`` and ``tasks`` add their own branches. A retry asks ``transient`` and nothing else.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class LeadlineError(Exception):
    """Root of all errors of this project; ``transient`` says whether trying again can help."""

    transient = False


class BadInput(LeadlineError):
    """Something handed in cannot be; the message names the value and what was expected."""


class BadFrame(BadInput):
    """Bytes that are not the message the venue documents; nothing of them was used."""


class OffScale(BadFrame):
    """A price or quantity that the symbol's scale cannot hold exactly in a signed 64-bit integer."""


class NotLive(LeadlineError):
    """The book is not LIVE and so cannot be read; the message says the state and since what."""


class EmptySide(LeadlineError):
    """A figure that needs both sides of the book was asked of a book with an empty side."""


class BatchFull(LeadlineError):
    """The batch has no room for this message; nothing was changed. Swap the batch, call again."""


def did_you_mean(name: str, known: Iterable[str], *, prefix: str = "") -> str:
    """
    Return the end of a message about an unknown ``name``: the closest known one, or nothing.

    What all names begin with is their ``prefix``; it makes none of them closer.
    """
    names = {each.removeprefix(prefix).casefold(): each for each in known}
    close = difflib.get_close_matches(name.removeprefix(prefix).casefold(), names, n=1)
    return f"; did you mean {names[close[0]]}?" if close else ""
