"""
Which models are asked: provider, key, prompt and chains from the settings; it starts the embedded model.

Keys come from the environment or a Prefect Secret block and are passed on to nobody else. ``auto`` is the
default provider if its key is set, else the embedded model if it is installed, else nobody: then only the
baselines decide, and the models' rows say what is missing.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import os
import random
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from leadline.book.errors import BadInput, LeadlineError
from leadline.flows.config.settings import Settings
from leadline.flows.signals.prompting import FIGURES, WORDS, Prompt, prompt
from leadline.flows.signals.request import CHALLENGERS, ModelChain
from leadline.storage.access.connect import connect
from leadline.storage.spend import reports
from leadline.storage.spend.journal import Journal
from leadline.tasks.llm.client import ModelClient
from leadline.tasks.llm.embedded.model import (
    DEFAULT_MODEL,
    LocalModel,
    expect_runtime,
    find_shared,
    find_weights,
    local_model,
)
from leadline.tasks.llm.profiles import (
    DEFAULT_PROVIDER,
    LOCAL,
    Profile,
    Provider,
    local_provider,
    profile,
    with_key,
)
from leadline.tasks.llm.protocol.errors import BadProfile, ModelError
from leadline.tasks.llm.protocol.request import Route
from leadline.tasks.net.clock import SYSTEM_CLOCK

AUTO, NOBODY = "auto", "none"
MANY = 64
BLOCK_S = 5.0  # how long asking Prefect for a key may take


@dataclass(frozen=True, slots=True)
class Models:
    """A client and its chains; without a client, ``problem`` says why."""

    client: ModelClient | None
    chains: tuple[ModelChain, ...]
    problem: str | None = None
    label: str | None = None  # to be shown beside their answers
    at_once: int = MANY  # questions; more would only wait while their books grow old


def provider_name(settings: Settings, environ: Mapping[str, str] = os.environ) -> str:
    """Return the provider to ask: the setting, or what ``auto`` means here."""
    if settings.llm_provider != AUTO:
        return settings.llm_provider
    if environ.get(DEFAULT_PROVIDER.key_env or ""):
        return DEFAULT_PROVIDER.name
    try:
        expect_runtime()
        find_weights(settings.local_gguf)
    except ModelError:
        return NOBODY
    return LOCAL.name


@contextlib.asynccontextmanager
async def open_models(settings: Settings, environ: Mapping[str, str] = os.environ) -> AsyncIterator[Models]:
    """Prepare the models of the settings; an obstacle becomes ``problem``, not an exception."""
    name = provider_name(settings, environ)
    if name == NOBODY:
        key = DEFAULT_PROVIDER.key_env
        why = f"no model is set up: set {key}, or install the embedded model (docs/signals.md)"
        yield Models(None, (), None if settings.llm_provider == NOBODY else why)
        return
    async with contextlib.AsyncExitStack() as stack:
        try:
            provider = await _provider(stack, settings, name, environ)
            chains = (*chains_of(settings, provider.profile), *challengers_of(settings, provider.profile))
        except LeadlineError as exc:
            yield Models(None, _as_named(settings, name), str(exc))
            return
        if settings.llm_challengers:
            await asyncio.to_thread(_cap_challengers, settings)
        journal = stack.enter_context(
            Journal(settings.db, default_usd_per_day=settings.llm_budget_usd_per_day)
        )
        client = ModelClient(
            [provider], journal, home=settings.home, clock=SYSTEM_CLOCK, rng=random.Random()
        )
        await stack.enter_async_context(client)
        at_once = 1 if name == LOCAL.name else MANY
        yield Models(client, chains, label=provider.profile.label, at_once=at_once)


async def _provider(
    stack: contextlib.AsyncExitStack, settings: Settings, name: str, environ: Mapping[str, str]
) -> Provider:
    if name == LOCAL.name and settings.llm_base_url is None:
        address = stack.enter_context(local_model(settings.home, gguf=settings.local_gguf))
        return local_provider(address)
    found = profile(name, base_url=settings.llm_base_url)
    return with_key(found, await key_of(found, environ))


async def key_of(found: Profile, environ: Mapping[str, str]) -> str | None:
    """Return a key from the environment, else from the Secret block ``leadline-<provider>``, else None."""
    if found.key_env is None:
        return None
    if key := environ.get(found.key_env):
        return key
    with contextlib.suppress(Exception):  # no such block, or no Prefect: the caller says what is missing
        from prefect.blocks.system import Secret  # noqa: PLC0415  seconds, and not every caller has a server

        async with asyncio.timeout(BLOCK_S):
            block: Any = await Secret.aload(f"leadline-{found.name}")
        return str(block.get())
    return None


def chains_of(settings: Settings, found: Profile) -> tuple[ModelChain, ...]:
    """
    Return the chains of the setting ``llm_models``; empty: the provider's default model.

    Raises `BadProfile` where neither names one.
    """
    named = settings.llm_models or ((found.default_model,) if found.default_model else ())
    if not named:
        raise BadProfile(f"provider {found.name}: no model is named; set llm_models")
    chosen = prompt(_version(settings, found.name))
    return tuple(_chain(found.name, one, chosen) for one in named)


def challengers_of(settings: Settings, found: Profile) -> tuple[ModelChain, ...]:
    """
    Return the chains of the setting ``llm_challengers``: ``model``, ``model@prompt`` or ``@prompt``.

    A part that is left out is the first champion's. Raises `BadInput` for an unknown prompt, and for a
    chain that is asked already.
    """
    champions = chains_of(settings, found)
    first = champions[0]
    known = {(chain.name, chain.prompt.version) for chain in champions}
    made: list[ModelChain] = []
    for text in settings.llm_challengers:
        models, _, version = text.partition("@")
        chosen = prompt(version.strip()) if version.strip() else first.prompt
        named = models.strip() or ">".join(route.model for route in first.routes)
        one = replace(_chain(found.name, named, chosen), is_challenger=True)
        if (one.name, chosen.version) in known:
            who = f"{one.name} with prompt {chosen.version}"
            raise BadInput(f"llm_challengers: {text!r} is {who}, which is asked already")
        known.add((one.name, chosen.version))
        made.append(one)
    return tuple(made)


def _cap_challengers(settings: Settings) -> None:
    """Store the cap as a budget of the ledger, which every call is checked against."""
    usd = settings.llm_challengers_usd_per_day
    with connect(settings.db, write=True) as con:
        reports.set_budget(con, f"flow:{CHALLENGERS}", "day", usd, now=dt.datetime.now(dt.UTC))


def _chain(provider: str, models: str, chosen: Prompt) -> ModelChain:
    routes = tuple(Route(provider, model.strip()) for model in models.split(">"))
    return ModelChain(routes=routes, prompt=chosen)


def why_not_ready(settings: Settings, environ: Mapping[str, str] = os.environ) -> str | None:
    """
    Return why no model answers a shock; None if one does.

    ``auto`` needs a model that answers at once: a provider, or an embedded model that already runs and is
    shared in ``home``. May take a second.
    """
    if settings.shock_analysis == "off":
        return "shock_analysis is off"
    name = provider_name(settings, environ)
    if name == NOBODY:
        return "no model is set up"
    if settings.shock_analysis == "on" or name != LOCAL.name or settings.llm_base_url is not None:
        return None
    try:
        running = find_shared(settings.home, gguf=settings.local_gguf)
    except ModelError as exc:
        return str(exc)
    return (
        "the embedded model is not running; shock_analysis = on keeps it ready" if running is None else None
    )


@contextlib.contextmanager
def shared_model(settings: Settings, environ: Mapping[str, str] = os.environ) -> Iterator[None]:
    """Share the embedded model in ``home`` for the block, if it is the one to be asked."""
    is_asked = provider_name(settings, environ) == LOCAL.name and settings.llm_base_url is None
    if not is_asked or find_shared(settings.home, gguf=settings.local_gguf) is not None:
        yield
        return
    with LocalModel(settings.home, gguf=settings.local_gguf, share=True):
        yield


def one_route(settings: Settings, environ: Mapping[str, str] = os.environ) -> Route:
    """Return the one model of the settings, without starting it; raises `BadInput` for none or several."""
    name = provider_name(settings, environ)
    if name == NOBODY:
        raise BadInput("no model can be asked: give --provider, or see leadline doctor")
    found = profile(name, base_url=settings.llm_base_url)
    if name == LOCAL.name:
        gguf = settings.local_gguf
        found = replace(found, default_model=DEFAULT_MODEL if gguf is None else gguf.stem)
    routes = [route for chain in chains_of(settings, found) for route in chain.routes]
    if len(routes) != 1:
        named = ", ".join(route.model for route in routes)
        raise BadInput(
            f"one model at a time, without others that stand in for it; got {named}: give --model"
        )
    return routes[0]


def named_models(settings: Settings, environ: Mapping[str, str] = os.environ) -> list[tuple[str, str]]:
    """Return all models of the settings, stand-ins too, by their names in the price book."""
    name = provider_name(settings, environ)
    if name == NOBODY:
        return []
    routes = [route for chain in _as_named(settings, name) for route in chain.routes]
    return [(profile(route.provider).price_profile, route.model) for route in dict.fromkeys(routes)]


def _version(settings: Settings, provider: str) -> str:
    if settings.llm_prompt != AUTO:
        return settings.llm_prompt
    return WORDS if provider == LOCAL.name and settings.local_gguf is None else FIGURES


def _as_named(settings: Settings, name: str) -> tuple[ModelChain, ...]:
    """Return the chains that the settings name, for rows that say why nobody was asked."""
    with contextlib.suppress(LeadlineError):
        found = profile(name)
        if name == LOCAL.name:
            found = replace(found, default_model=DEFAULT_MODEL)
        return (*chains_of(settings, found), *challengers_of(settings, found))
    return ()
