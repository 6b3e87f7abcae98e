"""The names of all venues, for help and settings; `leadline.tasks.venues.registry` knows what they mean."""

from __future__ import annotations

VENUES = ("binance-spot", "binance-usdm", "binance-coinm")
LOOPBACK_KINDS = ("spot", "usdm", "coinm")
