"""What keeps the levels of a book must offer: to `book.sync.machine`, and to a live book beyond that."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto
from typing import Any, Protocol, TypeVar

from leadline.book.messages import Bbo, Level
from leadline.book.sync.rules import Span


class TopState(Enum):
    """What the two best levels of a ladder look like."""

    SOUND = auto()
    EMPTY_SIDE = auto()
    CROSSED = auto()  # best bid >= best ask


class Seed(Protocol):
    """What the synchroniser needs to know of a snapshot."""

    @property
    def last_id(self) -> int:
        """``lastUpdateId``; -1 for a market that never had an order."""
        ...

    @property
    def ts_recv_ns(self) -> int:
        """When it reached us, ns since 1970."""
        ...


D_contra = TypeVar("D_contra", bound=Span, contravariant=True)
S_contra = TypeVar("S_contra", bound=Seed, contravariant=True)


class Ladder(Protocol[D_contra, S_contra]):
    """What keeps the levels of one book."""

    @property
    def last_id(self) -> int:
        """Id of the newest update held; -1 while there is none."""
        ...

    @property
    def last_event_ns(self) -> int:
        """The venue's time of the newest diff held, ns; 0 while there is none since the seed."""
        ...

    def seed(self, snapshot: S_contra) -> None:
        """Replace all levels."""
        ...

    def apply(self, diff: D_contra) -> None:
        """Set the levels of a diff: quantities are absolute, 0 deletes, unknown deletes are normal."""
        ...

    def top_state(self) -> TopState:
        """Judge the two best levels."""
        ...

    def best(self) -> Bbo:
        """Return the two best levels, crossed or not; raises `EmptySide`."""
        ...

    def clear(self) -> None:
        """Forget everything; ``last_id`` is -1 again."""
        ...


class FullLadder(Ladder[Any, Any], Protocol):
    """What a live book needs of its ladder beyond what `book.sync.machine` does."""

    @property
    def witness_id(self) -> int:
        """What the symbol's other streams call the state held (`DepthDiff.witness_id`); -1 without one."""
        ...

    @property
    def last_recv_ns(self) -> int:
        """When the newest update held reached us; 0 while there is none."""
        ...

    def top(self, n: int | None = None) -> tuple[list[Level], list[Level]]:
        """Return the ``n`` best levels of each side, or all, best first."""
        ...

    def level_counts(self) -> tuple[int, int]:
        """Return how many bids and asks are held."""
        ...

    def ghosts(self, low: int, high: int) -> tuple[int, int]:
        """Return how many bids stand below ``low`` and how many asks above ``high``, in ticks."""
        ...

    def lots_within(self, low: int, high: int) -> tuple[int, int]:
        """Return the lots of the bids at ``low`` or above and of the asks at ``high`` or below."""
        ...

    def drop_worst(self, bids: int, asks: int) -> None:
        """Delete the lowest ``bids`` bids and the highest ``asks`` asks."""
        ...

    def set_levels(self, bids: Sequence[Level], asks: Sequence[Level]) -> None:
        """Set levels and stay at the same id: no diff told them. 0 deletes."""
        ...
