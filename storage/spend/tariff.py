"""
What a call costs, in exact decimals: one dated price, its peak hours, and the arithmetic.

    cost = (prompt - cached) x input + cached x cached price
         + (completion - reasoning) x output + reasoning x reasoning price, all per million

Source: the OpenAI usage object, where prompt tokens include the cached ones and completion tokens the
reasoning ones. A flat tariff is a price with input = output and nothing else.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal

from leadline.book.errors import BadInput
from leadline.storage.access.sql import utc_naive
from leadline.storage.spend.calls import Usage

MILLION = Decimal(1_000_000)
GRAIN = Decimal("1e-12")  # of a dollar: what the tables keep
ANY_MODEL = "*"
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_PEAK = re.compile(
    r"(?:(?P<first>[A-Z][a-z]{2})-(?P<last>[A-Z][a-z]{2}) )?(?P<spans>\d\d-\d\d(?: \d\d-\d\d)*)"
)
# How providers mark a dated or pinned release of a model: -2025-04-14, @20250929, -20250929, -001, -latest.
_RELEASE = re.compile(r"(?:[-@](?:\d{4}-\d{2}-\d{2}|\d{8}|\d{3}|latest))+")


@dataclass(frozen=True, slots=True)
class PeakHours:
    """Hours of the day, UTC, ``from <= hour < to``, on weekdays from ``first`` to ``last`` (0: Mon)."""

    first: int
    last: int
    spans: tuple[tuple[int, int], ...]

    @classmethod
    def read(cls, text: str) -> PeakHours:
        """Read ``Mon-Fri 01-04 06-10`` or ``06-10``; raises `BadInput`."""
        found = _PEAK.fullmatch(text)
        expected = f"peak hours {text!r}: expected such as 'Mon-Fri 01-04 06-10', UTC"
        if found is None:
            raise BadInput(expected)
        days = (found["first"] or "Mon", found["last"] or "Sun")
        spans = tuple((int(span[:2]), int(span[3:])) for span in found["spans"].split())
        if any(day not in _DAYS for day in days) or any(not 0 <= a < b <= 24 for a, b in spans):  # noqa: PLR2004  hours
            raise BadInput(expected)
        return cls(_DAYS.index(days[0]), _DAYS.index(days[1]), spans)

    def holds(self, moment: dt.datetime) -> bool:
        """Tell whether a moment, UTC, lies in them."""
        at = utc_naive(moment)
        return self.first <= at.weekday() <= self.last and any(a <= at.hour < b for a, b in self.spans)


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """One row of ``prices``, USD per million tokens; None: as ``input``, as ``output``."""

    provider: str
    model: str
    valid_from: dt.datetime
    valid_to: dt.datetime | None
    input: Decimal
    cached: Decimal | None
    output: Decimal
    reasoning: Decimal | None
    peak_hours: str | None
    peak_factor: Decimal | None
    shutdown_at: dt.datetime | None
    source: str
    checked_at: dt.datetime

    def factor(self, moment: dt.datetime) -> Decimal:
        """Return what all prices are multiplied with at a moment; raises `BadInput` for bad peak hours."""
        if self.peak_hours is None or self.peak_factor is None:
            return Decimal(1)
        return self.peak_factor if PeakHours.read(self.peak_hours).holds(moment) else Decimal(1)

    def cost(self, usage: Usage, moment: dt.datetime) -> Decimal:
        """Return the USD that the tokens cost when sent at ``moment``, to 12 decimals."""
        prompt, cached = _split(usage.prompt_tokens, usage.cached_tokens)
        completion, reasoning = _split(usage.completion_tokens, usage.reasoning_tokens)
        per_million = (
            prompt * self.input
            + cached * (self.input if self.cached is None else self.cached)
            + completion * self.output
            + reasoning * (self.output if self.reasoning is None else self.reasoning)
        )
        exact = per_million * self.factor(moment) / MILLION
        return exact.quantize(GRAIN, ROUND_HALF_UP)

    def worst_case(self, prompt_tokens_max: int, completion_tokens_max: int) -> Decimal:
        """Return the most USD that so many tokens can cost, whatever is cached and whenever billed."""
        if prompt_tokens_max < 0 or completion_tokens_max < 0:
            raise BadInput(f"tokens: expected 0 or more, got {prompt_tokens_max}, {completion_tokens_max}")
        dearest_in = max(self.input, self.cached or Decimal(0))
        dearest_out = max(self.output, self.reasoning or Decimal(0))
        factor = max(Decimal(1), self.peak_factor or Decimal(1))
        most = prompt_tokens_max * dearest_in + completion_tokens_max * dearest_out
        return (most * factor / MILLION).quantize(GRAIN, ROUND_CEILING)

    @property
    def name(self) -> str:
        """Say which row it is, for the ledger."""
        return f"price:{self.provider}/{self.model}@{self.valid_from:%Y-%m-%d}"


def _split(total: int, part: int) -> tuple[int, int]:
    """Split tokens in those at the full and those at the part's price; a part that cannot be is none."""
    total = max(0, total)
    part = part if 0 <= part <= total else 0
    return total - part, part


def same_model(requested: str, served: str) -> bool:
    """
    Tell whether the name a provider reports is the model asked for, as far as its price goes.

    A path before it (``models/``, ``openai/``) and the date or number of a release after it do not count.
    """
    asked, got = requested.rpartition("/")[2], served.rpartition("/")[2]
    if asked == got:
        return True
    longer, shorter = (got, asked) if len(got) > len(asked) else (asked, got)
    return longer.startswith(shorter) and _RELEASE.fullmatch(longer[len(shorter) :]) is not None
