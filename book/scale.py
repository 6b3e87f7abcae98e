"""
How a symbol's decimal texts become exact integers and come back.

Venues write prices and quantities as decimal text. Floats cannot hold most of them, so inside they
are integers: a tick is ``10**-price_decimals``, a lot ``10**-qty_decimals``. The decimals come from
the tick and step size that the venue lists; a fixed scale of 8 decimals would overflow 64 bits above
9.2e10 units, which some markets trade.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from leadline.book.errors import BadInput, OffScale

MAX_DECIMALS = 18  # 10**18 is the largest power of ten in a signed 64-bit integer
INT64_MAX = 2**63 - 1


def _decimals(text: str, what: str) -> int:
    """Count the decimals a size such as ``0.01000000`` needs: 2 here."""
    try:
        size = Decimal(text)
    except ArithmeticError as exc:
        raise BadInput(f"{what}: expected a decimal text such as '0.01', got {text!r}") from exc
    if not size.is_finite() or size <= 0:
        raise BadInput(f"{what}: expected a positive size, got {text!r}")
    exponent = size.normalize().as_tuple().exponent
    decimals = max(0, -int(exponent))
    if decimals > MAX_DECIMALS:
        raise BadInput(f"{what}: {text!r} has {decimals} decimals, at most {MAX_DECIMALS} fit")
    return decimals


def parse_scaled(text: str, decimals: int) -> int:
    """
    Turn unsigned decimal text into an integer of ``10**-decimals``, exactly.

    Raises `OffScale` for a non-zero digit past ``decimals`` or a value past 64 bits, `BadInput` for
    text that is not plain digits with at most one point.
    """
    whole, _, fraction = text.partition(".")
    if not (whole + fraction).isdecimal() or not (whole + fraction).isascii() or not whole:
        raise BadInput(f"expected an unsigned decimal such as '61837.64', got {text!r}")
    if fraction[decimals:].strip("0"):
        raise OffScale(f"{text} has more than the {decimals} decimals of its symbol's scale")
    value = int(whole + fraction[:decimals].ljust(decimals, "0"))
    if value > INT64_MAX:
        raise OffScale(f"{text} at {decimals} decimals is past the 64-bit limit of {INT64_MAX}")
    return value


@dataclass(frozen=True, slots=True)
class Scale:
    """Decimals kept of a symbol's prices and quantities, each 0 to 18."""

    price_decimals: int
    qty_decimals: int

    def __post_init__(self) -> None:
        for name, value in (("price", self.price_decimals), ("quantity", self.qty_decimals)):
            if not 0 <= value <= MAX_DECIMALS:
                raise BadInput(f"{name} decimals: expected 0 to {MAX_DECIMALS}, got {value}")

    @classmethod
    def from_sizes(cls, tick_size: str, step_size: str) -> Scale:
        """Read the scale off the sizes of a listing; trailing zeros are ignored."""
        return cls(_decimals(tick_size, "tickSize"), _decimals(step_size, "stepSize"))

    @classmethod
    def from_wire(cls, prices: Iterable[str], quantities: Iterable[str]) -> Scale:
        """Infer the scale from texts as written, for recordings that carry no listing."""
        return cls(
            max((len(p.partition(".")[2]) for p in prices), default=0),
            max((len(q.partition(".")[2]) for q in quantities), default=0),
        )

    def ticks(self, price: str) -> int:
        """Turn price text into ticks; errors as `parse_scaled`."""
        return parse_scaled(price, self.price_decimals)

    def lots(self, quantity: str) -> int:
        """Turn quantity text into lots; errors as `parse_scaled`."""
        return parse_scaled(quantity, self.qty_decimals)

    def price(self, ticks: int) -> Decimal:
        """Give ticks back as the exact decimal price."""
        return Decimal(ticks).scaleb(-self.price_decimals)

    def quantity(self, lots: int) -> Decimal:
        """Give lots back as the exact decimal quantity."""
        return Decimal(lots).scaleb(-self.qty_decimals)
