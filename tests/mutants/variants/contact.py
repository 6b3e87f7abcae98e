"""Mistakes in how a venue is looked at, named and asked for times."""

from __future__ import annotations

from tests.mutants.variant import Variant

FIELDS = ("tests/book/contact/test_fields.py",)
SYMBOL = ("tests/book/contact/test_symbol.py",)
WEIGHTS = ("tests/book/contact/test_weights.py",)
TRACES = ("tests/flows/contact/test_traces.py",)
NAMES = ("tests/flows/config/test_venue.py",)
ADAPTER = ("tests/tasks/venues/binance/test_adapter.py",)

VARIANTS = (
    Variant(
        "a field that is missing is borne",
        "book/contact/fields.py",
        "            if name not in message:\n                met.missing[name] += 1\n",
        "            if name not in message:\n                continue\n",
        FIELDS,
    ),
    Variant(
        "true passes for a whole number",
        "book/contact/fields.py",
        "    return isinstance(value, int) and not isinstance(value, bool)\n",
        "    return isinstance(value, int)\n",
        FIELDS,
    ),
    Variant(
        "a repeated diff passes for the next one",
        "book/contact/symbol.py",
        "            self._chain.look(join is Join.NEXT, wrong)\n",
        "            self._chain.look(join is not Join.GAP, wrong)\n",
        SYMBOL,
    ),
    Variant(
        "a ticker that comes before its diff is not held against the book",
        "book/contact/symbol.py",
        "            if book.witness_id in self._tickers:\n",
        "            if book.witness_id in ():\n",
        SYMBOL,
    ),
    Variant(
        "an order book far ahead of the diffs passes",
        "book/contact/symbol.py",
        "            far = newest is not None and newest < seed.witness_id\n",
        "            far = newest is None\n",
        SYMBOL,
    ),
    Variant(
        "a weight that another program added to is broken",
        "book/contact/weights.py",
        "        if weight in deltas:\n",
        "        if deltas == [weight]:\n",
        WEIGHTS,
    ),
    Variant(
        "a report names addresses of the network",
        "flows/contact/traces.py",
        "        text = _IPV4.sub(ADDRESS, text)\n",
        "",
        TRACES,
    ),
    Variant(
        "a report names a mirror of the venue",
        "flows/contact/traces.py",
        "        return plain if host in self.hosts and",
        "        return plain if host and",
        TRACES,
    ),
    Variant(
        "rows from an address that was given pass for the exchange's own",
        "flows/config/settings.py",
        "        if self.ws_url is not None or self.rest_url is not None:\n            object",
        "        if self.ws_url is not None and self.rest_url is not None:\n            object",
        NAMES,
    ),
    Variant(
        "microseconds are read as milliseconds by the clock",
        "tasks/venues/binance/adapter.py",
        ".serverTime * self.unit_ns\n",
        ".serverTime * MILLISECOND_NS\n",
        ADAPTER,
    ),
)
