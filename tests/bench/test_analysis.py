"""What a thousand signals cost, against a calculation by hand."""

from __future__ import annotations

from decimal import Decimal

from bench.analysis import priced
from leadline.storage.spend.calls import Usage
from leadline.storage.spend.prices import BOOK, read_prices
from tests.storage.spend.plans import price


def test_a_thousand_signals_cost_what_their_tokens_do() -> None:
    used = [Usage(prompt_tokens=300, completion_tokens=40), Usage(prompt_tokens=500, completion_tokens=60)]
    rows = {row.label: row.figure for row in priced(read_prices(BOOK), used)}
    # a mean of 400 + 50 tokens: 450 x 8 and 400 x 2 + 50 x 8 micro-dollars, a thousand times
    assert rows["holysheep/gpt-4.1"] == "3.6000"
    assert rows["openai/gpt-4.1, until 2027-01-14"] == "1.2000"
    assert rows["deepseek/deepseek-flash"] == "0.0900"  # off-peak: 400 x 0.15 + 50 x 0.60
    assert rows["local/*"] == "0"
    (own,) = priced([price(input=Decimal(3), cached=Decimal(0), output=Decimal(6))], used)
    assert own.figure == "1.5000"
