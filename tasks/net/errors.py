"""
What can go wrong at the venue's edge, named by what the caller can do about it.

    LeadlineError
    ├── VenueError          the venue, or the way to it
    │   ├── StreamLost      the session ended; reconnect                           transient
    │   ├── ConnectFailed   a session could not be opened; try again, or elsewhere transient
    │   ├── RestFailed      time-out, transport or server error                    transient
    │   │   └── Unreachable no way to this address: name, TLS, refused connection  transient
    │   ├── RateLimited     wait ``retry_after_s``, all callers alike              transient
    │   ├── SeedRefused     the seed does not join what was buffered; fetch again  transient
    │   ├── AccessRefused   the venue will not serve this place or this request    permanent
    │   └── UnknownSymbol   no such symbol at this venue                           permanent
    ├── SinkFull            every batch is queued; nothing was changed, call again transient
    └── FeedStopped         the feed was stopped; nothing will be done any more    permanent

A retry asks ``exc.transient``; ``retry_after_s`` is the least wait before it, in seconds.
"""

from __future__ import annotations

from leadline.book.errors import LeadlineError


class VenueError(LeadlineError):
    """Trouble with the venue; the message says which host and what it answered."""

    retry_after_s = 0.0


class StreamLost(VenueError):
    """The session ended; reconnect. The message is the close frame or the silence that ended it."""

    transient = True


class ConnectFailed(VenueError):
    """A session could not be opened, or its streams were not accepted; trying again can help."""

    transient = True


class RestFailed(VenueError):
    """A request met a time-out, a broken connection or a 5xx answer; trying again can help."""

    transient = True


class Unreachable(RestFailed):
    """No connection to the address: its name is unknown, its certificate is no good, it refuses."""


class RateLimited(VenueError):
    """The venue (429, 418) or our own budget says wait; no request may go out before it is over."""

    transient = True

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class SeedRefused(VenueError):
    """The seed is older than the buffered diffs or does not make a sound book; fetch another."""

    transient = True

    def __init__(self, message: str, *, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class AccessRefused(VenueError):
    """The venue refuses (403, 451 or another 4xx); the message says what to change."""


class UnknownSymbol(VenueError):
    """The venue does not know the symbol."""


class SinkFull(LeadlineError):
    """The sink has no free batch; nothing was changed. Stop reading, call again with the same frame."""

    transient = True


class FeedStopped(LeadlineError):
    """The feed is stopped or stopping and takes no more work."""
