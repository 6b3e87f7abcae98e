"""The feed by way of a real proxy: streams and REST, HTTP and SOCKS5, with and without a password."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from leadline.tasks.feed.thread import FeedConfig
from leadline.tasks.venues.common.adapter import WsBase
from leadline.tasks.venues.registry import loopback
from tests.tasks.feeding import ListSink, all_live, feeding, until
from tests.tasks.proxying import LocalProxy
from tests.tasks.still_venue import StillVenue

SYMBOL = "AAAUSDT"
KNOWN = ("us@er", "p:w%")
WRITTEN = "us%40er:p%3Aw%25@"
FAR = "venue.test"  # a name that only the proxy knows


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


def far_config(venue: StillVenue, **config: float) -> FeedConfig:
    """A venue that is reached by its name only."""
    ws, rest = (url.replace("127.0.0.1", FAR) for url in (venue.ws_url, venue.rest_url))
    profile = replace(
        loopback("spot", ws_url=ws, rest_url=rest), ws_bases=(WsBase(ws),), rest_bases=(rest,)
    )
    waits = {"backoff_first_s": 0.05, "backoff_cap_s": 0.2} | config
    return FeedConfig(profile=profile, symbols=(SYMBOL,), engine="plain", **waits)


@pytest.mark.parametrize(
    ("name", "text", "socks", "known"),
    [
        ("http_proxy", "http://127.0.0.1:{port}", False, None),
        ("HTTP_PROXY", "127.0.0.1:{port}", False, None),
        ("all_proxy", "http://{written}127.0.0.1:{port}", False, KNOWN),
        ("ALL_PROXY", "socks5://127.0.0.1:{port}", True, None),
        ("all_proxy", "socks5h://{written}127.0.0.1:{port}", True, KNOWN),
        ("all_proxy", "socks://127.0.0.1:{port}/", True, None),
    ],
)
def test_streams_and_rest_go_by_way_of_the_proxy(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, socks: bool, known: tuple[str, str] | None
) -> None:
    with StillVenue(SYMBOL) as venue, LocalProxy(socks=socks, known=known) as proxy:
        monkeypatch.setenv(name, text.format(port=proxy.port, written=WRITTEN))
        with feeding(far_config(venue), ListSink()) as feed:
            all_live(feed)
            venue.diff(SYMBOL, (("99.98", "5"),))
            until(lambda: feed.status().symbol(SYMBOL).last_id == venue.ids[SYMBOL], "heard")
        assert {asked.partition(":")[0] for asked in proxy.asked} == {FAR}
        assert len(set(proxy.asked)) == 2, "both roads"


def test_no_proxy_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    with StillVenue(SYMBOL) as venue, LocalProxy() as proxy:
        monkeypatch.setenv("all_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("no_proxy", FAR)
        with feeding(far_config(venue), ListSink()) as feed:
            until(lambda: "venue.test" in feed.status().last_error, "nobody here knows the name")
        assert proxy.asked == []


@pytest.mark.parametrize("socks", [False, True])
def test_a_proxy_that_turns_us_away_is_named_without_the_password(
    monkeypatch: pytest.MonkeyPatch, socks: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with StillVenue(SYMBOL) as venue, LocalProxy(socks=socks, known=KNOWN) as proxy:
        scheme = "socks5" if socks else "http"
        monkeypatch.setenv("all_proxy", f"{scheme}://user:secret@127.0.0.1:{proxy.port}")
        with feeding(far_config(venue), ListSink()) as feed:
            until(lambda: proxy.turned_away > 2, "tried again")
            said = until(lambda: feed.status().last_error, "told")
        assert f"127.0.0.1:{proxy.port}" in said
        assert "secret" not in said + caplog.text
