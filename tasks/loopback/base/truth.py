"""What the venue's book really was: the answer tests and the demo compare with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from leadline.book.scale import Scale


@dataclass(frozen=True, slots=True)
class Truth:
    """The whole book right after ``last_id``, best first, in ticks and lots of ``scale``."""

    last_id: int
    bids: tuple[tuple[int, int], ...]
    asks: tuple[tuple[int, int], ...]
    scale: Scale

    def as_json(self) -> dict[str, Any]:
        """Give it with decimal texts, as ``GET /loopback/truth`` does."""
        text = self._text
        return {"last_id": self.last_id, "bids": text(self.bids), "asks": text(self.asks)}

    def _text(self, levels: tuple[tuple[int, int], ...]) -> list[list[str]]:
        return [[f"{self.scale.price(p):f}", f"{self.scale.quantity(q):f}"] for p, q in levels]
