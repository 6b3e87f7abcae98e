"""
A LiteLLM proxy as gateway, set up as docs/providers.md says, before a server that breaks on command.

It is no dependency (700 MB, and its own pins): put the path of its program into ``LITELLM`` to run this.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from leadline.flows.local.prefect_server import free_port
from leadline.tasks.llm.protocol.answer import AnswerRules
from tests.tasks.llm.listed import Listed, a_client, a_request
from tests.tasks.llm.scripted import ScriptedServer, Step, fails, says

PROGRAM = os.environ.get("LITELLM") or shutil.which("litellm")
DOCUMENT = Path(__file__).parents[3] / "docs" / "providers.md"
START_S = 120.0
pytestmark = [
    pytest.mark.skipif(PROGRAM is None, reason="no LiteLLM here: give its program's path in LITELLM"),
    pytest.mark.timeout(300),
]


def documented(upstream: str) -> str:
    """The configuration as the document has it, before our server instead of the vendor's."""
    found = re.search(r"```yaml\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1].replace("model: openai/gpt-4.1,", f'model: openai/gpt-4.1, api_base: "{upstream}",')


@asynccontextmanager
async def gateway(upstream: str, folder: Path) -> AsyncIterator[str]:
    """Start the proxy; it ends with the test."""
    config = folder / "litellm.yaml"
    config.write_text(documented(upstream), encoding="utf-8")
    port = free_port()
    assert PROGRAM is not None
    with (folder / "litellm.log").open("w") as log:
        process = subprocess.Popen(  # noqa: ASYNC220  it is waited for elsewhere
            [PROGRAM, "--config", str(config), "--host", "127.0.0.1", "--port", str(port)],
            env={
                "PATH": os.environ["PATH"], "HOME": str(folder), "LITELLM_LOCAL_MODEL_COST_MAP": "True",
                "OPENAI_API_KEY": "sk-none", "ANTHROPIC_API_KEY": "none", "LEADLINE_LLM_API_KEY": "sk-gate",
            },
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        await until_it_answers(f"http://127.0.0.1:{port}/health/liveliness", folder)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(20)


async def until_it_answers(url: str, folder: Path) -> None:
    deadline = time.monotonic() + START_S
    async with httpx.AsyncClient(trust_env=False) as http:
        while time.monotonic() < deadline:
            try:
                if (await http.get(url, timeout=5)).status_code == 200:
                    return
            except httpx.HTTPError:
                await asyncio.sleep(0.2)
    pytest.fail(f"LiteLLM did not start: {(folder / 'litellm.log').read_text()[-2000:]}")


CASES: dict[str, tuple[list[Step], str, int]] = {
    "answers": ([says(model="gpt-4.1")], "ok", 1),
    "429 once": ([fails(429, retry_after="1"), says(model="gpt-4.1")], "ok", 2),
    "500 once": ([fails(500), says(model="gpt-4.1")], "ok", 2),
    "503 once": ([fails(503), says(model="gpt-4.1")], "ok", 2),
    "key refused": ([fails(401, "Incorrect API key provided: sk-none-0a1b2c")], "error", 1),
    "not valid, then repaired": ([says("no JSON", model="gpt-4.1"), says(model="gpt-4.1")], "ok", 2),
}


async def test_through_a_gateway(tmp_path: Path) -> None:
    async with ScriptedServer(says()) as server, gateway(server.base_url, tmp_path) as url:
        for name, (steps, outcome, calls) in CASES.items():
            server.steps, server.seen = list(steps), []
            journal = Listed()
            async with a_client(url, journal, tmp_path / name, key="sk-gate") as client:
                ask = replace(a_request(), deadline_s=60.0, rules=AnswerRules(horizons_s=(300,)))
                reply = await client.complete(ask)
            ends = [(one.status, one.error) for one in journal.outcomes]
            assert reply.outcome == outcome, (name, reply.reason)
            # Nothing was tried again behind our back: what the vendor was asked, the ledger knows.
            assert (server.calls, len(journal.plans)) == (calls, calls), (name, ends)
            if name == "429 once":
                assert server.seen[1].at_s - server.seen[0].at_s >= 1.0
            assert "sk-none-0a1b2c" not in repr((reply, journal.outcomes))
        (last,) = [one for one in journal.outcomes if one.error is None]
        assert last.usage is not None
        # 300 x 2 + 40 x 8 per million, as its table of list prices has it
        assert last.usage.provider_cost_usd is not None
        assert round(last.usage.provider_cost_usd, 12) == Decimal("0.00092")
        assert server.seen[-1].body["response_format"]["type"] == "json_schema"
