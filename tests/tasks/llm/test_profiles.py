"""Providers as data, and the addresses and keys that are refused."""

from __future__ import annotations

import pytest

from leadline.tasks.llm.embedded.model import DEFAULT_MODEL, LocalAddress
from leadline.tasks.llm.profiles import PROFILES, local_provider, profile, with_key
from leadline.tasks.llm.protocol.errors import BadProfile


def test_default_provider() -> None:
    found = profile("holysheep")
    assert found.base_url == "https://api.holysheep.ai/v1"
    assert set(found.models) == {"gpt-4.1", "claude-sonnet-4.5", "gemini-2.5-flash", "deepseek-v3.2"}
    assert found.requests_per_s == 10
    assert found.traits_of("deepseek-v3.2").capability == "json_object"
    assert found.traits_of("a-new-one").capability == "json_schema"


def test_own_address_and_limit() -> None:
    found = profile("custom", base_url="http://localhost:4000/v1/", requests_per_s=3)
    assert (found.base_url, found.requests_per_s) == ("http://localhost:4000/v1", 3)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://host/v1", "expected http"),
        ("host/v1", "expected http"),
        ("http://", "expected http"),
        ("https://me:hidden@host/v1", "base URL of host: user, password"),
        ("https://host/v1?api-key=hidden", "base URL of host: user, password"),
        ("https://host/v1#hidden", "base URL of host: user, password"),
    ],
)
def test_addresses_that_are_refused(url: str, said: str) -> None:
    with pytest.raises(BadProfile, match=said) as caught:
        profile("custom", base_url=url)
    assert "hidden" not in str(caught.value)


def test_unknown_provider() -> None:
    with pytest.raises(BadProfile, match="no provider 'nobody'; known are holysheep, custom, local"):
        profile("nobody")


def test_a_missing_key_names_its_variable() -> None:
    with pytest.raises(BadProfile, match="set HOLYSHEEP_API_KEY in the environment"):
        with_key(PROFILES["holysheep"], None)
    assert with_key(PROFILES["local"], None).key is None


def test_only_the_default_local_model_gets_the_nudge() -> None:
    ours = local_provider(LocalAddress("http://127.0.0.1:1/v1", "k" * 32, 1, DEFAULT_MODEL, "a.gguf"))
    other = local_provider(LocalAddress("http://127.0.0.1:1/v1", "k" * 32, 1, "qwen", "b.gguf"))
    assert "logit_bias" in ours.profile.traits_of(DEFAULT_MODEL).extra_body
    assert not other.profile.traits_of("qwen").extra_body
    assert ours.profile.label is not None
    assert "plumbing" in ours.profile.label
