"""
Raw bodies as providers send them, through the real client and ledger, to the dollar.

Every cost was worked out on paper. Prices are the price book's own rows, taken out of time so that a test
of next year finds them. The bodies follow the providers' documents (OpenAI, DeepSeek, Anthropic's and
Google's OpenAI-compatible endpoints, llama.cpp, LiteLLM, OpenRouter), November 2026.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from leadline.storage.access.connect import Connection, connect
from leadline.storage.spend import prices
from leadline.storage.spend.journal import Journal
from leadline.tasks.llm.client import ModelClient
from leadline.tasks.llm.profiles import HOLYSHEEP, Provider
from leadline.tasks.llm.protocol.request import Message, ModelRequest, Route
from leadline.tasks.llm.secret import Key
from leadline.tasks.net.clock import SYSTEM_CLOCK
from tests.tasks.llm.scripted import ScriptedServer, Step, answer

LONG_AGO = dt.datetime(2020, 1, 1)  # noqa: DTZ001  columns hold UTC without zone


@dataclass(frozen=True, slots=True, kw_only=True)
class Golden:
    """One answer of a provider; ``tokens`` are prompt, cached of it, completion, reasoning of it."""

    asked: tuple[str, str]  # whose price, which model
    usage: str | None  # the JSON text of the usage object; None: no such field
    tokens: tuple[int, int, int, int]
    usd: str
    served: str = ""
    theirs: str | None = None  # what the provider says it cost
    headers: dict[str, str] = field(default_factory=dict)
    message: dict[str, Any] = field(default_factory=dict)
    source: str = "reported"


GOLDEN = {
    # 93 x 2 + 1,024 x 0.50 + 46 x 8 = 1,066 micro-dollars
    "openai, cached": Golden(
        asked=("openai", "gpt-4.1"), served="gpt-4.1-2025-04-14", tokens=(1117, 1024, 46, 0),
        usd="0.001066",
        usage='{"prompt_tokens":1117,"completion_tokens":46,"total_tokens":1163,"prompt_tokens_details":'
        '{"cached_tokens":1024,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0,'
        '"audio_tokens":0,"accepted_prediction_tokens":0,"rejected_prediction_tokens":0}}',
    ),
    # 1,117 x 0.10 + 400 x 0.50, of which 320 were thought: 111.7 + 200
    "openai, reasoning inside completion": Golden(
        asked=("openai", "gpt-6-luna"), tokens=(1117, 0, 400, 320), usd="0.0003117",
        usage='{"prompt_tokens":1117,"completion_tokens":400,"total_tokens":1517,"prompt_tokens_details":'
        '{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":320}}',
    ),
    # 93 x 0.10 + 1,024 x 0.01 + 400 x 0.50 = 9.3 + 10.24 + 200
    "openai, cached and reasoning": Golden(
        asked=("openai", "gpt-6-luna"), tokens=(1117, 1024, 400, 320), usd="0.00021954",
        usage='{"prompt_tokens":1117,"completion_tokens":400,"total_tokens":1517,"prompt_tokens_details":'
        '{"cached_tokens":1024},"completion_tokens_details":{"reasoning_tokens":320}}',
    ),
    # 488 x 0.28 + 512 x 0.028 + 150 x 0.42 = 136.64 + 14.336 + 63
    "deepseek, cache hits in its own words": Golden(
        asked=("deepseek", "deepseek-v3.2"), tokens=(1000, 512, 150, 0), usd="0.000213976",
        usage='{"prompt_tokens":1000,"completion_tokens":150,"total_tokens":1150,'
        '"prompt_cache_hit_tokens":512,"prompt_cache_miss_tokens":488}',
    ),
    # 1,000 x 0.28 + 150 x 0.42, of which 90 were thought
    "deepseek, thinking aloud": Golden(
        asked=("deepseek", "deepseek-v3.2"), tokens=(1000, 0, 150, 90), usd="0.000343",
        message={"reasoning_content": "Bids outweigh asks."},
        usage='{"prompt_tokens":1000,"completion_tokens":150,"total_tokens":1150,"prompt_tokens_details":'
        '{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":90},'
        '"prompt_cache_hit_tokens":0,"prompt_cache_miss_tokens":1000}',
    ),
    # 640 x 3 + 52 x 15; the compatible endpoint leaves details empty
    "anthropic, details null": Golden(
        asked=("anthropic", "claude-sonnet-4-5"), served="claude-sonnet-4-5-20250929",
        tokens=(640, 0, 52, 0), usd="0.0027", message={"refusal": None},
        usage='{"prompt_tokens":640,"completion_tokens":52,"total_tokens":692,'
        '"prompt_tokens_details":null,"completion_tokens_details":null}',
    ),
    # 512 x 3 + 1,536 x 0.30 + 52 x 15 = 1,536 + 460.8 + 780
    "anthropic, cached, through a gateway": Golden(
        asked=("anthropic", "claude-sonnet-4-5"), served="anthropic/claude-sonnet-4-5",
        tokens=(2048, 1536, 52, 0), usd="0.0027768", theirs="0.0027768",
        headers={"x-litellm-response-cost": "0.0027768"},
        usage='{"prompt_tokens":2048,"completion_tokens":52,"total_tokens":2100,"prompt_tokens_details":'
        '{"cached_tokens":1536},"cache_creation_input_tokens":0,"cache_read_input_tokens":1536}',
    ),
    # 900 x 0.30 + (40 + 300 that only the total shows) x 2.50 = 270 + 850
    "gemini, thoughts only in the total": Golden(
        asked=("google", "gemini-2.5-flash"), served="models/gemini-2.5-flash", tokens=(900, 0, 340, 300),
        usd="0.00112", usage='{"completion_tokens":40,"prompt_tokens":900,"total_tokens":1240}',
    ),
    # 644 x 0.30 + 256 x 0.03 + 40 x 2.50 = 193.2 + 7.68 + 100
    "gemini, cached": Golden(
        asked=("google", "gemini-2.5-flash"), tokens=(900, 256, 40, 0), usd="0.00030088",
        usage='{"completion_tokens":40,"prompt_tokens":900,"total_tokens":940,"prompt_tokens_details":'
        '{"cached_tokens":256}}',
    ),
    # the provider's own example: (42 + 38) x 2.50 = 200 micro-dollars, and it says so itself
    "flat tariff, the provider says the cost": Golden(
        asked=("holysheep", "gemini-2.5-flash"), tokens=(42, 0, 38, 0), usd="0.0002", theirs="0.0002",
        usage='{"prompt_tokens":42,"completion_tokens":38,"total_tokens":80,"cost_usd":0.0002,'
        '"latency_ms":212}',
    ),
    # flat: (1,117 + 46) x 8, cached or not
    "flat tariff, cached tokens cost the same": Golden(
        asked=("holysheep", "gpt-4.1"), tokens=(1117, 1024, 46, 0), usd="0.009304",
        usage='{"prompt_tokens":1117,"completion_tokens":46,"total_tokens":1163,"prompt_tokens_details":'
        '{"cached_tokens":1024}}',
    ),
    # 1,150 x 0.42
    "flat tariff, deepseek": Golden(
        asked=("holysheep", "deepseek-v3.2"), tokens=(1000, 512, 150, 0), usd="0.000483",
        usage='{"prompt_tokens":1000,"completion_tokens":150,"total_tokens":1150,'
        '"prompt_cache_hit_tokens":512}',
    ),
    # 300 x 2 + 40 x 8; its header is a binary fraction written out, and rounds to the same
    "litellm, cost in the header": Golden(
        asked=("openai", "gpt-4.1"), tokens=(300, 0, 40, 0), usd="0.00092", theirs="0.00092",
        headers={"x-litellm-response-cost": "0.0009199999999999999"},
        usage='{"completion_tokens":40,"prompt_tokens":300,"total_tokens":340}',
    ),
    # ours by our price, 0.00092; theirs is kept beside it, also where it differs
    "openrouter, cost in usage": Golden(
        asked=("openai", "gpt-4.1"), served="openai/gpt-4.1", tokens=(300, 0, 40, 0), usd="0.00092",
        theirs="0.000966",
        usage='{"prompt_tokens":300,"completion_tokens":40,"total_tokens":340,"cost":9.66e-4,'
        '"cost_details":{"upstream_inference_cost":null}}',
    ),
    "llama.cpp on this machine": Golden(
        asked=("local", "smollm2-135m"), tokens=(399, 348, 38, 0), usd="0",
        usage='{"completion_tokens":38,"prompt_tokens":399,"total_tokens":437,"prompt_tokens_details":'
        '{"cached_tokens":348}}',
    ),
}  # fmt: skip

# Where nothing usable is reported the bound of `tasks.llm.protocol.tokens` is booked.
UNTOLD = {
    "no usage at all": None,
    "usage null": "null",
    "names of another dialect only": '{"input_tokens":300,"output_tokens":40}',
    "counts as text": '{"prompt_tokens":"300","completion_tokens":"40"}',
}


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    db = tmp_path_factory.mktemp("golden") / "golden.duckdb"
    with connect(db, write=True) as con:
        prices.seed(con)
        timeless = [
            replace(one, valid_from=LONG_AGO, valid_to=None, peak_hours=None, peak_factor=None)
            for one in prices.read_prices(prices.BOOK)
        ]
        prices.load(con, timeless)
        yield con


async def booked(ledger: Connection, folder: Path, golden: Golden, name: str) -> dict[str, Any]:
    """Ask a server that sends exactly that, and return the row it left."""
    provider, model = golden.asked
    message = {"role": "assistant", "content": answer(), **golden.message}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    whole = {"id": "c-1", "object": "chat.completion", "created": 1, "model": golden.served or model}
    body = json.dumps({**whole, "choices": [choice]})
    if golden.usage is not None:
        body = body[:-1] + f', "usage": {golden.usage}}}'
    async with ScriptedServer(Step(body=body.encode(), headers=dict(golden.headers))) as server:
        profile = replace(HOLYSHEEP, base_url=server.base_url, price_profile=provider)
        db = Path(
            ledger.execute("SELECT path FROM duckdb_databases() WHERE path IS NOT NULL").fetchone()[0]
        )
        with closing(Journal(db, default_usd_per_day=Decimal(10))) as journal:
            async with ModelClient(
                [Provider(profile, Key("k-golden", "K"))], journal,
                home=folder, clock=SYSTEM_CLOCK, rng=Random(1),
            ) as client:  # fmt: skip
                ask = ModelRequest(
                    signal_id=name, flow="analyze-signals", symbol="BTCUSDT",
                    messages=(Message("user", "Imbalance -0.77. Up or down?"),),
                    routes=(Route("holysheep", model),), max_tokens=100, deadline_s=60.0,
                )  # fmt: skip
                reply = await client.complete(ask)
    assert reply.outcome == "ok", reply.reason
    found = ledger.execute("SELECT * FROM llm_calls WHERE signal_id = $name", {"name": name})
    names = [column[0] for column in found.description or ()]
    (row,) = found.fetchall()
    return dict(zip(names, row, strict=True))


@pytest.mark.parametrize("name", GOLDEN)
async def test_golden(name: str, ledger: Connection, tmp_path: Path) -> None:
    golden = GOLDEN[name]
    row = await booked(ledger, tmp_path, golden, name)
    told = tuple(row[f"{kind}_tokens"] for kind in ("prompt", "cached", "completion", "reasoning"))
    assert told == golden.tokens
    assert row["cost_usd"] == Decimal(golden.usd)
    assert row["provider_cost_usd"] == (None if golden.theirs is None else Decimal(golden.theirs))
    assert (row["usage_source"], row["state"]) == (golden.source, "settled")
    assert row["cost_source"].startswith(f"price:{golden.asked[0]}/")


@pytest.mark.parametrize("name", UNTOLD)
async def test_what_is_not_told_is_booked_at_our_bound(
    name: str, ledger: Connection, tmp_path: Path
) -> None:
    golden = Golden(
        asked=("openai", "gpt-4.1"), usage=UNTOLD[name], tokens=(0, 0, 0, 0), usd="0", theirs="0.00092",
        headers={"x-litellm-response-cost": "0.00092"},
    )  # fmt: skip
    row = await booked(ledger, tmp_path, golden, name)
    assert row["usage_source"] == "estimated"
    prompt, completion = row["prompt_tokens"], row["completion_tokens"]
    assert 0 < prompt <= row["prompt_tokens_max"]
    assert 0 < completion <= 100
    assert row["cost_usd"] == (2 * prompt + 8 * completion) / Decimal(1_000_000)
    assert Decimal(0) < row["cost_usd"] <= row["held_usd"]
    # A gateway's header is kept all the same.
    assert row["provider_cost_usd"] == Decimal("0.00092")
