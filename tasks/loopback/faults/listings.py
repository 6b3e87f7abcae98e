"""
Lies about listings: what the venue says of a symbol, changed on command.

A fault of kind ``listing`` names one of `LIES`, or gives a JSON object whose fields replace those of the
symbol's entry. ``unlisted`` takes the entry out: a request that names the symbol is refused then, as the
venue does with a symbol that it never listed or lists no more.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeAlias

from leadline.book.errors import BadInput
from leadline.tasks.loopback.base.ledger import Entry

Info: TypeAlias = dict[str, Any]

UNLISTED = "unlisted"


def _each_filter(info: Info, **changes: Any) -> Info:
    """Change fields that a filter has; others stay without them."""
    filters = [
        {key: changes.get(key, value) for key, value in one.items()} for one in info.get("filters", [])
    ]
    return info | {"filters": filters}


LIES: dict[str, Callable[[Info], Info | None]] = {
    UNLISTED: lambda _: None,
    "no_filters": lambda info: info | {"filters": []},
    "tick_zero": lambda info: _each_filter(info, tickSize="0.00000000"),
    "step_zero": lambda info: _each_filter(info, stepSize="0"),
    "too_fine": lambda info: _each_filter(info, tickSize="0.0000000000000000001"),
    "too_coarse": lambda info: _each_filter(info, tickSize="10", stepSize="10"),
    "numbers": lambda info: _each_filter(info, tickSize=0.01, stepSize=0.00001),
    "strange_filter": lambda info: (
        info
        | {"filters": [*info["filters"], {"filterType": "NEW_FILTER", "maxPrice": 5, "maxQty": {"a": 1}}]}
    ),
    "no_status": lambda info: {
        key: value for key, value in info.items() if key not in {"status", "contractStatus"}
    },
    "nameless": lambda info: info | {"symbol": 7},
}


class Listings:
    """The lies that are told now, by symbol; everything runs on the venue's event loop."""

    def __init__(self) -> None:
        self._lies: dict[str, Entry] = {}

    def lie(self, entry: Entry) -> None:
        """Tell a lie from now on, in the place of an earlier one; raises `BadInput` for an unknown one."""
        assert entry.fault.symbol is not None
        _changed({}, entry.fault.text)
        self._lies[entry.fault.symbol] = entry
        entry.hit(listing=entry.fault.text)

    def end(self, entry: Entry) -> None:
        """Tell it no more."""
        entry.done = True
        self._lies = {symbol: lie for symbol, lie in self._lies.items() if lie is not entry}

    def clear(self) -> None:
        """Say nothing but the truth."""
        for entry in list(self._lies.values()):
            self.end(entry)

    def hides(self, symbol: str) -> bool:
        """Whether the venue denies that it lists the symbol."""
        lie = self._lies.get(symbol)
        return lie is not None and lie.fault.text == UNLISTED

    def say(self, symbol: str, info: Info) -> Info | None:
        """Return the entry that the venue shows of a symbol; None: it shows none."""
        lie = self._lies.get(symbol)
        return info if lie is None else _changed(info, lie.fault.text)


def _changed(info: Info, text: str) -> Info | None:
    if text in LIES:
        return LIES[text]({"filters": []} | info)
    try:
        changes = json.loads(text)
    except ValueError:
        changes = None
    if not isinstance(changes, dict):
        raise BadInput(f"listing: text is one of {', '.join(LIES)} or a JSON object, got {text!r}")
    return info | changes
