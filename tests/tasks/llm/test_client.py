"""Chains, circuits, learnt forms and limits; single faults are in the table of `faults`."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from pathlib import Path

import pytest

from leadline.tasks.llm.gate import Gate
from leadline.tasks.llm.limits import FAILURES
from leadline.tasks.llm.profiles import ModelTraits
from leadline.tasks.llm.protocol.errors import BadProfile
from leadline.tasks.llm.protocol.request import Message, Route
from leadline.tasks.net.clock import SYSTEM_CLOCK
from tests.tasks.llm.listed import CANARY, Listed, a_client, a_request
from tests.tasks.llm.scripted import ScriptedServer, answer, fails, says

CHAIN = (Route("holysheep", "gpt-4.1"), Route("holysheep", "deepseek-v3.2"))


async def test_a_good_answer_says_where_it_comes_from(tmp_path: Path) -> None:
    async with ScriptedServer(says()) as server, a_client(server.base_url, Listed(), tmp_path) as client:
        reply = await client.complete(a_request())
        (request,) = server.seen
    assert reply.outcome == "ok"
    assert reply.answer is not None
    assert (reply.answer.direction, reply.answer.confidence) == ("bullish", 0.7)
    assert (reply.model_served, reply.system_fingerprint) == ("gpt-4.1-2025-04-14", "fp_1")
    assert (reply.asked, reply.is_fallback, reply.capability) == (CHAIN[0], False, "json_schema")
    assert reply.text == answer()
    assert request.headers["authorization"] == f"Bearer {CANARY}"
    assert request.body["response_format"]["json_schema"]["strict"] is True
    assert request.body["temperature"] == 0.0


async def test_a_fallback_is_recorded_as_what_it_is(tmp_path: Path) -> None:
    server = ScriptedServer(fails(404, "no such model"), says(model="deepseek-v3.2"))
    async with server, a_client(server.base_url, Listed(), tmp_path) as client:
        reply = await client.complete(a_request(routes=CHAIN))
    assert (reply.outcome, reply.wanted, reply.asked) == ("ok", *CHAIN)
    assert reply.is_fallback
    assert reply.model_served == "deepseek-v3.2"
    assert [request.body["model"] for request in server.seen] == ["gpt-4.1", "deepseek-v3.2"]
    # It has a JSON mode only: the schema goes into the words.
    assert server.seen[1].body["response_format"] == {"type": "json_object"}
    assert '"direction"' in server.seen[1].body["messages"][-1]["content"]


async def test_an_invalid_answer_is_not_asked_of_another_model(tmp_path: Path) -> None:
    async with ScriptedServer(says("no")) as server:
        async with a_client(server.base_url, Listed(), tmp_path) as client:
            reply = await client.complete(a_request(routes=CHAIN))
        assert [request.body["model"] for request in server.seen] == ["gpt-4.1"] * 2
    assert (reply.outcome, reply.answer, reply.is_fallback) == ("invalid", None, False)


async def test_repair_is_a_conversation(tmp_path: Path) -> None:
    async with ScriptedServer(says(answer(confidence=7)), says()) as server:
        async with a_client(server.base_url, Listed(), tmp_path) as client:
            await client.complete(a_request())
        first, second = (request.body["messages"] for request in server.seen)
    assert second[: len(first)] == first
    assert [turn["role"] for turn in second[len(first) :]] == ["assistant", "user"]
    assert second[-2]["content"] == answer(confidence=7)
    assert "confidence 7: expected a number from 0 to 1" in second[-1]["content"]


async def test_all_reasons_of_a_chain_are_told(tmp_path: Path) -> None:
    server = ScriptedServer(fails(404, "gone"), fails(401, "who?"))
    async with server, a_client(server.base_url, Listed(), tmp_path) as client:
        reply = await client.complete(a_request(routes=CHAIN))
    assert reply.outcome == "error"
    assert reply.reason is not None
    assert "gpt-4.1: 404" in reply.reason
    assert "deepseek-v3.2: 401" in reply.reason


async def test_a_circuit_is_shared_by_processes_and_probed(tmp_path: Path) -> None:
    async with ScriptedServer(fails(500)) as server:
        replies = []
        for _ in range(3):  # as three runs of a deployment would
            async with a_client(server.base_url, Listed(), tmp_path, max_attempts=2) as client:
                replies.append(await client.complete(a_request()))
        assert [reply.outcome for reply in replies] == ["error", "error", "error"]
        (opened,) = replies[2].circuit_changes
        assert (opened.state, opened.model) == ("open", "gpt-4.1")
        assert opened.reason.startswith("500")
        assert server.calls == FAILURES
        async with a_client(server.base_url, Listed(), tmp_path) as client:
            refused = await client.complete(a_request())
            assert [told.state for told in client.circuits()] == ["open"]
        assert (refused.outcome, server.calls) == ("refused_circuit", FAILURES)

        server.steps = [says()]
        later = replace(SYSTEM_CLOCK, mono_ns=lambda: time.monotonic_ns() + 31 * 10**9)
        async with a_client(server.base_url, Listed(), tmp_path) as client:
            client._gates = {"holysheep": Gate(tmp_path, "holysheep", limit=10, clock=later)}
            answered = await client.complete(a_request())
            assert client.circuits() == []
    assert answered.outcome == "ok"
    assert [change.state for change in answered.circuit_changes] == ["half-open", "closed"]


async def test_a_learnt_form_is_used_at_once_by_the_next_process(tmp_path: Path) -> None:
    async with ScriptedServer(fails(400, "response_format?"), says()) as server:
        for _ in range(2):
            async with a_client(server.base_url, Listed(), tmp_path) as client:
                assert (await client.complete(a_request())).capability == "json_object"
        forms = [request.body["response_format"]["type"] for request in server.seen]
    assert forms == ["json_schema", "json_object", "json_object"]


async def test_retry_after_of_one_process_silences_all(tmp_path: Path) -> None:
    async with ScriptedServer(fails(429, retry_after="60")) as server:
        async with a_client(server.base_url, Listed(), tmp_path) as client:
            first = await client.complete(a_request())
        async with a_client(server.base_url, Listed(), tmp_path) as client:
            second = await client.complete(a_request())
        assert server.calls == 1
    assert (first.outcome, second.outcome) == ("error", "refused_rate")
    assert "the provider asked to wait another" in (second.reason or "")


async def test_our_limit_holds_at_the_server(tmp_path: Path) -> None:
    """25 questions at once, 10 a second: no request comes before its turn."""
    async with ScriptedServer(says()) as server:
        async with a_client(server.base_url, Listed(), tmp_path, requests_per_s=10) as client:
            began_s = time.monotonic()
            await asyncio.gather(*(client.complete(a_request(signal_id=f"s{n}")) for n in range(25)))
        times = sorted(request.at_s - began_s for request in server.seen)
    assert len(times) == 25
    assert all(at_s >= number // 10 * 1.05 for number, at_s in enumerate(times))


async def test_no_turn_before_the_deadline(tmp_path: Path) -> None:
    async with ScriptedServer(says()) as server:
        async with a_client(server.base_url, Listed(), tmp_path, requests_per_s=1) as client:
            replies = await asyncio.gather(
                *(client.complete(a_request(signal_id=f"s{n}", deadline_s=0.8)) for n in range(3))
            )
        assert server.calls == 1
    assert sorted(reply.outcome for reply in replies) == ["ok", "refused_rate", "refused_rate"]


async def test_traits_go_into_the_request(tmp_path: Path) -> None:
    models = {"gpt-4.1": ModelTraits(extra_body={"reasoning_effort": "none", "temperature": 1})}
    async with ScriptedServer(says()) as server:
        async with a_client(server.base_url, Listed(), tmp_path, models=models) as client:
            await client.complete(a_request())
        body = server.seen[0].body
    assert (body["reasoning_effort"], body["temperature"]) == ("none", 1)


async def test_a_route_without_a_provider(tmp_path: Path) -> None:
    async with a_client("http://127.0.0.1:9/v1", Listed(), tmp_path) as client:
        with pytest.raises(BadProfile, match="no provider 'openai' here; there are holysheep"):
            await client.complete(a_request(routes=(Route("openai", "gpt-4.1"),)))


async def test_a_text_that_is_no_unicode_is_not_sent_and_not_left_open(tmp_path: Path) -> None:
    journal = Listed()
    async with a_client("http://127.0.0.1:9/v1", journal, tmp_path) as client:
        with pytest.raises(UnicodeEncodeError):
            await client.complete(a_request(messages=(Message("user", "\ud800"),)))
    journal.assert_paired()


async def test_the_key_is_not_in_what_is_raised_or_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Also when the server repeats it in what the model says, and where it names the model."""
    step = says(f"my key is {CANARY}", model=f"gpt-{CANARY}")
    journal = Listed()
    async with ScriptedServer(step, fails(403, CANARY)) as server:
        with caplog.at_level(logging.DEBUG):
            async with a_client(server.base_url, journal, tmp_path) as client:
                reply = await client.complete(a_request())
                assert CANARY not in repr(vars(client))
        # The model's own words go back to the same provider, without the key.
        assert CANARY not in repr([request.body for request in server.seen])
    assert CANARY not in repr(reply)
    assert CANARY not in repr(journal.outcomes)
    assert CANARY not in caplog.text
    assert CANARY not in written(tmp_path)


def written(folder: Path) -> str:
    """Everything in the files of a folder."""
    texts = [path.read_text() for path in folder.rglob("*") if path.is_file()]
    assert texts
    return "\n".join(texts)
