"""
What differs between providers, as data: address, name of the key, response formats, limits.

Prices are not here: ``price_profile`` names the provider whose rows of the price book apply, because a
reseller's tariff is not the vendor's. The rows of the ledger carry that name.

Sources: holysheep, its public documentation of an OpenAI-compatible endpoint (not tried with a real
key); DeepSeek, "JSON Output" (JSON mode, no schema); llama.cpp, tools/server/README.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from leadline.tasks.llm.embedded import recipe
from leadline.tasks.llm.embedded.model import DEFAULT_MODEL, PLUMBING, LocalAddress
from leadline.tasks.llm.protocol.answer import Capability
from leadline.tasks.llm.protocol.errors import BadProfile
from leadline.tasks.llm.secret import Key

# From the strictest format to none; each is tried when a server refuses the one before it.
LADDER: tuple[Capability, ...] = ("json_schema", "json_object", "plain")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTraits:
    """What is known of one model in advance; ``extra_body`` is added to its requests."""

    capability: Capability = "json_schema"
    extra_body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """
    One provider. ``models`` are those with known traits; other models can be asked as well.

    ``requests_per_s`` holds for all processes of this machine together.
    """

    name: str
    base_url: str
    key_env: str | None  # the environment variable its key is in; None: it needs none
    price_profile: str
    models: Mapping[str, ModelTraits] = field(default_factory=dict)
    default_model: str | None = None
    traits: ModelTraits = ModelTraits()  # of models not named
    requests_per_s: int = 10
    max_attempts: int = 4  # of one model within one request
    attempt_timeout_s: float = 20.0
    max_tokens_field: str = "max_tokens"
    label: str | None = None  # shown wherever its answers are

    def traits_of(self, model: str) -> ModelTraits:
        """Return what is known of ``model``."""
        return self.models.get(model, self.traits)


@dataclass(frozen=True, slots=True)
class Provider:
    """A profile and its key, which is never shown."""

    profile: Profile
    key: Key | None = None


# Reasoning costs seconds, and tokens that max_tokens does not always bound; a signal needs neither.
NO_THINKING = {"reasoning_effort": "none"}

HOLYSHEEP = Profile(
    name="holysheep",
    base_url="https://api.holysheep.ai/v1",
    key_env="HOLYSHEEP_API_KEY",
    price_profile="holysheep",
    models={
        "gpt-4.1": ModelTraits(),
        "claude-sonnet-4.5": ModelTraits(),
        "gemini-2.5-flash": ModelTraits(extra_body=NO_THINKING),
        "deepseek-v3.2": ModelTraits(capability="json_object"),
    },
    default_model="deepseek-v3.2",
)

# A gateway of one's own, such as a LiteLLM proxy, or any other OpenAI-compatible server.
CUSTOM = Profile(
    name="custom",
    base_url="http://127.0.0.1:4000/v1",
    key_env="LEADLINE_LLM_API_KEY",
    price_profile="custom",
)

# What the embedded model needs besides its prompt: see `tasks.llm.embedded.recipe`.
LOCAL = Profile(
    name="local",
    base_url="http://127.0.0.1:0/v1",  # known when it is started
    key_env=None,
    price_profile="local",
    requests_per_s=100,
    max_attempts=2,
    attempt_timeout_s=60.0,
    label=PLUMBING,
)

# The registry of providers: whom the setting llm_provider may name besides auto and none.
PROFILES: Mapping[str, Profile] = {profile.name: profile for profile in (HOLYSHEEP, CUSTOM, LOCAL)}
DEFAULT_PROVIDER = HOLYSHEEP  # who is asked where the setting is auto and its key is there


def profile(name: str, *, base_url: str | None = None, requests_per_s: int | None = None) -> Profile:
    """
    Return the profile called ``name``, with another address or limit where given.

    Raises `BadProfile` for an unknown name or an address that cannot be used or that holds a secret.
    """
    found = PROFILES.get(name)
    if found is None:
        raise BadProfile(f"no provider {name!r}; known are {', '.join(PROFILES)}")
    if base_url is not None:
        found = replace(found, base_url=usable_base_url(base_url))
    if requests_per_s is not None:
        found = replace(found, requests_per_s=requests_per_s)
    return found


def usable_base_url(url: str) -> str:
    """Return ``url`` without a slash at its end; one that holds user, password or query is refused."""
    parts = urlsplit(url)
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        # It would stand in every log line of a request. The message must not repeat it.
        raise BadProfile(
            f"base URL of {parts.hostname}: user, password, query and fragment are refused; "
            "give the key in the environment"
        )
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadProfile(f"base URL {url!r}: expected http(s)://host and the path up to /v1")
    return url.rstrip("/")


def with_key(found: Profile, key: str | None) -> Provider:
    """Combine a profile and its key; raises `BadProfile` for a key that is missing or unusable."""
    if found.key_env is None:
        return Provider(found, None)
    if not key:
        raise BadProfile(
            f"provider {found.name} needs a key: set {found.key_env} in the environment, "
            "or choose the embedded model (provider local), which needs none"
        )
    return Provider(found, Key(key, found.key_env))


def local_provider(address: LocalAddress) -> Provider:
    """Make the provider of a running embedded model; only the default model gets its logit bias."""
    traits = ModelTraits(extra_body=recipe.EXTRA_BODY if address.model == DEFAULT_MODEL else {})
    found = replace(
        LOCAL,
        base_url=address.base_url,
        default_model=address.model,
        models={address.model: traits},
    )
    return Provider(found, Key(address.api_key, "local model"))
