"""The attestor whose comparisons are compiled: a view of the slots that `book.kernel.attest` writes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from leadline.book.kernel import attest as slot
from leadline.book.messages import Bbo
from leadline.book.rows.evidence import NO_ID, Kind, Miss, Tally

if TYPE_CHECKING:
    from leadline.book.engine.compiled_ladder import CompiledLadder


class CompiledAttestor:
    """See `book.trust.attestation`; the ladder's array holds everything and may change with each call."""

    def __init__(self, ladder: CompiledLadder) -> None:
        self._ladder = ladder
        self._ticker = np.zeros(slot.TICKER_WIDTH, np.int64)
        self.forget()

    @property
    def agreed(self) -> tuple[int, int]:
        """See `book.trust.attestation.Attestor`."""
        state = self._ladder.state
        return int(state[slot.AGREED_ID]), int(state[slot.AGREED_NS])

    @property
    def streak(self) -> int:
        """See `book.trust.attestation.Attestor`."""
        return int(self._ladder.state[slot.STREAK])

    @property
    def unsure_id(self) -> int:
        """See `book.trust.attestation.Attestor`."""
        return int(self._ladder.state[slot.UNSURE_ID])

    def watch(self, *, closely: bool) -> None:
        """Say whether agreements are to be told as well, and not misses alone."""
        self._ladder.state[slot.CLOSELY] = closely

    def hear(self, ticker_id: int, top: Bbo) -> bool:
        """Take a ticker that the kernel did not read; True if there is something to be told."""
        self._ticker[:] = (ticker_id, *top)
        return bool(self._ladder.kernels.hear_top(self._ladder.state, self._ticker))

    def check(
        self,
        last_id: int,  # noqa: ARG002 - all four stand in the ladder
        recv_ns: int,  # noqa: ARG002
        top: Bbo,  # noqa: ARG002
        witness_id: int | None = None,  # noqa: ARG002
    ) -> bool:
        """Take the top as it stands in the ladder; True if there is something to be told."""
        return bool(self._ladder.kernels.check_top(self._ladder.state))

    def take_miss(self) -> Miss | None:
        """Return the newest miss, once."""
        kind, book_id, *rest = self._ladder.state[slot.MISS_KIND : slot.MISS_NEXT_ID + 1].tolist()
        self._ladder.state[slot.MISS_KIND] = Kind.NONE
        if kind == Kind.NONE:
            return None
        return Miss(Kind(kind), book_id, Bbo(*rest[:4]), rest[4], Bbo(*rest[5:9]), rest[9])

    def take_tally(self) -> Tally:
        """Return the counts so far and begin anew."""
        counts = self._ladder.state[slot.EQUAL_ID : slot.UNCHECKED + 1]
        tally = Tally(*counts.tolist())
        counts[:] = 0
        return tally

    def forget(self) -> None:
        """Start again, because ids, tickers or book do not go on from those before; counts stay."""
        state = self._ladder.state
        state[slot.HEARD] = state[slot.FIRST_WAITING] = state[slot.NEXT_WAITING] = 0
        state[slot.MISS_KIND] = Kind.NONE
        state[slot.AGREED_ID], state[slot.AGREED_NS], state[slot.STREAK] = NO_ID, 0, 0
        state[slot.UNSURE_ID] = NO_ID
        state[slot.TOP : slot.TOP + 4] = NO_ID

    def turn_at(self, ts_ns: int) -> None:
        """Have the kernel tell when a diff is received at ``ts_ns`` or later."""
        self._ladder.state[slot.TURN_NS] = ts_ns
