"""
What servers of models do wrong, by name, and what must come of it: outcome, calls made, dollars booked.

All are asked for gpt-4.1 at the provider's flat tariff of 8 USD per million: the usual answer of 300 + 40
tokens costs 0.00272. ``holds`` counts attempts of which nobody can say what they cost: they stay booked at
the most that they can. The run and the check are in `tests.tasks.llm.fault_stage`.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field, replace
from decimal import Decimal
from email.utils import format_datetime
from typing import Any

from leadline.tasks.llm.protocol.request import ReplyOutcome
from tests.tasks.llm.scripted import USAGE, Step, answer, fails, says

CANARY = "hs-canary0a1b2c3d4e5f60718293a4b5c6d7e8f9"
ANSWERED = Decimal("0.00272")
OK = says()
LISTENS_NOWHERE = "http://127.0.0.1:9/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One row of the table; ``answers`` are attempts paid at the usual answer's cost."""

    name: str
    steps: tuple[Step, ...]
    outcome: ReplyOutcome = "ok"
    calls: int = 1  # requests that reached the server
    attempts: int | None = None  # rows in the ledger; None: as many
    answers: int = 0
    usd: Decimal = Decimal(0)  # besides the answers
    holds: int = 0
    estimates: int = 0
    reason: str = ""  # stands in the reply's reason
    waits_s: float = 0.0  # at least, between the first and the last request
    deadline_s: float = 30.0
    profile: dict[str, Any] = field(default_factory=dict)
    models: tuple[str, ...] = ("gpt-4.1",)
    day_usd: Decimal = Decimal(100)
    asked: str = "gpt-4.1"
    capability: str | None = None


def _in(seconds: float) -> str:
    return format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds), usegmt=True)


def _usage(**changes: Any) -> dict[str, Any]:
    return {**USAGE, **changes}


def _status(status: int, *, holds: int = 0) -> Fault:
    """One failure that is worth another try, then the answer."""
    return Fault(name=f"{status} once", steps=(fails(status), OK), calls=2, answers=1, holds=holds)


def _final(status: int, message: str, name: str) -> Fault:
    """Fail in a way that will be the same next time."""
    return Fault(name=name, steps=(fails(status, message),), outcome="error", reason=str(status))


def _repaired(name: str, first: Step) -> Fault:
    """Say something that is not valid, then, asked to repair it, the answer."""
    return Fault(name=name, steps=(first, OK), calls=2, answers=2)


def _no_completion(name: str, step: Step, **rest: Any) -> Fault:
    """Answer 200 with something else, for ever; it is asked for once more, because it may be paid for."""
    return Fault(
        name=name, steps=(step,), outcome="error", calls=2, holds=2, reason="no chat completion", **rest
    )


def _finished(reason: str) -> Step:
    message = {"role": "assistant", "content": answer()[:50]}
    return says(choices=[{"index": 0, "message": message, "finish_reason": reason}])


def _message(message: dict[str, Any]) -> Step:
    return says(choices=[{"index": 0, "message": message, "finish_reason": "stop"}])


_RATE = (
    Fault(name="429 without Retry-After", steps=(fails(429), OK), calls=2, answers=1),
    Fault(name="429, Retry-After in seconds", steps=(fails(429, retry_after="1"), OK), calls=2, answers=1,
          waits_s=1.0),
    Fault(name="429, Retry-After as a date", steps=(fails(429, retry_after=lambda: _in(2)), OK), calls=2,
          answers=1, waits_s=1.0),
    Fault(name="429, retry-after-ms", steps=(fails(429, retry_after_ms="300"), OK), calls=2, answers=1,
          waits_s=0.3),
    Fault(name="429, Retry-After of a day", steps=(fails(429, retry_after="86400"),), outcome="error",
          reason="429"),
    Fault(name="429, Retry-After that is no time", steps=(fails(429, retry_after="soon"), OK), calls=2,
          answers=1),
    Fault(name="429 for ever", steps=(fails(429),), outcome="error", calls=4, reason="429"),
    Fault(name="503 with Retry-After", steps=(fails(503, retry_after="1"), OK), calls=2, answers=1,
          waits_s=1.0),
)  # fmt: skip
_STATUSES = (
    _status(500, holds=1),
    _status(502, holds=1),
    Fault(name="503 twice", steps=(fails(503), fails(503), OK), calls=3, answers=1),
    _status(504, holds=1),
    _status(529, holds=1),
    _status(408, holds=1),
    _status(409),
    _final(400, "maximum context length is 2048 tokens", "400 prompt too long"),
    _final(401, f"Incorrect API key provided: {CANARY}", "401 that repeats the key"),
    _final(402, "insufficient balance", "402 no balance"),
    _final(403, "forbidden", "403"),
    _final(404, "model not found", "404 no such model"),
    _final(501, "not implemented", "501"),
    Fault(name="307 to another host", steps=(Step(307, b"", {"location": LISTENS_NOWHERE}),),
          outcome="error", reason="307: redirected to http"),
    Fault(name="303 to somewhere else", steps=(Step(303, b"", {"location": LISTENS_NOWHERE}),),
          outcome="error", holds=1, reason="303"),
)  # fmt: skip
_FORMS = (
    Fault(name="400 schema not supported", steps=(fails(400, "response_format json_schema: no"), OK),
          calls=2, answers=1, capability="json_object"),
    Fault(name="422 no form supported", steps=(fails(422, "unknown field response_format"),) * 2 + (OK,),
          calls=3, answers=1, capability="plain"),
    Fault(name="400 without a word", steps=(Step(400), OK), calls=2, answers=1, capability="json_object"),
    Fault(name="500 that blames json_schema", steps=(fails(500, "type must be text, got json_schema"), OK),
          calls=2, answers=1, holds=1, capability="json_object"),
    Fault(name="all forms refused", steps=(fails(400, "response_format"),), outcome="error", calls=3,
          reason="400"),
)  # fmt: skip
_WAY = (
    Fault(name="connection refused", steps=(), outcome="error", calls=0, attempts=4, reason="ConnectError",
          profile={"base_url": LISTENS_NOWHERE}),
    Fault(name="hung up before the headers", steps=(Step(cut="before-headers"), OK), calls=2, answers=1,
          holds=1),
    Fault(name="hung up in the body", steps=(replace(OK, cut="mid-body"), OK), calls=2, answers=1, holds=1),
    Fault(name="hung up in the body, for ever", steps=(replace(OK, cut="mid-body"),), outcome="error",
          calls=2, holds=2, reason="peer closed connection"),
    Fault(name="slower than the deadline", steps=(replace(OK, delay_s=60),), outcome="error", holds=1,
          deadline_s=3.0, reason="no answer within"),
    Fault(name="slow headers once", steps=(replace(OK, delay_s=30), OK), calls=2, answers=1, holds=1,
          profile={"attempt_timeout_s": 1.5}),
    Fault(name="slow body once", steps=(replace(OK, drip_s=30), OK), calls=2, answers=1, holds=1,
          profile={"attempt_timeout_s": 1.5}),
)  # fmt: skip
_ANSWERS = (
    _repaired("truncated JSON", says(answer()[:50])),
    _repaired("finish_reason length", _finished("length")),
    _repaired("code fence", says(f"```json\n{answer()}\n```")),
    _repaired("words around", says(f"Sure! {answer()}")),
    _repaired("direction of another word", says(answer(direction="up"))),
    _repaired("extra field", says(answer(stop_loss=1))),
    _repaired("two answers", says(answer() + answer())),
    Fault(name="code fence of a plain server", models=("plain-1",), asked="plain-1", capability="plain",
          steps=(says(f"```json\n{answer()}\n```", model="plain-1"),), answers=1),
    Fault(name="confidence 1.7, for ever", steps=(says(answer(confidence=1.7)),), outcome="invalid",
          calls=2, answers=2, reason="confidence 1.7"),
    Fault(name="content filter, for ever", steps=(_finished("content_filter"),), outcome="invalid", calls=2,
          answers=2, reason="content filter"),
    Fault(name="repair meets 503 for ever", steps=(says("no"), fails(503)), outcome="invalid", calls=5,
          answers=1, reason="not one JSON object"),
    Fault(name="abstains", steps=(says(answer(direction="abstain")),), outcome="abstained", answers=1),
    Fault(name="refuses in words", steps=(_message({"content": None, "refusal": "I cannot advise."}),),
          outcome="abstained", answers=1, reason="I cannot advise."),
)  # fmt: skip
_BODIES = (
    Fault(name="empty choices once", steps=(says(choices=[]), OK), calls=2, answers=2),
    Fault(name="null content once", steps=(_message({"content": None}), OK), calls=2, answers=2),
    Fault(name="no message, for ever", steps=(says(choices=[{}], usage=...),), outcome="error", calls=2,
          holds=2, reason="expected a message"),
    Fault(name="200 with an error inside", steps=(Step(body=b'{"error": {"message": "overloaded"}}'), OK),
          calls=2, answers=1, holds=1),
    _no_completion("web page", Step(body=b"<html>Log in</html>")),
    _no_completion("not UTF-8", Step(body=b'{"choices": "\xff\xfe"}')),
    _no_completion("nested without end", Step(body=b"[" * 500_000)),
    _no_completion("empty body", Step()),
    _no_completion("NaN for tokens", Step(body=b"[NaN, Infinity]")),
    Fault(name="giant body", steps=(Step(body=b" " * 1_500_000),), outcome="error", calls=2, holds=2,
          reason="more than 1000000 bytes"),
    Fault(name="packed body nobody asked for", steps=(Step(body=b"\x1f\x8b", headers={
        "content-encoding": "gzip"}),), outcome="error", calls=2, holds=2, reason="encoded body"),
)  # fmt: skip
_USAGES = (
    Fault(name="usage missing", steps=(says(usage=...),), estimates=1),
    Fault(name="usage negative", steps=(says(usage=_usage(prompt_tokens=-300)),), estimates=1),
    Fault(name="usage absurd", steps=(says(usage=_usage(completion_tokens=10**12)),), estimates=1),
    Fault(name="usage as text", steps=(says(usage=_usage(prompt_tokens="300")),), estimates=1),
    Fault(name="more cached than sent", answers=1,
          steps=(says(usage=_usage(prompt_tokens_details={"cached_tokens": 301})),)),
    Fault(name="reasoning beside completion", steps=(says(usage=_usage(total_tokens=440)),),
          usd=Decimal("0.00352")),
    Fault(name="another model answers, priced", steps=(says(model="deepseek-v3.2"),),
          usd=Decimal("0.0001428")),
    Fault(name="another model answers, no price", steps=(says(model="gpt-3.5-turbo"),), holds=1),
)  # fmt: skip
_OURS = (
    Fault(name="first model down, second answers", models=("gpt-4.1", "deepseek-v3.2"),
          asked="deepseek-v3.2", steps=(*(fails(503),) * 4, says(model="deepseek-v3.2")), calls=5,
          usd=Decimal("0.0001428"), capability="json_object"),
    Fault(name="no room in the budget", steps=(OK,), outcome="refused_budget", calls=0,
          day_usd=Decimal("0.000001"), reason="budget"),
    Fault(name="no price", steps=(OK,), outcome="refused_price", calls=0, models=("gpt-nobody-knows",),
          asked="gpt-nobody-knows", reason="no price"),
)  # fmt: skip

FAULTS = (*_RATE, *_STATUSES, *_FORMS, *_WAY, *_ANSWERS, *_BODIES, *_USAGES, *_OURS)
assert len({fault.name for fault in FAULTS}) == len(FAULTS)
