"""A stream tells people: pages in place, events, with a real server; and the server may be away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from leadline.flows.config.settings import Settings
from leadline.flows.prefect_ui.pages import Page
from leadline.tasks.loopback.base.faults import Fault, FaultKind
from leadline.tasks.loopback.threaded import ThreadedVenue
from tests.flows.waiting import until

T = TypeVar("T")
pytestmark = [pytest.mark.engine, pytest.mark.timeout(300)]


def post(api_url: str, path: str, body: dict[str, Any]) -> Any:
    """Ask as Prefect's client does: again while SQLite is busy."""

    def ask() -> httpx.Response | None:
        answer = httpx.post(f"{api_url}{path}", json=body, timeout=60)
        return None if answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE else answer

    answer = until(ask, f"{path} answers")
    assert answer is not None
    answer.raise_for_status()
    return answer.json()


def rows(api_url: str, key: str) -> list[dict[str, Any]]:
    asked = {"artifacts": {"key": {"any_": [key]}}}
    found: list[dict[str, Any]] = post(api_url, "/artifacts/filter", asked)
    return found


def latest(api_url: str, key: str) -> dict[str, Any] | None:
    found = post(api_url, "/artifacts/latest/filter", {"artifacts": {"key": {"any_": [key]}}})
    return found[0] if found else None


def events(api_url: str, prefix: str) -> list[dict[str, Any]]:
    asked = {"filter": {"event": {"prefix": [prefix]}}, "limit": 50}
    found: list[dict[str, Any]] = post(api_url, "/events/filter", asked)["events"]
    return found


def remove(api_url: str, artifact_id: str) -> None:
    httpx.delete(f"{api_url}/artifacts/{artifact_id}").raise_for_status()


async def soon(get: Callable[[], T], what: str) -> T:
    return await asyncio.to_thread(until, get, what, timeout_s=90)


async def test_a_hundred_updates_leave_one_row_and_the_newest_text(prefect_server: str) -> None:
    from leadline.flows.prefect_ui.artifacts import ArtifactStore

    store = ArtifactStore(None, is_long_lived=True)
    for n in range(100):
        await store.put([Page("hundred", f"update {n}", f"text {n}")])
    (row,) = rows(prefect_server, "hundred")
    assert (row["data"], row["description"]) == ("text 99", "update 99")
    shown = latest(prefect_server, "hundred")
    assert shown is not None
    assert (shown["latest_id"], shown["data"], shown["description"]) == (row["id"], "text 99", "update 99")
    # Nor do they come back as events with the page in them.
    about = [e["event"] for e in events(prefect_server, "prefect.artifact.") if row["id"] in str(e)]
    assert set(about) <= {"prefect.artifact.created"}


async def test_runs_that_come_and_go_share_the_row_of_the_day(prefect_server: str) -> None:
    from leadline.flows.prefect_ui.artifacts import show

    for n in range(3):
        await show([Page("shared", f"run {n}", f"text {n}")], None)
    (row,) = rows(prefect_server, "shared")
    assert row["data"] == "text 2"
    remove(prefect_server, row["id"])  # somebody tidied up
    await show([Page("shared", "again", "again")], None)
    assert [row["data"] for row in rows(prefect_server, "shared")] == ["again"]


async def test_a_row_that_was_tidied_away_is_made_anew(prefect_server: str) -> None:
    from leadline.flows.prefect_ui.artifacts import ArtifactStore

    store = ArtifactStore(None, is_long_lived=True)
    await store.put([Page("tidied", "", "one")])
    (row,) = rows(prefect_server, "tidied")
    remove(prefect_server, row["id"])
    await store.put([Page("tidied", "", "two")])
    assert [row["data"] for row in rows(prefect_server, "tidied")] == ["two"]


async def test_a_stream_shows_its_pages_and_tells_what_happens(
    venue: ThreadedVenue, tmp_path: Path, prefect_server: str
) -> None:
    from leadline.flows.stream import StreamSession, session_flow

    settings = Settings(
        db=tmp_path / "x.duckdb",
        home=tmp_path / "home",
        venue="loopback-spot",
        symbols=("BTCUSDT", "ETHUSDT"),
        ws_url=venue.ws_url,
        rest_url=venue.rest_url,
        snapshot_every_s=0.5,
        pages_every_s=1.0,
    )
    session = StreamSession(settings)
    run = asyncio.create_task(session_flow(session)(return_state=True))

    def page(key: str) -> dict[str, Any] | None:
        found = latest(prefect_server, key)
        return found if found and found["flow_run_id"] == session.flow_run_id else None

    first = await soon(lambda: page("leadline-health"), "the page is there")
    await soon(lambda: "2 of 2 books" in str((page("leadline-depth") or {}).get("description")), "depth")
    venue.inject(Fault(kind=FaultKind.DROP, symbol="ETHUSDT"))
    await soon(lambda: "1 gaps today" in str((page("leadline-health") or {}).get("description")), "a gap")
    session.stop.set()
    state = await run
    assert state.is_completed(), state

    def told() -> dict[str, dict[str, Any]] | None:
        ours = {
            f"{event['event']} {event['resource']['prefect.resource.id']}": event
            for event in events(prefect_server, "leadline.")
            if session.flow_run_id in str(event)
        }
        return ours if any(name.startswith("leadline.stream.stopped") for name in ours) else None

    heard = await soon(told, "the events have come")
    assert "leadline.stream.started leadline.venue.loopback-spot" in heard
    assert "leadline.live leadline.book.loopback-spot.BTCUSDT" in heard
    assert f"leadline.stream.beat prefect.flow-run.{session.flow_run_id}" in heard
    gap = heard["leadline.gap leadline.book.loopback-spot.ETHUSDT"]
    assert gap["resource"]["leadline.symbol"] == "ETHUSDT"
    assert "leadline.resynced leadline.book.loopback-spot.ETHUSDT" in heard
    assert heard["leadline.stream.stopped leadline.venue.loopback-spot"]["payload"]["why"] == "stopped"
    last = page("leadline-health")
    assert last is not None
    assert last["latest_id"] == first["latest_id"]  # written anew in place
