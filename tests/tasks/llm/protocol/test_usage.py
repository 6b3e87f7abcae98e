"""Tokens and money as providers report them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from leadline.storage.spend.calls import Usage
from leadline.tasks.llm.protocol.usage import COST_HEADER, estimated, read_usage

BASE = {"prompt_tokens": 1000, "completion_tokens": 150}


def usage(**rest: Any) -> Usage:
    return Usage(**{**BASE, **rest})


@pytest.mark.parametrize(
    ("reported", "read"),
    [
        pytest.param(BASE, usage(), id="least"),
        pytest.param({**BASE, "total_tokens": 1150}, usage(), id="total"),
        pytest.param(
            {**BASE, "prompt_tokens_details": {"cached_tokens": 768}}, usage(cached_tokens=768), id="openai"
        ),
        pytest.param({**BASE, "prompt_cache_hit_tokens": 64}, usage(cached_tokens=64), id="deepseek"),
        pytest.param({**BASE, "cached_tokens": 5}, usage(cached_tokens=5), id="flat-cached"),
        pytest.param({**BASE, "prompt_tokens_details": None}, usage(), id="details-null"),
        pytest.param({**BASE, "prompt_tokens_details": {"cached_tokens": 1001}}, usage(), id="above"),
        pytest.param(
            {**BASE, "completion_tokens_details": {"reasoning_tokens": 100}},
            usage(reasoning_tokens=100),
            id="reasoning-inside",
        ),
        pytest.param(
            {**BASE, "completion_tokens_details": {"reasoning_tokens": 100}, "total_tokens": 1250},
            usage(completion_tokens=250, reasoning_tokens=100),
            id="reasoning-beside",
        ),
        pytest.param(
            {**BASE, "total_tokens": 1200}, usage(completion_tokens=200, reasoning_tokens=50), id="hidden"
        ),
        pytest.param({**BASE, "total_tokens": 3}, usage(), id="total-too-small"),
        pytest.param(
            {**BASE, "cost_usd": Decimal("0.0092")}, usage(provider_cost_usd=Decimal("0.0092")), id="usd"
        ),
        pytest.param({**BASE, "cost": "0.01"}, usage(provider_cost_usd=Decimal("0.01")), id="cost"),
        pytest.param({**BASE, "cost_usd": -1}, usage(), id="cost-negative"),
        pytest.param({**BASE, "cost_usd": "NaN"}, usage(), id="cost-nan"),
        pytest.param({**BASE, "cost_usd": True}, usage(), id="cost-boolean"),
        pytest.param({**BASE, "cost_usd": 10**9}, usage(), id="cost-absurd"),
        pytest.param(
            {"prompt_tokens": 0, "completion_tokens": 0},
            Usage(prompt_tokens=0, completion_tokens=0),
            id="nothing-used",
        ),
    ],
)
def test_read(reported: object, read: Usage) -> None:
    assert read_usage(reported, {}) == read


@pytest.mark.parametrize(
    "reported",
    [
        None, [], "1000", {}, {"prompt_tokens": 1000},
        {**BASE, "prompt_tokens": -1}, {**BASE, "prompt_tokens": "1000"}, {**BASE, "prompt_tokens": 1.5},
        {**BASE, "prompt_tokens": True}, {**BASE, "completion_tokens": 10**12},
        {**BASE, "completion_tokens": None}, {**BASE, "prompt_tokens": Decimal("1000.0")},
    ],
)  # fmt: skip
def test_what_cannot_be_is_not_reported(reported: object) -> None:
    assert read_usage(reported, {}) is None


def test_gateway_says_the_cost_in_a_header() -> None:
    headers = {COST_HEADER: "5.52e-05"}
    read = read_usage(BASE, headers)
    assert read is not None
    assert read.provider_cost_usd == Decimal("0.0000552")
    own = estimated(prompt_tokens=7, completion_tokens=3, headers=headers)
    assert (own.source, own.provider_cost_usd) == ("estimated", Decimal("0.0000552"))


def test_the_body_outweighs_the_header() -> None:
    read = read_usage({**BASE, "cost_usd": Decimal("0.5")}, {COST_HEADER: "0.1"})
    assert read is not None
    assert read.provider_cost_usd == Decimal("0.5")
