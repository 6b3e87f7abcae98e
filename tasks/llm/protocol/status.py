"""
What an HTTP status means for the next step: a retry, after which wait, or in another format.

Sources: RFC 9110 (Retry-After, 408, 503), RFC 6585 (429); ``retry-after-ms`` as OpenAI and Azure send it.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Literal, TypeAlias

StatusKind: TypeAlias = Literal["ok", "again", "other_form", "refused"]

OK, BAD_REQUEST, TIMEOUT, CONFLICT, UNPROCESSABLE, TOO_MANY = 200, 400, 408, 409, 422, 429
SERVER_ERROR = 500
NOT_IMPLEMENTED, VERSION_NOT_SUPPORTED = 501, 505
OVERLOADED = 529  # Anthropic's, and those who pass it on
WORTH_ANOTHER_TRY = frozenset({TIMEOUT, CONFLICT, TOO_MANY, OVERLOADED})
# How servers say that they do not know the format we asked for; llama-cpp-python does it with a 500.
FORM_WORDS = re.compile(
    rb"response[_ ]format|json[_ ]schema|json[_ ]object|json mode|structured output", re.IGNORECASE
)
LONGEST_SAID_S = 10 * 365 * 86_400.0


def kind_of(status: int, body: bytes, *, has_form: bool) -> StatusKind:
    """Classify a status; ``has_form`` says whether the request named a format that can be dropped."""
    if status == OK:
        return "ok"
    if has_form and status in (BAD_REQUEST, UNPROCESSABLE, SERVER_ERROR) and FORM_WORDS.search(body):
        return "other_form"
    if has_form and status in (BAD_REQUEST, UNPROCESSABLE) and not body.strip():
        return "other_form"  # it gives no reason; the format is the first suspect
    if status in WORTH_ANOTHER_TRY:
        return "again"
    if status >= SERVER_ERROR and status not in (NOT_IMPLEMENTED, VERSION_NOT_SUPPORTED):
        return "again"
    return "refused"


def retry_after_s(headers: Mapping[str, str], *, now: dt.datetime) -> float | None:
    """Return the seconds that the server asks us to wait; None without a valid header."""
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    said = headers.get("retry-after", "").strip()
    seconds = _number(said)
    if seconds is not None or not said:
        return seconds
    try:
        at = parsedate_to_datetime(said)
    except (ValueError, TypeError, IndexError):
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=dt.UTC)
    return min(max(0.0, (at - now).total_seconds()), LONGEST_SAID_S)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return min(number, LONGEST_SAID_S) if number >= 0 else None
