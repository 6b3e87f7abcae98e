"""
One process of many that ask models at once: the real client, the real journal, a budget they share.

    python -m tests.drills.analyst DB BASE_URL NAME ANALYSES QUESTIONS SEED

All its analyses run at once, each asks its questions one after the other. Prints one line of JSON: how
often each outcome came.
"""

from __future__ import annotations

import asyncio
import collections
import dataclasses
import json
import sys
from decimal import Decimal
from pathlib import Path
from random import Random

from leadline.storage.spend.journal import Journal
from leadline.tasks.llm.client import ModelClient
from leadline.tasks.llm.profiles import HOLYSHEEP, ModelTraits, Provider
from leadline.tasks.llm.protocol.request import Message, ModelRequest, Route
from leadline.tasks.llm.secret import Key
from leadline.tasks.net.clock import SYSTEM_CLOCK

MODEL = "gemini-2.5-flash"
FLOW = "analyze-signals"
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT")
PATIENCE_S = 1.0  # of one attempt
DEADLINE_S = 15.0
MAX_TOKENS = 60
MESSAGES = (
    Message("system", "You judge order books. Answer with one JSON object. " * 12),
    Message("user", "Imbalance minus 0.4, spread 1.2 bps, trade flow minus 0.66, in ten seconds. " * 4),
)


async def analyse(client: ModelClient, name: str, questions: int, rng: Random) -> list[str]:
    outcomes = []
    for number in range(questions):
        await asyncio.sleep(rng.uniform(0, 0.3))
        ask = ModelRequest(
            signal_id=f"{name}-{number}",
            flow=FLOW,
            symbol=rng.choice(SYMBOLS),
            messages=MESSAGES,
            routes=(Route(HOLYSHEEP.name, MODEL),),
            max_tokens=MAX_TOKENS,
            deadline_s=DEADLINE_S,
        )
        outcomes.append((await client.complete(ask)).outcome)
    return outcomes


async def work(db: Path, base_url: str, name: str, analyses: int, questions: int, seed: int) -> None:
    profile = dataclasses.replace(
        HOLYSHEEP,
        base_url=base_url,
        requests_per_s=1_000,
        attempt_timeout_s=PATIENCE_S,
        models={MODEL: ModelTraits(capability="json_object")},
    )
    with Journal(db, default_usd_per_day=Decimal(0), patience_s=30.0) as journal:
        client = ModelClient(
            [Provider(profile, Key("sk-not-a-real-key", "test"))],
            journal,
            home=db.parent,
            clock=SYSTEM_CLOCK,
            rng=Random(seed),
            first_wait_s=0.05,
        )
        async with client:
            done = await asyncio.gather(
                *(
                    analyse(client, f"{name}-{number}", questions, Random(seed * 1_000 + number))
                    for number in range(analyses)
                )
            )
    print(json.dumps(collections.Counter(outcome for outcomes in done for outcome in outcomes)), flush=True)


if __name__ == "__main__":
    asyncio.run(
        work(Path(sys.argv[1]), sys.argv[2], sys.argv[3], *(int(number) for number in sys.argv[4:7]))
    )
