"""
One HTTP attempt: `before` in the journal, the request, `after` in the journal; exactly once each.

`after` follows every `before` that returned, whatever happens between: an answer, a fault, a time-out, a
cancellation at any await. The result is judged before it is booked, so that a row of the ledger says why an
answer could not be used.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, TypeVar

import httpx

from leadline.storage.spend.calls import Outcome, Plan, Usage
from leadline.storage.spend.ledger import MOVED
from leadline.tasks.llm.protocol.answer import (
    Abstention,
    Answer,
    AnswerRules,
    Capability,
    InvalidAnswer,
    read_answer,
)
from leadline.tasks.llm.protocol.request import CallJournal
from leadline.tasks.llm.protocol.status import OK, kind_of, retry_after_s
from leadline.tasks.llm.protocol.tokens import token_bound
from leadline.tasks.llm.protocol.usage import estimated
from leadline.tasks.llm.secret import Key, Redactor
from leadline.tasks.llm.wire import Completion, Malformed, excerpt, read_completion
from leadline.tasks.net.clock import Clock

T = TypeVar("T")

MOST_BODY_BYTES = 1_000_000
MOST_ERROR = 300
AttemptKind: TypeAlias = Literal[
    "answer",
    "abstention",
    "invalid",  # an answer that does not pass the checks
    "malformed",  # status 200, but no chat completion
    "again",  # a fault worth another try
    "other_form",  # the server does not know the form we asked for
    "refused",  # a status that will be the same next time
    "timeout",
    "late",  # before anything was sent: no time, or no turn, was left
]
Ready: TypeAlias = Callable[[], Awaitable[str | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """One HTTP request; ``body`` is complete, ``deadline_s`` is on the monotonic clock."""

    url: str
    key: Key | None
    body: Mapping[str, Any]
    timeout_s: float
    deadline_s: float
    rules: AnswerRules
    capability: Capability


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptResult:
    """The result of one attempt; texts are redacted."""

    kind: AttemptKind
    outcome: Outcome
    answer: Answer | Abstention | None = None
    completion: Completion | None = None
    capability: Capability | None = None
    retry_after_s: float | None = None


@dataclass(slots=True)
class _Exchange:
    """What is known of an exchange so far, also if it never ends."""

    clock: Clock
    began_s: float
    was_sent: bool = False
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    fault: str | None = None
    is_timeout: bool = False

    async def trace(self, event: str, _info: object) -> None:
        # From the first byte of the request on it may be processed and billed.
        if event.endswith("send_request_headers.started"):
            self.was_sent = True

    def latency_ms(self) -> float:
        return (self.clock.mono_s() - self.began_s) * 1000


async def attempt(
    client: httpx.AsyncClient,
    journal: CallJournal,
    plan: Plan,
    request: HttpRequest,
    *,
    redact: Redactor,
    clock: Clock,
    ready: Ready,
) -> AttemptResult:
    """
    Make one attempt between the journal's `before` and `after`.

    ``ready`` is awaited right before sending and may return why nothing is to be sent. Raises what `before`
    raises (no call was made then) and what `after` raises.
    """
    await in_thread(journal.before, plan, undo=lambda: journal.after(_given_up(plan, None)))
    exchange = _Exchange(clock, clock.mono_s())
    outcome: Outcome | None = None
    try:
        why_not = await ready()
        exchange.began_s = clock.mono_s()
        left_s = min(request.timeout_s, request.deadline_s - exchange.began_s)
        if why_not is not None or left_s <= 0:
            exchange.fault = why_not or "the deadline passed before it was sent"
            judged = AttemptResult(kind="late", outcome=_outcome(plan, exchange, exchange.fault))
        else:
            await _exchange(client, request, exchange, left_s)
            judged = _judge(plan, request, exchange, redact)
        outcome = judged.outcome
    finally:
        await in_thread(journal.after, outcome or _given_up(plan, exchange))
    return judged


async def in_thread(
    act: Callable[[T], None], argument: T, *, undo: Callable[[], None] | None = None
) -> None:
    """
    Run ``act`` in a worker thread to its end, also when this task is cancelled meanwhile.

    Only then the cancellation goes on, after ``undo`` if ``act`` had returned.
    """
    # A future of the executor, not a task: a loop that ends cancels tasks, but waits for its executor.
    loop = asyncio.get_running_loop()
    running = loop.run_in_executor(None, act, argument)
    try:
        await asyncio.shield(running)
    except asyncio.CancelledError:
        await _to_its_end(running)
        if undo is not None and running.exception() is None:
            await _to_its_end(loop.run_in_executor(None, undo))
        raise


async def _to_its_end(running: asyncio.Future[None]) -> None:
    while not running.done():
        try:
            await asyncio.wait([running])
        except asyncio.CancelledError:
            continue  # one is under way already


async def _exchange(
    client: httpx.AsyncClient, request: HttpRequest, exchange: _Exchange, timeout_s: float
) -> None:
    """Send and read, at most MOST_BODY_BYTES; faults of the connection are noted, not raised."""
    headers = {"Accept-Encoding": "identity"}  # no body that grows when it is unpacked
    if request.key is not None:
        headers["Authorization"] = f"Bearer {request.key.reveal()}"
    try:
        async with asyncio.timeout(timeout_s), client.stream(
            "POST", request.url, json=request.body, headers=headers,
            extensions={"trace": exchange.trace},
        ) as response:  # fmt: skip
            exchange.status = response.status_code
            exchange.headers = response.headers
            await _read_body(response, exchange)
    except TimeoutError:
        exchange.is_timeout = True
        exchange.fault = f"no answer within {timeout_s:.1f} s"
    except (httpx.HTTPError, OSError) as exc:
        exchange.is_timeout = isinstance(exc, httpx.TimeoutException)
        exchange.fault = f"{type(exc).__name__}: {exc}".rstrip(": ")


async def _read_body(response: httpx.Response, exchange: _Exchange) -> None:
    if response.headers.get("content-encoding", "identity") != "identity":
        exchange.fault = "an encoded body, though none was asked for"
        return
    parts, size = [], 0
    async for part in response.aiter_raw():
        parts.append(part)
        size += len(part)
        if size > MOST_BODY_BYTES:
            exchange.fault = f"a body of more than {MOST_BODY_BYTES} bytes; reading was stopped"
            break
    exchange.body = b"".join(parts)[:MOST_BODY_BYTES]


def _judge(plan: Plan, request: HttpRequest, exchange: _Exchange, redact: Redactor) -> AttemptResult:
    # A status says enough, however its body ended; only an answer needs its body.
    if exchange.status is None or (exchange.status == OK and exchange.fault is not None):
        fault: AttemptKind = "timeout" if exchange.is_timeout else "again"
        if exchange.status == OK and not exchange.is_timeout:
            fault = "malformed"  # it did answer; endless retries cost money
        return AttemptResult(
            kind=fault, outcome=_outcome(plan, exchange, redact(exchange.fault or "nothing came"))
        )
    kind = kind_of(exchange.status, exchange.body, has_form=request.capability != "plain")
    if kind != "ok":
        return AttemptResult(
            kind=kind,
            outcome=_outcome(plan, exchange, redact(_status_text(exchange))),
            retry_after_s=retry_after_s(exchange.headers, now=dt.datetime.now(dt.UTC)),
        )
    try:
        completion = read_completion(exchange.body, exchange.headers)
    except Malformed as exc:
        outcome = _outcome(
            plan, exchange, redact(f"no chat completion: {exc}"), usage=exc.usage, served=exc.served
        )
        return AttemptResult(kind="malformed", outcome=outcome)
    return _judge_completion(plan, request, exchange, _redacted(completion, redact))


def _status_text(exchange: _Exchange) -> str:
    to = exchange.headers.get("location", "")
    if exchange.status in MOVED and to:
        where = to.partition("?")[0]
        why = "not followed, because it would get the key; set llm_base_url"
        return f"{exchange.status}: redirected to {where}; {why}"
    return f"{exchange.status}: {excerpt(exchange.body)}"


def _judge_completion(
    plan: Plan, request: HttpRequest, exchange: _Exchange, completion: Completion
) -> AttemptResult:
    usage = completion.usage or estimated(
        prompt_tokens=plan.prompt_tokens_max,
        completion_tokens=min(token_bound(completion.text), plan.completion_tokens_max),
        headers=exchange.headers,
    )
    kind: AttemptKind
    answer: Answer | Abstention | None = None
    error = None
    try:
        answer = _read(completion, request)
        kind = "abstention" if isinstance(answer, Abstention) else "answer"
    except InvalidAnswer as exc:
        kind, error = "invalid", f"invalid answer: {exc}"
    outcome = _outcome(plan, exchange, error, usage=usage, served=completion.model_served)
    return AttemptResult(kind=kind, outcome=outcome, answer=answer, completion=completion)


def _read(completion: Completion, request: HttpRequest) -> Answer | Abstention:
    if completion.finish_reason == "length":
        # What is there may even parse, but it is not the whole answer.
        raise InvalidAnswer(f"cut off after {len(completion.text)} characters, at the limit of tokens")
    if completion.refusal is not None:
        return Abstention(f"the model refused: {completion.refusal}")
    if completion.finish_reason == "content_filter":
        raise InvalidAnswer("cut off by the provider's content filter")
    return read_answer(completion.text, request.rules, capability=request.capability)


def _redacted(completion: Completion, redact: Redactor) -> Completion:
    keys_only = redact.keys_only
    return Completion(
        text=keys_only(completion.text),
        refusal=completion.refusal and keys_only(completion.refusal),
        finish_reason=completion.finish_reason and keys_only(completion.finish_reason),
        model_served=completion.model_served and keys_only(completion.model_served),
        system_fingerprint=completion.system_fingerprint and keys_only(completion.system_fingerprint),
        usage=completion.usage,
    )


def _outcome(
    plan: Plan,
    exchange: _Exchange,
    error: str | None,
    *,
    usage: Usage | None = None,
    served: str | None = None,
) -> Outcome:
    return Outcome(
        plan=plan,
        status=exchange.status,
        error=error[:MOST_ERROR] if error is not None else None,
        latency_ms=exchange.latency_ms(),
        model_served=served,
        usage=usage,
        was_sent=exchange.was_sent,
    )


def _given_up(plan: Plan, exchange: _Exchange | None) -> Outcome:
    """Return the outcome of an attempt that was cancelled or ended unexpectedly."""
    return Outcome(
        plan=plan,
        status=exchange.status if exchange else None,
        error="given up: the asking task was cancelled",
        latency_ms=exchange.latency_ms() if exchange else 0.0,
        was_sent=exchange.was_sent if exchange else False,
    )
