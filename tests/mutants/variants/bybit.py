"""Mistakes of those who keep Bybit's books."""

from __future__ import annotations

from tests.mutants.variant import Variant

BOOK = ("tests/book/venues/bybit/test_book.py",)
DECODE = ("tests/book/venues/bybit/test_decode.py",)
RECORDED = ("tests/book/venues/bybit/test_recorded.py",)
ADAPTER = ("tests/tasks/venues/bybit/test_adapter.py",)
FEED = ("tests/tasks/feed/test_bybit.py",)
PLAYED = ("tests/tasks/loopback/venues/bybit/test_venue.py",)

VARIANTS = (
    Variant(
        "a delta may skip a number",
        "book/venues/bybit/sequence.py",
        "if diff.last_id == last_id + 1 else",
        "if diff.last_id > last_id else",
        BOOK,
    ),
    Variant(
        "a snapshot is a delta",
        "book/venues/bybit/decode.py",
        '    if wire.type == "delta":\n',
        '    if wire.type == "delta" or book.u != RESTARTED:\n',
        (*BOOK, *DECODE),
    ),
    Variant(
        "tops are bracketed though they are merged",
        "book/venues/bybit/specs.py",
        "faith=Faith(bracket=False, refute=False)",
        "faith=Faith(bracket=True, refute=False)",
        RECORDED,
    ),
    Variant(
        "a top at an equal seq refutes a book",
        "book/venues/bybit/specs.py",
        "faith=Faith(bracket=False, refute=False)",
        "faith=Faith(bracket=False, refute=True)",
        (*FEED, *RECORDED),
    ),
    Variant(
        "a book of another depth is taken for ours",
        "tasks/venues/bybit/adapter.py",
        "kinds.get((kind, levels))",
        "kinds.get((kind, levels if levels < 2 else self.levels))",
        ADAPTER,
    ),
    Variant(
        "a repeated top shows that the market moves",
        "tasks/venues/bybit/profiles.py",
        "        moving=frozenset({StreamKind.TRADE}),\n",
        "",
        FEED,
    ),
    Variant(
        "seeds are asked of REST",
        "tasks/venues/bybit/profiles.py",
        "        seeds_in_stream=True,\n",
        "",
        FEED,
    ),
    Variant(
        "the built-in venue forgets levels that leave the best ones",
        "tasks/loopback/venues/bybit/lines.py",
        "    return changed + [(price, 0) for price in old if price not in new]\n",
        "    return changed\n",
        PLAYED,
    ),
    Variant(
        "the built-in venue counts on after a restart",
        "tasks/loopback/venues/bybit/lines.py",
        "        self._count(RESTARTED, self._mirror.best(self.levels))\n",
        "        self._count(self.u + 1, self._mirror.best(self.levels))\n",
        (*PLAYED, *FEED),
    ),
    Variant(
        "the built-in venue greets with the market's book instead of the last message's",
        "tasks/loopback/venues/bybit/lines.py",
        "        if self._told is None:\n            self._count(self.u,",
        "        if self._told is not None:\n            self._count(self.u + 1,",
        PLAYED,
    ),
)
