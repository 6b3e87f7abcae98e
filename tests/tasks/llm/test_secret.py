"""Keys stay where they are: not in a repr, a pickle, a text of a server, an exception."""

from __future__ import annotations

import copy
import logging
import pickle

import pytest

from leadline.tasks.llm.profiles import HOLYSHEEP, Provider
from leadline.tasks.llm.protocol.errors import BadProfile
from leadline.tasks.llm.secret import HIDDEN, HTTP_LOGGERS, Key, LogRedaction, Redactor

CANARY = "hs-canary/0a1b+2c3d=="
KEY = Key(CANARY, "HOLYSHEEP_API_KEY")


def test_a_key_shows_its_name() -> None:
    for shown in (repr(KEY), str(KEY), f"{KEY}", repr(Provider(HOLYSHEEP, KEY)), repr({"key": [KEY]})):
        assert CANARY not in shown
        assert "HOLYSHEEP_API_KEY" in shown
    assert KEY.reveal() == CANARY


@pytest.mark.parametrize("act", [pickle.dumps, copy.deepcopy])
def test_a_key_is_not_copied_out(act: object) -> None:
    with pytest.raises(TypeError, match="cannot be pickled"):
        act(KEY)  # type: ignore[operator]


@pytest.mark.parametrize("value", ["", "  ", "two words", "line\nfeed", "schlüssel", "nul\0"])
def test_what_cannot_go_into_a_header_is_no_key_and_not_repeated(value: str) -> None:
    with pytest.raises(BadProfile, match="MY_KEY: not a key") as caught:
        Key(value, "MY_KEY")
    assert not value.strip() or value not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        (f"Incorrect API key provided: {CANARY}.", f"Incorrect API key provided: {HIDDEN}."),
        ("at hs-canary%2F0a1b%2B2c3d%3D%3D!", f"at {HIDDEN}!"),
        ("key sk-proj-abc123**********XyZ9 is wrong", f"key {HIDDEN} is wrong"),
        ("Authorization: Bearer abc.def-123==", f"Authorization: {HIDDEN}"),
        ("AIzaSyA1234567890abcdefghijk", HIDDEN),
        ("POST https://me:secret@host/v1", f"POST https:{HIDDEN}host/v1"),
        ("nothing to hide, sk-8 and https://host/v1", "nothing to hide, sk-8 and https://host/v1"),
    ],
)
def test_redaction(text: str, left: str) -> None:
    assert Redactor([KEY])(text) == left


def test_a_models_words_lose_known_keys_only() -> None:
    redact = Redactor([KEY])
    assert redact.keys_only(f"bearer bonds, {CANARY}") == f"bearer bonds, {HIDDEN}"
    assert Redactor().keys_only("bearer bonds") == "bearer bonds"


def test_what_http_libraries_log_loses_keys_while_it_lasts(caplog: pytest.LogCaptureFixture) -> None:
    hush = LogRedaction(Redactor([KEY]))
    try:
        with caplog.at_level(logging.DEBUG):
            for name in HTTP_LOGGERS:
                logging.getLogger(name).debug("headers %r", [(b"www-authenticate", CANARY.encode())])
        assert CANARY not in caplog.text
        assert caplog.text.count(HIDDEN) == len(HTTP_LOGGERS)
    finally:
        hush.remove()
        hush.remove()
    assert all(hush not in logging.getLogger(name).filters for name in HTTP_LOGGERS)
