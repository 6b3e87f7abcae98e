"""aimock, another independent server: dropped connections, broken and cut bodies. ``make peers-llm``."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from leadline.tasks.llm.protocol.request import Message
from tests.tasks.llm.listed import Listed, a_client, a_request
from tests.tasks.llm.scripted import answer

PROGRAM = Path(__file__).parent / "peers/node_modules/@copilotkit/aimock/dist/cli.js"
NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(
    NODE is None or not PROGRAM.exists(), reason="aimock is not installed: make peers-llm (needs node)"
)

USAGE = {"prompt_tokens": 300, "completion_tokens": 40, "total_tokens": 340}
GOOD = {"content": answer(), "model": "gpt-4.1-2025-04-14", "usage": USAGE}
FIXTURES: list[dict[str, Any]] = [
    {"match": {"userMessage": "CUT"}, "response": {"content": answer()[:40], "finishReason": "length",
                                                  "usage": USAGE}},
    {"match": {"userMessage": "RATE", "sequenceIndex": 0},
     "response": {"error": {"message": "slow down", "type": "rate_limit_error"}, "status": 429,
                  "retryAfter": 1}},
    {"match": {"userMessage": "RATE"}, "response": GOOD},
    {"match": {"userMessage": "BUSY", "sequenceIndex": 0},
     "response": {"error": {"message": "busy"}, "status": 503}},
    {"match": {"userMessage": "BUSY"}, "response": GOOD},
    {"match": {"userMessage": "WHO"}, "response": {"error": {"message": "bad key"}, "status": 401}},
    {"match": {"userMessage": "That answer cannot be used"}, "response": GOOD},
    {"match": {"userMessage": "GOOD"}, "response": GOOD},
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Aimock:
    base: str

    def chaos(self, **rates: float) -> None:
        """Break a share of all requests from now on; without rates none."""
        httpx.delete(f"{self.base}/__aimock/chaos", trust_env=False).raise_for_status()
        if rates:
            httpx.post(f"{self.base}/__aimock/chaos", json=rates, trust_env=False).raise_for_status()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aimock]:
    folder = tmp_path_factory.mktemp("aimock")
    (folder / "signal.json").write_text(json.dumps({"fixtures": FIXTURES}))
    assert NODE is not None
    process = subprocess.Popen(
        [NODE, str(PROGRAM), "-p", "0", "-f", str(folder), "--strict"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if found := re.search(r"listening on (http://\S+)", line):
                yield Aimock(found[1])
                break
        else:
            pytest.fail(f"aimock did not start: {said}")
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def aimock(running: Aimock) -> Aimock:
    running.chaos()
    httpx.post(f"{running.base}/__aimock/reset/journal", trust_env=False)
    return running


async def ask(aimock: Aimock, home: Path, word: str, journal: Listed) -> Any:
    async with a_client(f"{aimock.base}/v1", journal, home) as client:
        return await client.complete(a_request(messages=(Message("user", word),)))


@pytest.mark.parametrize(
    ("word", "outcome", "calls"),
    [("GOOD", "ok", 1), ("RATE", "ok", 2), ("BUSY", "ok", 2), ("WHO", "error", 1), ("CUT", "ok", 2)],
)
async def test_scripted(word: str, outcome: str, calls: int, aimock: Aimock, tmp_path: Path) -> None:
    journal = Listed()
    reply = await ask(aimock, tmp_path, word, journal)
    assert (reply.outcome, len(journal.plans)) == (outcome, calls), reply.reason
    journal.assert_paired()


async def test_usage_is_read(aimock: Aimock, tmp_path: Path) -> None:
    journal = Listed()
    reply = await ask(aimock, tmp_path, "GOOD", journal)
    (outcome,) = journal.outcomes
    assert outcome.usage is not None
    assert outcome.usage.source == "reported"
    assert (reply.totals.prompt_tokens, reply.totals.completion_tokens) == (300, 40)
    assert reply.model_served == "gpt-4.1-2025-04-14"


@pytest.mark.parametrize(
    ("chaos", "calls", "said"),
    [
        pytest.param({"disconnectRate": 1.0}, 4, "Error", id="connection-dropped"),
        pytest.param({"dropRate": 1.0}, 4, "500", id="500"),
        pytest.param({"malformedRate": 1.0}, 2, "no chat completion", id="broken-body"),
    ],
)
async def test_chaos(
    chaos: dict[str, float], calls: int, said: str, aimock: Aimock, tmp_path: Path
) -> None:
    journal = Listed()
    aimock.chaos(**chaos)
    reply = await ask(aimock, tmp_path, "GOOD", journal)
    assert reply.outcome == "error"
    assert said in (reply.reason or "")
    assert len(journal.plans) == calls
    journal.assert_paired()
    assert all(outcome.was_sent for outcome in journal.outcomes)
