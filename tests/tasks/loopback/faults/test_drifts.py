"""Messages, answers and addresses that are other than their documents say."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from leadline.book.errors import BadInput
from leadline.tasks.loopback import LoopbackVenue, Options
from leadline.tasks.loopback.base.faults import Fault, FaultKind
from leadline.tasks.loopback.faults import drifts

MESSAGE = {"u": 7, "p": "1.5", "b": [["1", "2"], ["3", "4"]], "data": {"E": 10}}


@pytest.mark.parametrize(
    ("changes", "path", "now"),
    [
        ({"drop": ["data.E"]}, ["data"], {}),
        ({"rename": {"u": "v"}}, ["v"], 7),
        ({"set": {"data.z": 1}}, ["data", "z"], 1),
        ({"set": {"b.*.1": "9"}}, ["b"], [["1", "9"], ["3", "9"]]),
        ({"set": {"b.0": []}}, ["b"], [[], ["3", "4"]]),
        ({"text": ["u"]}, ["u"], "7"),
        ({"add": {"u": 3}}, ["u"], 10),
        ({"add": {"p": 1}}, ["p"], "2.5"),
        ({"scale": {"data.E": 1000}}, ["data", "E"], 10_000),
        ({"cut": {"b": 1}}, ["b"], [["1", "2"]]),
        ({"add": {"no.such.path": 1}}, ["u"], 7),
    ],
)
def test_a_message_is_changed_where_a_path_leads(
    changes: drifts.Changes, path: list[str], now: Any
) -> None:
    found: Any = json.loads(drifts.drifted(json.dumps(MESSAGE).encode(), changes))
    for step in path:
        found = found[step]
    assert found == now


def test_what_is_no_json_stays() -> None:
    assert drifts.drifted(b"<html>", {"drop": ["a"]}) == b"<html>"


@pytest.mark.parametrize(
    ("stream", "text"),
    [("depth", ""), ("depth", "[]"), ("depth", '{"refuse": "/ws"}'), ("address", '{"drop": []}')],
)  # fmt: skip
def test_an_order_that_cannot_be_carried_out_is_refused(stream: str, text: str) -> None:
    with pytest.raises(BadInput, match="drift: text is a JSON object of"):
        drifts.read(stream, text)


async def test_answers_and_headers_drift_as_often_as_told_and_are_in_the_ledger() -> None:
    async with (
        LoopbackVenue(Options(symbols=("BTCUSDT",), levels=50)) as venue,
        httpx.AsyncClient(base_url=venue.rest_url) as http,
    ):
        entry = venue.inject(
            Fault(FaultKind.DRIFT, stream="rest/time", text='{"rename": {"serverTime": "t"}}')
        )
        venue.inject(Fault(FaultKind.DRIFT, stream="headers", text='{"drop": ["X-MBX-USED-WEIGHT-1M"]}'))
        first, second = [await http.get("/api/v3/time") for _ in range(2)]
        assert (list(first.json()), list(second.json())) == (["t"], ["serverTime"])
        assert ["x-mbx-used-weight-1m" in one.headers for one in (first, second)] == [False, True]
        assert (entry.done, len(entry.hits)) == (True, 1)
        venue.inject(Fault(FaultKind.DRIFT, stream="rest/time", n=9, text='{"drop": ["serverTime"]}'))
        venue.clear()
        assert list((await http.get("/api/v3/time")).json()) == ["serverTime"]
