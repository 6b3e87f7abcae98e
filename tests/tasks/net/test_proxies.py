"""Proxies of the environment: each spelling is used, or is one clear line that shows no password."""

from __future__ import annotations

import os

import pytest

from leadline.book.errors import BadInput
from leadline.tasks.net.proxies import ensure_proxies, proxy_for, read_proxy, settle_environment

WSS, HTTPS, WS = "wss://venue.example:9443", "https://api.venue.example", "ws://venue.example"


@pytest.mark.parametrize(
    ("text", "http", "websockets"),
    [
        ("http://proxy:3128", "http://proxy:3128", None),
        ("http://proxy:3128/", "http://proxy:3128", None),
        ("HTTP://Proxy", "http://proxy:80", None),
        ("proxy:3128", "http://proxy:3128", None),
        ("https://proxy", "https://proxy:443", None),
        ("socks5://proxy", "socks5h://proxy:1080", None),
        ("socks5h://proxy:9", "socks5h://proxy:9", None),
        ("socks://proxy:9/", "socks5h://proxy:9", None),
        ("http://[::2]:3128", "http://[::2]:3128", None),
        ("user:word@proxy:3128", "http://user:word@proxy:3128", None),
        ("http://us%40er:p%3Aw%25@proxy:1", "http://us%40er:p%3Aw%25@proxy:1", "http://us@er:p:w%@proxy:1"),
        ("socks5://us@er:p@ss@proxy:1", "socks5h://us%40er:p%40ss@proxy:1", "socks5h://us@er:p@ss@proxy:1"),
        ("http://user@proxy:1", "http://user:@proxy:1", None),
        (" http://proxy:1 ", "http://proxy:1", None),
    ],
)
def test_a_spelling_is_understood(text: str, http: str, websockets: str | None) -> None:
    proxy = read_proxy("all_proxy", text)
    assert (proxy.for_http, proxy.for_websockets) == (http, websockets or http)


@pytest.mark.parametrize(
    "text",
    [
        "socks4://user:secret@proxy:1080",
        "ftp://user:secret@proxy",
        "http://user:secret@",
        "http://user:secret@proxy:port",
        "http://user:secret@proxy:99999",
        "http//user:secret@proxy:3128",
        "http://user:secret@proxy:3128/path",
        "user:se cret@pro xy",
        "http://user:secret%2F@proxy:3128",
        "://user:secret@proxy",
    ],
)
def test_what_cannot_be_used_is_one_line_without_a_password(text: str) -> None:
    with pytest.raises(BadInput) as caught:
        read_proxy("https_proxy", text)
    said = str(caught.value)
    assert said.startswith("environment https_proxy: ")
    assert "cret" not in said
    assert "\n" not in said


def test_credentials_are_in_no_text_of_a_proxy() -> None:
    proxy = read_proxy("all_proxy", "socks5://user:secret@proxy:1")
    assert f"{proxy} {proxy!r}" == "all_proxy=socks5h://proxy:1 all_proxy=socks5h://proxy:1"


@pytest.mark.parametrize(
    ("environ", "url", "host"),
    [
        ({}, WSS, None),
        ({"HTTPS_PROXY": "a:1"}, WSS, "a"),
        ({"https_proxy": "a:1", "HTTPS_PROXY": "b:1"}, HTTPS, "a"),
        ({"https_proxy": "", "HTTPS_PROXY": "b:1"}, HTTPS, "b"),
        ({"Https_Proxy": "c:1"}, HTTPS, "c"),
        ({"http_proxy": "a:1"}, HTTPS, None),
        ({"http_proxy": "a:1"}, WS, "a"),
        ({"ALL_PROXY": "socks5://a:1"}, WSS, "a"),
        ({"all_proxy": "a:1", "https_proxy": "b:1"}, HTTPS, "b"),
        ({"all_proxy": "a:1", "https_proxy": "b:1", "wss_proxy": "c:1"}, WSS, "c"),
        ({"all_proxy": "a:1"}, "ws://127.0.0.1:5", None),
        ({"all_proxy": "nonsense://"}, "http://localhost:5", None),
        ({"all_proxy": "a:1", "no_proxy": "venue.example"}, WSS, None),
        ({"all_proxy": "a:1", "NO_PROXY": " x.y , .venue.example"}, HTTPS, None),
        ({"all_proxy": "a:1", "no_proxy": "*.venue.example"}, HTTPS, None),
        ({"all_proxy": "a:1", "no_proxy": "example.com,enue.example"}, HTTPS, "a"),
        ({"all_proxy": "a:1", "no_proxy": "venue.example:9443"}, WSS, None),
        ({"all_proxy": "a:1", "no_proxy": "venue.example:443"}, WSS, "a"),
        ({"all_proxy": "a:1", "no_proxy": "*"}, HTTPS, None),
        ({"all_proxy": "a:1", "no_proxy": "10.0.0.0/8"}, "http://10.1.2.3", None),
        ({"all_proxy": "a:1", "no_proxy": "10.0.0.0/8"}, "http://11.1.2.3", "a"),
    ],
)
def test_which_proxy_stands_before_an_address(environ: dict[str, str], url: str, host: str | None) -> None:
    proxy = proxy_for(url, environ)
    assert (None if proxy is None else proxy.host) == host


def test_only_what_is_needed_is_read() -> None:
    ensure_proxies([WSS], {"http_proxy": "nonsense://", "ftp_proxy": "x"})
    with pytest.raises(BadInput, match="http_proxy"):
        ensure_proxies([WSS, WS], {"http_proxy": "nonsense://"})


def test_libraries_and_children_find_an_environment_that_they_understand() -> None:
    environ = {"ALL_PROXY": "socks://a", "https_proxy": "u:p@b:1", "NO_PROXY": "x", "PATH": "/bin"}
    settle_environment(environ)
    assert environ == {
        "ALL_PROXY": "socks5h://a:1080",
        "all_proxy": "socks5h://a:1080",
        "https_proxy": "http://u:p@b:1",
        "NO_PROXY": "x",
        "no_proxy": "x,localhost,127.0.0.1,::1",
        "PATH": "/bin",
    }
    before = dict(os.environ)
    settle_environment({})
    assert os.environ == before
