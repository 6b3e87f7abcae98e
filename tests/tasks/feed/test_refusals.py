"""Addresses that refuse are left at once and told; bans are heeded after a restart, too."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from leadline.book.rows.feed import AddressRow
from leadline.tasks.feed.thread import FeedConfig
from leadline.tasks.venues.common.adapter import WsBase
from leadline.tasks.venues.registry import loopback
from tests.tasks.feeding import ListSink, all_live, feeding, is_live, until
from tests.tasks.still_venue import PLACE, StillVenue

SYMBOL = "AAAUSDT"
SOON_S = 15.0  # it takes a second; waits between attempts take 30 s each
SLOW: dict[str, Any] = {"backoff_first_s": 60.0, "backoff_cap_s": 60.0}


def config_for(venue: StillVenue, *, ws: list[str], rest: list[str], **config: Any) -> FeedConfig:
    profile = loopback("spot", ws_url=venue.ws_url, rest_url=venue.rest_url)
    profile = replace(profile, ws_bases=tuple(WsBase(url) for url in ws), rest_bases=tuple(rest))
    quick = {"check_every_s": 0.05, "flush_every_s": 0.02, "settled_s": 0.0, "engine": "plain"}
    return FeedConfig(profile=profile, symbols=(SYMBOL,), **(quick | config))


def told(sink: ListSink) -> list[AddressRow]:
    return [row for batch in list(sink.batches) for row in list(batch.addresses)]


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port at which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@contextmanager
def refusing(venue: StillVenue) -> Iterator[None]:
    """The first paths of both roads are not for us: 451."""
    venue.refused_paths = ("/one", "/two")
    refusal = (451, {"code": 0, "msg": PLACE}, {})
    venue.answer = lambda path, _: None if path.startswith("/api/") else refusal
    yield


def test_addresses_that_answer_451_are_left_at_once(closed_port: int) -> None:
    sink = ListSink()
    with StillVenue(SYMBOL) as venue, refusing(venue):
        ws = [venue.ws_url + path for path in ("/one", "/two", "/vision")]
        rest = [f"{venue.rest_url}/geo", venue.rest_url]
        with feeding(config_for(venue, ws=ws, rest=rest, **SLOW), sink) as feed:
            all_live(feed, within_s=SOON_S)
            assert [path.partition("/stream")[0] for _, path in venue.opened] == ["/one", "/two", "/vision"]
            venue.cut()
            until(lambda: feed.status().sessions == 2, "again, where it was served", within_s=SOON_S)
            all_live(feed, within_s=SOON_S)
            assert len(venue.opened) == 4
            until(lambda: len(told(sink)) == 3, "told once each")
        rows = {(row.road, row.address): row for row in told(sink)}
        assert list(rows) == [("rest", rest[0]), ("stream", ws[0]), ("stream", ws[1])]
        assert all((row.event, "451" in row.reason) == ("refused", True) for row in rows.values())


@pytest.mark.parametrize("why", ["ConnectionRefusedError", "gaierror", "SSL"])
def test_addresses_that_cannot_be_reached_are_left_at_once(closed_port: int, why: str) -> None:
    sink = ListSink()
    with StillVenue(SYMBOL) as venue:
        there = {
            "ConnectionRefusedError": f"127.0.0.1:{closed_port}",
            "gaierror": "no-such-host.invalid",
            "SSL": venue.rest_url.partition("://")[2],  # speaks no TLS
        }[why]
        ws, rest = [f"wss://{there}", venue.ws_url], [f"https://{there}", venue.rest_url]
        with feeding(config_for(venue, ws=ws, rest=rest, **SLOW), sink) as feed:
            all_live(feed, within_s=SOON_S)
            until(lambda: len(told(sink)) == 2, "told")
        assert {(row.road, row.address) for row in told(sink)} == {("rest", rest[0]), ("stream", ws[0])}


def test_when_all_refuse_one_message_names_each_with_its_reason(closed_port: int) -> None:
    sink = ListSink()
    with StillVenue(SYMBOL) as venue, refusing(venue):
        ws = [f"{venue.ws_url}/one", f"ws://127.0.0.1:{closed_port}"]
        config = config_for(venue, ws=ws, rest=[venue.rest_url], backoff_cap_s=0.2)
        with feeding(config, sink) as feed:
            said = until(lambda: feed.status().last_error, "told")
            assert "no address serves us" in said
            for address, reason in zip(ws, ("451", "Connect"), strict=True):
                assert address in said
                assert reason in said
            until(lambda: len(venue.opened) > 5, "tried again and again")
            venue.refused_paths = ()
            all_live(feed)
            until(lambda: any(row.event == "reached" for row in told(sink)), "and serves again")
        assert [row.event for row in told(sink)].count("refused") == 2, "told once each, however often met"

    with StillVenue(SYMBOL) as venue, refusing(venue):
        rest = [f"{venue.rest_url}/geo", f"http://127.0.0.1:{closed_port}"]
        config = config_for(venue, ws=[venue.ws_url], rest=rest, backoff_cap_s=0.2)
        with feeding(config, ListSink()) as feed:
            until(lambda: "no address of loopback-spot serves us" in feed.status().last_error, "told")
            assert all(address in feed.status().last_error for address in rest)


@contextmanager
def banning(venue: StillVenue, seconds: float, status: int) -> Iterator[float]:
    """REST answers so until then; gives the moment, monotonic."""
    until_s = time.monotonic() + seconds

    def answer(_path: str, _query: dict[str, str]) -> Any:
        left_s = until_s - time.monotonic()
        wait = {"Retry-After": str(int(left_s) + 1)}
        return (status, {"code": -1003, "msg": "way too much"}, wait) if left_s > 0 else None

    venue.answer = answer
    yield until_s


@pytest.mark.parametrize("status", [418, 429])
def test_a_restart_asks_nothing_before_a_ban_is_over(tmp_path: Path, status: int) -> None:
    file, sink = tmp_path / "home" / "bans.json", ListSink()
    with StillVenue(SYMBOL) as venue, banning(venue, 5.0, status) as over_s:
        config = config_for(venue, ws=[venue.ws_url], rest=[venue.rest_url], bans_file=file)
        with feeding(config, sink) as feed:
            until(lambda: venue.requests and file.exists(), "banned")
            until(lambda: [row.event for row in told(sink)] == ["banned"], "told")
        asked = len(venue.requests)
        assert asked <= 2, "the listing and the clock"
        assert told(sink)[0].until_ns is not None
        with feeding(config, ListSink()) as feed:
            until(is_live(feed, SYMBOL), "LIVE when it is over")
        assert venue.requests[asked][0] > over_s, "a restart asks nothing before"


def test_a_process_that_runs_beside_heeds_the_ban_as_well(tmp_path: Path) -> None:
    file = tmp_path / "bans.json"
    with StillVenue(SYMBOL) as venue:
        config = config_for(
            venue, ws=[venue.ws_url], rest=[venue.rest_url], bans_file=file, clock_every_s=0.1
        )
        with feeding(config, ListSink()) as first, feeding(config, ListSink()) as second:
            all_live(first)
            all_live(second)
            with banning(venue, 300.0, 418):
                until(file.exists, "one of them was banned")
                asked = len(venue.requests)
                for feed in (first, second):
                    until(lambda f=feed: "no request weight" in f.status().last_error, "both know")
                assert len(venue.requests) <= asked + 1, "one may have been on its way"
