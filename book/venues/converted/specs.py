"""What converted data can prove: everything but that its file is whole."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from leadline.book.trust.attestation import Faith
from leadline.book.venues.binance.specs import SPOT
from leadline.book.venues.common.spec import VenueSpec

PREFIX = "converted-"
CAVEAT = (
    "Converted from a format without update ids. The ids were numbered by the conversion: "
    "a message that the file lacks cannot be seen as a gap, and best prices do not check the book."
)


def converted(name: str, known: Iterable[VenueSpec]) -> VenueSpec | None:
    """
    Return the spec of ``converted-…`` data of any exchange; None for another name.

    The fee of an exchange that nobody here knows is the dearest known, so that no gain is claimed for want
    of a fee.
    """
    if not name.startswith(PREFIX) or not (exchange := name.removeprefix(PREFIX)):
        return None
    specs = list(known)
    like = next((spec for spec in specs if exchange == spec.name), None)
    return replace(
        SPOT,  # whose messages `frames` writes
        name=name,
        alias=None,
        taker_fee_bps=like.taker_fee_bps if like else max(spec.taker_fee_bps for spec in specs),
        tardis_name=(like.tardis_name if like else None) or exchange,
        faith=Faith(bracket=False, refute=False),
        same_ids=False,
        numbers_trades=False,
        pairs_connections=False,
        caveat=CAVEAT,
    )


def venue_of(exchange: str, known: Iterable[VenueSpec]) -> str:
    """
    Return the name that rows give data of an exchange, which may be named as Tardis names it.

    Where several markets have one name there, such as those of several depths, it is the first of them.
    """
    specs = list(known)
    ours = {spec.tardis_name: spec.name for spec in reversed(specs) if spec.tardis_name}
    return PREFIX + (ours | {spec.name: spec.name for spec in specs}).get(exchange, exchange)
