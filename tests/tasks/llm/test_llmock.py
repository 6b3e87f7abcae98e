"""
llmock, an independent server that breaks on command and judges how its client behaved.

Its verdict fails a client that ignores Retry-After, retries what will not change, or storms; ``strict``
also one without backoff or without a single retry.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.tasks.llm.listed import Listed, a_client, a_request
from tests.tasks.llm.scripted import answer

testing = pytest.importorskip(
    "llmock.testing", reason="llmock is not installed (it is in requirements.lock)"
)
scenarios = pytest.importorskip("llmock.scenarios")
verdicts = pytest.importorskip("llmock.verdict")

FAIL, REPLY, DELAY = scenarios.Fail, scenarios.Reply, scenarios.Delay


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    with testing.LLMockServer() as server:
        yield server


@pytest.mark.parametrize(
    ("behaviors", "outcome", "calls"),
    [
        pytest.param([], "ok", 1, id="nothing-wrong"),
        pytest.param([FAIL(429, retry_after=1.0)], "ok", 2, id="429-retry-after"),
        pytest.param([FAIL(429, retry_after=0.4, times=2)], "ok", 3, id="429-retry-after-twice"),
        pytest.param([FAIL(429, times=50)], "error", 4, id="429-for-ever"),
        pytest.param([FAIL(429, retry_after=600.0, times=50)], "error", 1, id="429-retry-after-long"),
        pytest.param([FAIL(503, retry_after=1.0)], "ok", 2, id="503-retry-after"),
        pytest.param([FAIL(503, times=2)], "ok", 3, id="503-twice"),
        pytest.param([FAIL(500, times=50)], "error", 4, id="500-for-ever"),
        pytest.param([FAIL(408)], "ok", 2, id="408"),
        pytest.param([FAIL(400, times=50)], "error", 1, id="400"),
        pytest.param([FAIL(401, times=50)], "error", 1, id="401"),
        pytest.param([FAIL(403, times=50)], "error", 1, id="403"),
        pytest.param([FAIL(404, times=50)], "error", 1, id="404"),
        pytest.param([FAIL(422, times=50)], "error", 1, id="422"),
        pytest.param([DELAY(1.5)], "ok", 2, id="slow-once"),
        pytest.param([REPLY('Sure! {"direction": "bull'), REPLY(answer())], "ok", 2, id="half-an-answer"),
        pytest.param([REPLY("no", times=50)], "invalid", 2, id="never-an-answer"),
        pytest.param(
            [REPLY(answer()[:40], finish_reason="length"), REPLY(answer())], "ok", 2, id="cut-off"
        ),
    ],
)
async def test_the_verdict_passes(
    behaviors: list[Any], outcome: str, calls: int, server: Any, tmp_path: Path
) -> None:
    server.state.reset()
    if behaviors:
        server.state.scenarios.add(*behaviors)
    journal = Listed()
    async with a_client(server.base_url("openai"), journal, tmp_path, attempt_timeout_s=1.0) as client:
        reply = await client.complete(a_request(deadline_s=10.0))
    records = server.state.journal.records(wait=5.0)
    verdict = verdicts.judge(records)
    assert verdict.passed, verdict.render()
    assert not [finding for finding in verdict.findings if finding.code == "no_backoff"], verdict.render()
    assert (reply.outcome, len(records)) == (outcome, calls)
    journal.assert_paired()
    assert len(journal.plans) == calls


async def test_the_judge_can_say_no(server: Any, tmp_path: Path) -> None:
    """A client that ignores Retry-After fails: the verdict is worth something."""
    server.state.reset()
    server.state.scenarios.add(FAIL(429, retry_after=30.0, times=2))
    for number in range(2):  # one question after the other, without the memory they share
        async with a_client(server.base_url("openai"), Listed(), tmp_path / str(number)) as client:
            await client.complete(a_request())
    verdict = verdicts.judge(server.state.journal.records(wait=5.0))
    assert [finding.code for finding in verdict.errors] == ["retry_after_ignored"]
