"""
Does the embedded model answer as its recipe promises, and at what cost? Asks it through the client.

    python -m bench.recipe --seeds 1 2 3 --cases 40
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
from collections import Counter
from pathlib import Path
from random import Random
from uuid import uuid4

from leadline.flows.signals.prompting import WORDS, prompt
from leadline.storage.spend.calls import Outcome, Plan
from leadline.tasks.llm.client import ModelClient
from leadline.tasks.llm.embedded import recipe
from leadline.tasks.llm.embedded.model import LocalModel
from leadline.tasks.llm.profiles import local_provider
from leadline.tasks.llm.protocol.request import ModelReply, ModelRequest, Route
from leadline.tasks.net.clock import SYSTEM_CLOCK

Features = tuple[float, float, float]
WORDED = prompt(WORDS)


class NoJournal:
    """It costs nothing and no database is measured here."""

    def before(self, plan: Plan) -> None: ...

    def after(self, outcome: Outcome) -> None: ...


def case(rng: Random, direction: str) -> Features:
    """Make features that agree on a direction: three in five strongly, the others just."""
    if direction == "neutral":
        return rng.uniform(-0.09, 0.09), rng.uniform(-0.09, 0.09), rng.uniform(-1.5, 1.5)
    sign = 1 if direction == "bullish" else -1
    low = 0.4 if rng.random() < 0.6 else 0.12
    return sign * rng.uniform(low, 0.95), sign * rng.uniform(low, 0.95), sign * rng.uniform(2.5, 20)


async def measure(seeds: list[int], cases: int) -> None:
    with tempfile.TemporaryDirectory() as home, LocalModel(Path(home)) as model:
        provider = local_provider(model.address)
        async with ModelClient(
            [provider], NoJournal(), home=Path(home), clock=SYSTEM_CLOCK, rng=Random(0)
        ) as client:
            for seed in seeds:
                await one_seed(client, Route("local", model.address.model), seed, cases)
        print(f"CPU {_cpu_s(model.address.pid) / (len(seeds) * cases):.2f} s a question")


async def one_seed(client: ModelClient, route: Route, seed: int, cases: int) -> None:
    rng = Random(seed)
    came: Counter[str] = Counter()
    replies: list[ModelReply] = []
    for number in range(cases):
        direction = ("bullish", "bullish", "bearish", "bearish", "neutral")[number % 5]
        question = recipe.words(*case(rng, direction))
        reply = await client.complete(
            ModelRequest(
                signal_id=uuid4().hex, flow="bench", symbol="BTCUSDT", routes=(route,), deadline_s=60,
                messages=WORDED.conversation(question, 300), rules=WORDED.rules(300), max_tokens=90,
            )
        )  # fmt: skip
        replies.append(reply)
        said = reply.answer.direction if reply.answer is not None else reply.outcome
        came["right" if said == direction else f"{direction} as {said}"] += 1
    latencies = sorted(reply.latency_ms for reply in replies)
    prompt = statistics.median(reply.totals.prompt_tokens for reply in replies)
    out = statistics.median(reply.totals.completion_tokens for reply in replies)
    print(
        f"seed {seed}: {dict(came)}; {prompt:.0f} + {out:.0f} tokens; "
        f"p50 {latencies[len(latencies) // 2]:.0f} ms, p95 {latencies[int(len(latencies) * 0.95)]:.0f} ms",
        flush=True,
    )


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.recipe", description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--cases", type=int, default=40)
    options = parser.parse_args()
    asyncio.run(measure(options.seeds, options.cases))
