"""Automations on a real server: made once, kept as a person left them, and they fire."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.flows.commands import leadline
from tests.flows.prefect_ui.test_publisher import events, post, soon
from tests.flows.waiting import until

pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]
SHORT = dt.timedelta(seconds=10)  # Prefect's least for something that does not happen
LONGER = dt.timedelta(seconds=25)  # a busy server may be late to hear the second of two events


@pytest.fixture
def api_url(prefect_server: str) -> Iterator[str]:
    from leadline.flows.prefect_ui import alerts

    yield prefect_server
    alerts.remove()


def fired(api_url: str, name: str, about: str) -> list[dict[str, Any]]:
    """Return what an automation did about a resource."""
    return [
        event
        for event in events(api_url, "prefect.automation.triggered")
        if event["resource"]["prefect.resource.name"] == name and about in json.dumps(event)
    ]


async def in_place(api_url: str, **given: Any) -> None:
    """Put the automations in place and wait until the server heeds them, the last one among them."""
    from prefect.events import emit_event

    from leadline.flows.prefect_ui import alerts

    alerts.ensure(**given)
    probe = {"prefect.resource.id": f"leadline.budget.probe.{uuid4()}"}

    def is_heeded() -> list[dict[str, Any]]:
        emit_event(event="leadline.budget.spent", resource=probe)
        return fired(api_url, "leadline: budget spent", probe["prefect.resource.id"])

    await soon(is_heeded, "the automations are heeded")


async def test_they_are_made_once_and_stay_as_a_person_left_them(api_url: str) -> None:
    from prefect.client.orchestration import get_client

    from leadline.flows.prefect_ui import alerts

    assert {each.done for each in alerts.ensure()} == {"created"}
    assert {each.done for each in alerts.ensure()} == {"unchanged"}
    async with get_client() as client:
        (down,) = await client.read_automations_by_name("leadline: stream down")
        await client.pause_automation(down.id)
    again = {each.name: each for each in alerts.ensure(stale=dt.timedelta(minutes=2))}
    assert again["leadline: book stale for a minute"].done == "updated"
    assert (again["leadline: stream down"].done, again["leadline: stream down"].enabled) == (
        "unchanged",
        False,
    )
    made = post(api_url, "/automations/filter", {})
    assert sorted(each["name"] for each in made) == sorted(again)
    assert {each.done for each in alerts.remove()} == {"removed"}
    assert alerts.remove() == []


async def test_a_book_that_stays_stale_is_told_and_one_that_comes_back_is_not(api_url: str) -> None:
    from leadline.flows.prefect_ui.events import PrefectEvent, about_book, about_venue
    from leadline.flows.prefect_ui.publisher import OrderedEvents

    await in_place(api_url, stale=LONGER)
    ordered = OrderedEvents()
    for resource in (about_book("v", "GONE"), about_book("v", "BACK"), about_venue("w")):
        ordered.emit(PrefectEvent("leadline.stale", resource))
    ordered.emit(PrefectEvent("leadline.live", about_book("v", "BACK")))
    name = "leadline: book stale for a minute"
    await soon(lambda: fired(api_url, name, "leadline.book.v.GONE"), "the automation fired for the book")
    await soon(lambda: fired(api_url, name, "leadline.venue.w"), "and for the venue")
    assert not fired(api_url, name, "leadline.book.v.BACK")
    gone, back = (
        next(each for each in events(api_url, event) if each["resource"].get("leadline.symbol") == "BACK")
        for event in ("leadline.stale", "leadline.live")
    )
    assert back["follows"] == gone["id"]


async def test_a_spent_budget_is_told_once_an_hour(api_url: str) -> None:
    from prefect.events import emit_event

    await in_place(api_url)
    resource = {"prefect.resource.id": "leadline.budget.all.day", "prefect.resource.name": "all a day"}
    for _ in range(3):
        emit_event(event="leadline.budget.spent", resource=resource)
    name = "leadline: budget spent"
    await soon(lambda: fired(api_url, name, "leadline.budget.all.day"), "the automation fired")
    await soon(lambda: len(events(api_url, "leadline.budget.spent")) >= 3, "all three are there")
    assert len(fired(api_url, name, "leadline.budget.all.day")) == 1


async def test_a_crashed_stream_has_its_deployment_run(api_url: str) -> None:
    await in_place(api_url)
    flow = post(api_url, "/flows/", {"name": "stream-books"})["id"]
    deployment = post(api_url, "/deployments/", {"name": "stream-books", "flow_id": flow})["id"]
    made = post(api_url, f"/deployments/{deployment}/create_flow_run", {"state": {"type": "PENDING"}})
    for state in ("RUNNING", "CRASHED"):
        path = f"/flow_runs/{made['id']}/set_state"
        post(api_url, path, {"state": {"type": state, "name": state.title()}, "force": True})

    def started() -> list[dict[str, Any]]:
        automations = {"flow_runs": {"deployment_id": {"any_": [deployment]}}}
        runs: list[dict[str, Any]] = post(api_url, "/flow_runs/filter", automations)
        return [run for run in runs if run["id"] != made["id"]]

    (run,) = await soon(started, "the deployment runs")
    assert run["created_by"]["display_value"] == "leadline: stream down"
    httpx.delete(f"{api_url}/deployments/{deployment}")  # noqa: ASYNC210


async def test_a_stream_without_beat_is_crashed(api_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.events import emit_event

    from leadline.flows.prefect_ui import alerts

    monkeypatch.setattr(alerts, "BEATS", 0)
    monkeypatch.setattr(alerts, "SLACK", SHORT)
    await in_place(api_url)
    flow = post(api_url, "/flows/", {"name": "stream-books"})["id"]

    def run(name: str, *states: str) -> str:
        made = str(post(api_url, "/flow_runs/", {"flow_id": flow, "name": name})["id"])
        about = {"prefect.resource.id": f"prefect.flow-run.{made}", "prefect.resource.name": name}
        for state in states:
            body = {"state": {"type": state, "name": state.title()}, "force": True}
            post(api_url, f"/flow_runs/{made}/set_state", body)
            if state == "RUNNING":
                emit_event(event="leadline.stream.beat", resource=about)
                until(lambda: made in str(events(api_url, "leadline.stream.beat")), "the beat is there")
        return made

    def state(run_id: str) -> str:
        return str(httpx.get(f"{api_url}/flow_runs/{run_id}", timeout=60).json()["state"]["name"])

    ended, dead = run("ended", "RUNNING", "COMPLETED"), run("dead", "RUNNING")
    await soon(lambda: state(dead) == "Crashed", "the dead one is crashed")
    assert state(ended) == "Completed"
    assert not fired(api_url, "leadline: zombie run", ended)


def test_the_command_prints_what_it_did(
    api_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", api_url)
    first = leadline(capsys, "automations", "--json")
    assert first.code == 0, first.err
    assert {each["done"] for each in json.loads(first.out)} == {"created"}
    second = leadline(capsys, "automations")
    assert "leadline: stream down" in second.out
    assert "unchanged" in second.out
    wrong = leadline(capsys, "automations", "--notify", "slack-webhook/no-such")
    assert wrong.code == 1
    assert "slack-webhook/no-such" in wrong.err
    assert leadline(capsys, "automations", "--remove").code == 0


def test_without_an_api_it_says_what_to_do(
    tmp_path: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    monkeypatch.setenv("LEADLINE_HOME", str(tmp_path))
    said = leadline(capsys, "automations")
    assert said.code == 1
    assert "start one with leadline up" in said.err
