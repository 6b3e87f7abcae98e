"""
From features to a conversation: versioned prompt files, and the code that words their question.

A prompt is a TOML file in ``flows/signals/prompts``. Its text is the same beginning of every conversation,
so that providers can cache it; the question comes last. Its hash covers the file and `FILLING`, the
revision of the code here that words the question: rows with the same hash were asked in the same way.

Names of symbols are foreign text: a name outside a narrow alphabet is replaced by an alias.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

from leadline.book.analytics.signal_features import WINDOWS_S, Features
from leadline.book.errors import BadInput
from leadline.tasks.llm.embedded import recipe
from leadline.tasks.llm.protocol.answer import AnswerRules
from leadline.tasks.llm.protocol.request import Message

FILLING = 1  # increase it when the same features get another wording
FIGURES, WORDS = "figures-1", "smollm-words-1"
SAFE_SYMBOL = re.compile(r"[A-Z0-9]{2,16}(?:_[A-Z0-9]{2,8})?")
SLIGHT, STRONG = 0.1, 0.4  # of a figure in -1..1


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """One version of a prompt, as its file says."""

    version: str
    digest: str
    question: str  # figures or words: how its question is worded
    system: str
    examples: tuple[tuple[str, str], ...]
    max_tokens: int
    may_abstain: bool
    reasoning_chars: int
    confidences: tuple[float, ...]  # empty: any

    def rules(self, horizon_s: int) -> AnswerRules:
        """Return what counts as an answer."""
        return AnswerRules(
            horizons_s=(horizon_s,),
            confidences=self.confidences,
            may_abstain=self.may_abstain,
            reasoning_chars=self.reasoning_chars,
        )

    def messages(self, shown: Features, symbol: str, horizon_s: int) -> tuple[Message, ...]:
        """
        Build the conversation about ``symbol``, a name that `alias` let through.

        Raises `BadInput` where a figure that the question needs is missing, with the reason.
        """
        return self.conversation(_QUESTIONS[self.question](shown, symbol, horizon_s), horizon_s)

    def conversation(self, question: str, horizon_s: int) -> tuple[Message, ...]:
        """Put ``question`` behind the system message and the examples."""
        turns = [Message("system", self.system)]
        for example, answer in self.examples:
            turns.append(Message("user", example))
            turns.append(Message("assistant", answer.replace("{horizon_s}", str(horizon_s))))
        return (*turns, Message("user", question))


def versions() -> tuple[str, ...]:
    """Return the names of all prompts."""
    files = (file.name for file in resources.files("leadline.flows.signals.prompts").iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in files if name.endswith(".toml")))


def prompt(version: str) -> Prompt:
    """Read a prompt by its name; raises `BadInput` for an unknown one."""
    if version not in versions():
        raise BadInput(f"there is no prompt {version!r}; known are {', '.join(versions())}")
    text = (
        resources.files("leadline.flows.signals.prompts")
        .joinpath(f"{version}.toml")
        .read_text(encoding="utf-8")
    )
    fields = tomllib.loads(text)
    return Prompt(
        version=fields["version"],
        digest=hashlib.sha256(f"{FILLING}\n{text}".encode()).hexdigest()[:16],
        question=fields["question"],
        system=fields["system"].strip(),
        examples=tuple((one["question"], one["answer"]) for one in fields.get("example", ())),
        max_tokens=fields["max_tokens"],
        may_abstain=fields["may_abstain"],
        reasoning_chars=fields["reasoning_chars"],
        confidences=tuple(fields.get("confidences", ())),
    )


def alias(symbol: str, known: Sequence[str]) -> str:
    """Return the name that a model sees: the symbol itself if it is plain, else ``SYMBOL_n``."""
    if SAFE_SYMBOL.fullmatch(symbol):
        return symbol
    return f"SYMBOL_{known.index(symbol) + 1 if symbol in known else 0}"


# -- the question in figures ---------------------------------------------------------------------------


def _figures(shown: Features, symbol: str, horizon_s: int) -> str:
    """Write every figure with its unit and its meaning in words."""
    fast, slow = WINDOWS_S
    lines = [
        f"Market {symbol}, horizon {horizon_s} s.",
        f"spread: {_number(shown, 'spread_bps', '.2f', 'bps')}",
        f"best level: {_lean(shown, 'imbalance_1', 'bids', 'asks')}",
        f"10 levels: {_lean(shown, 'imbalance_10', 'bids', 'asks')}",
        *_depths(shown),
        f"weighted mid over mid: {_number(shown, 'weighted_mid_bps', '+.3f', 'bps')}",
        f"micro-price over mid: {_number(shown, 'microprice_bps', '+.3f', 'bps')}",
    ]
    for window_s in (fast, slow):
        lines += [
            f"order flow {window_s} s: {_lean(shown, f'ofi_{window_s}s_share', 'buying', 'selling')}",
            f"trades {window_s} s: {_lean(shown, f'trade_flow_{window_s}s_share', 'buyers', 'sellers')}",
            f"mid {window_s} s: {_number(shown, f'return_{window_s}s_bps', '+.2f', 'bps')}",
        ]
    lines.append(f"volatility {slow} s: {_number(shown, f'volatility_{slow}s_bps', '.2f', 'bps')}")
    return "\n".join(lines)


def _depths(shown: Features) -> list[str]:
    """Return the lines of the narrowest and the widest band of depth."""
    names = [name for name in shown.values if name.startswith("depth_imbalance_")]
    chosen = list(dict.fromkeys(names[:1] + names[-1:]))
    return [
        f"within {name.removeprefix('depth_imbalance_')}: {_lean(shown, name, 'bids', 'asks')}"
        for name in chosen
    ]


def _number(shown: Features, name: str, form: str, unit: str) -> str:
    value = shown.get(name)
    return "unknown" if value is None else f"{value:{form}} {unit}"


def _lean(shown: Features, name: str, up: str, down: str) -> str:
    value = shown.get(name)
    if value is None:
        return "unknown"
    if abs(value) < SLIGHT:
        return f"{value:+.2f}, even"
    much = "much " if abs(value) >= STRONG else ""
    return f"{value:+.2f}, {up if value > 0 else down} {much}stronger"


# -- the question in words -----------------------------------------------------------------------


def _words(shown: Features, _symbol: str, _horizon_s: int) -> str:
    """Word the question for the embedded model; without trades in the window the flow is even."""
    slow_first = tuple(reversed(WINDOWS_S))
    size = _first(shown, [f"imbalance_{n}" for n in (10, 5, 1)])
    change = _first(shown, [f"return_{window_s}s_bps" for window_s in slow_first])
    flow = next(
        (f for window_s in slow_first if (f := shown.get(f"trade_flow_{window_s}s_share")) is not None), 0.0
    )
    return recipe.words(size, flow, change)


def _first(shown: Features, names: Sequence[str]) -> float:
    for name in names:
        value = shown.get(name)
        if value is not None:
            return value
    raise BadInput(f"{names[-1]}: {shown.missing.get(names[-1], 'unknown')}")


_QUESTIONS: Mapping[str, Callable[[Features, str, int], str]] = {"figures": _figures, "words": _words}
