"""
Keys, and how they stay out of messages, rows and logs.

A `Key` shows its name, never itself. Everything that a server sends or an exception says passes through a
`Redactor` before it becomes a message, a row or a log line: servers repeat keys in their error texts.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from urllib.parse import quote

from leadline.tasks.llm.protocol.errors import BadProfile

HIDDEN = "[key]"
# Keys of other people or of other formats that a server may repeat, and words like them.
LIKE_KEYS = re.compile(
    r"\b(?:sk|pk|rk|hs|gsk|xai|key)-[A-Za-z0-9_\-]{6,}[*.A-Za-z0-9_\-]*"
    r"|\bAIza[A-Za-z0-9_\-]{20,}"
    r"|(?i:\bbearer\s+)[A-Za-z0-9._~+/\-]{6,}=*"
    r"|//[^/\s:@]+:[^/\s@]+@"
)


# At DEBUG they log every header, and a server may repeat the key in one, or beside a status.
HTTP_LOGGERS = (
    "httpx", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy", "httpcore.socks",
)  # fmt: skip


class Key:
    """A secret text and where it came from; printing, formatting or comparing does not show it."""

    __slots__ = ("_value", "name")

    def __init__(self, value: str, name: str) -> None:
        value = value.strip()
        # httpx would repeat the value in its error about such a header.
        if not value or not value.isascii() or not value.isprintable() or " " in value:
            raise BadProfile(f"{name}: not a key; expected printable ASCII characters without spaces")
        self._value = value
        self.name = name

    def reveal(self) -> str:
        """Return the secret itself; for the header of a request and for redaction only."""
        return self._value

    def __repr__(self) -> str:
        return f"Key({self.name})"

    def __reduce__(self) -> str | tuple[object, ...]:
        """Refuse to be pickled: a pickle is a file with the key in it."""
        raise TypeError(f"{self!r} cannot be pickled")


class Redactor:
    """Takes the keys it was given, and what looks like a key, out of a text."""

    def __init__(self, keys: Iterable[Key] = ()) -> None:
        forms = {form for key in keys for form in (key.reveal(), quote(key.reveal(), safe=""))}
        longest_first = sorted(forms, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if forms else None

    def __call__(self, text: str) -> str:
        """Return ``text`` without keys."""
        if self._known is not None:
            text = self._known.sub(HIDDEN, text)
        return LIKE_KEYS.sub(HIDDEN, text)

    def keys_only(self, text: str) -> str:
        """Return ``text`` without the known keys; what only looks like one stays, as in a model's words."""
        return text if self._known is None else self._known.sub(HIDDEN, text)


class LogRedaction(logging.Filter):
    """Removes keys from what the HTTP libraries log, until `remove`."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__()
        self._redact = redact
        for name in HTTP_LOGGERS:
            logging.getLogger(name).addFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact one record; it is kept."""
        record.msg, record.args = self._redact(record.getMessage()), None
        return True

    def remove(self) -> None:
        """Restore the loggers; safe to call twice."""
        for name in HTTP_LOGGERS:
            logging.getLogger(name).removeFilter(self)
