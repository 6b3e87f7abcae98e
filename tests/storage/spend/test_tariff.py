"""What tokens cost, against calculations by hand."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal as Usd
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadline.book.errors import BadInput
from leadline.storage.spend.calls import Usage
from leadline.storage.spend.prices import BOOK, read_prices
from leadline.storage.spend.tariff import PeakHours, Price, same_model
from tests.storage.spend.plans import NOON, price

BOOKED = {(p.provider, p.model): p for p in read_prices(BOOK)}


def usage(prompt: int, completion: int, cached: int = 0, reasoning: int = 0) -> Usage:
    return Usage(
        prompt_tokens=prompt, completion_tokens=completion, cached_tokens=cached, reasoning_tokens=reasoning
    )


# Each right side was worked out on paper, in dollars per token.
GOLDEN = [
    # flat: 1,150 tokens x 0.000008
    pytest.param(("holysheep", "gpt-4.1"), usage(1000, 150), "0.0092", id="flat-gpt-4.1"),
    pytest.param(("holysheep", "claude-sonnet-4.5"), usage(1000, 150), "0.01725", id="flat-claude"),
    # the provider's own example: 42 + 38 tokens, 0.0002 USD
    pytest.param(("holysheep", "gemini-2.5-flash"), usage(42, 38), "0.0002", id="flat-gemini-documented"),
    pytest.param(("holysheep", "deepseek-v3.2"), usage(1000, 150), "0.000483", id="flat-deepseek"),
    # flat means that cached and reasoning tokens cost the same
    pytest.param(("holysheep", "gpt-4.1"), usage(1000, 150, 900, 100), "0.0092", id="flat-cached"),
    # 1,000 x 0.000002 + 150 x 0.000008
    pytest.param(("openai", "gpt-4.1"), usage(1000, 150), "0.0032", id="list-gpt-4.1"),
    # 200 x 0.000002 + 800 x 0.0000005 + 150 x 0.000008
    pytest.param(("openai", "gpt-4.1"), usage(1000, 150, 800), "0.002", id="list-cached"),
    # 1,000 x 0.000003 + 150 x 0.000015
    pytest.param(("anthropic", "claude-sonnet-4-5"), usage(1000, 150), "0.00525", id="list-claude"),
    # 1,000 x 0.0000003 + 150 x 0.0000025, of which 100 were thought
    pytest.param(("google", "gemini-2.5-flash"), usage(1000, 150, 0, 100), "0.000675", id="list-reasoning"),
    # 488 x 0.00000028 + 512 x 0.000000028 + 150 x 0.00000042
    pytest.param(("deepseek", "deepseek-v3.2"), usage(1000, 150, 512), "0.000213976", id="list-deepseek"),
    # noon on a Thursday is no peak: 1,000 x 0.00000015 + 150 x 0.0000006
    pytest.param(("deepseek", "deepseek-flash"), usage(1000, 150), "0.00024", id="off-peak"),
    pytest.param(("local", "*"), usage(100_000, 10_000), "0", id="local"),
]


@pytest.mark.parametrize(("key", "used", "usd"), GOLDEN)
def test_golden(key: tuple[str, str], used: Usage, usd: str) -> None:
    assert BOOKED[key].cost(used, NOON) == Usd(usd)


def test_reasoning_has_a_price_of_its_own_where_the_row_says_so() -> None:
    own = price(input=Usd(1), output=Usd(4), reasoning=Usd(10), cached=Usd("0.25"))
    # 100 x 1 + 900 x 0.25 + 50 x 4 + 150 x 10, per million
    assert own.cost(usage(1000, 200, 900, 150), NOON) == Usd("0.002025")


@pytest.mark.parametrize(
    ("moment", "usd"),
    [
        pytest.param("2026-11-23 00:59:59", "0.00024", id="monday-before"),
        pytest.param("2026-11-23 01:00:00", "0.00048", id="monday-first-second"),
        pytest.param("2026-11-23 03:59:59", "0.00048", id="monday-last-second"),
        pytest.param("2026-11-23 04:00:00", "0.00024", id="monday-after"),
        pytest.param("2026-11-27 09:59:59", "0.00048", id="friday"),
        pytest.param("2026-11-28 02:00:00", "0.00024", id="saturday"),
        pytest.param("2026-11-23 09:30:00+08:00", "0.00048", id="half-past-one-utc-told-in-shanghai"),
    ],
)
def test_peak_hours(moment: str, usd: str) -> None:
    peak = BOOKED["deepseek", "deepseek-flash"]
    assert peak.cost(usage(1000, 150), dt.datetime.fromisoformat(moment)) == Usd(usd)


@pytest.mark.parametrize("text", ["", "1-4", "04-01", "Mon-Xyz 01-04", "00-25", "Mon 01-04", "01-04,06-10"])
def test_peak_hours_that_cannot_be(text: str) -> None:
    with pytest.raises(BadInput, match="peak hours"):
        PeakHours.read(text)


@pytest.mark.parametrize(
    "used",
    [
        pytest.param(usage(100, 0, 101), id="more-cached-than-sent"),
        pytest.param(usage(100, 0, -1), id="fewer-than-none"),
    ],
)
def test_a_count_that_contradicts_its_total_earns_no_discount(used: Usage) -> None:
    assert price(cached=Usd(0)).cost(used, NOON) == Usd("0.0001")


tokens = st.integers(0, 10_000_000)
usd = st.decimals(0, 1000, places=6)
maybe = st.none() | usd


@st.composite
def prices(draw: st.DrawFn) -> Price:
    peak = draw(st.sampled_from([None, "00-24", "Mon-Fri 11-13", "03-04"]))
    rest: dict[str, Any] = {"peak_hours": peak, "peak_factor": draw(usd) if peak else None}
    return price(input=draw(usd), cached=draw(maybe), output=draw(usd), reasoning=draw(maybe), **rest)


@given(prices(), tokens, tokens, st.data())
def test_the_worst_case_is_never_exceeded(
    row: Price, most_in: int, most_out: int, data: st.DataObject
) -> None:
    prompt, completion = data.draw(st.integers(0, most_in)), data.draw(st.integers(0, most_out))
    used = usage(
        prompt, completion, data.draw(st.integers(0, prompt)), data.draw(st.integers(0, completion))
    )
    moment = NOON + dt.timedelta(hours=data.draw(st.integers(0, 200)))
    assert 0 <= row.cost(used, moment) <= row.worst_case(most_in, most_out)


@pytest.mark.parametrize(
    ("asked", "served", "same"),
    [
        ("gpt-4.1", "gpt-4.1", True),
        ("gpt-4.1", "gpt-4.1-2025-04-14", True),
        ("gpt-4.1-2025-04-14", "gpt-4.1", True),
        ("gpt-4.1", "openai/gpt-4.1", True),
        ("gemini-2.5-flash", "models/gemini-2.5-flash-001", True),
        ("claude-sonnet-4-5", "claude-sonnet-4-5-20250929", True),
        ("claude-sonnet-4-5", "claude-sonnet-4-5@20250929", True),
        ("gpt-4.1", "gpt-4.1-mini", False),
        ("gpt-4.1", "gpt-4", False),
        ("gemini-2.5-flash", "gemini-3.5-flash-lite", False),
        ("gemini-2.5-flash", "gemini-2.5-flash-lite", False),
    ],
)
def test_names_of_one_model(asked: str, served: str, same: bool) -> None:
    assert same_model(asked, served) is same
