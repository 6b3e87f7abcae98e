"""The feed's work as Prefect tasks: run by a flow against the test server, seen as a person sees it."""

from __future__ import annotations

import pytest

from leadline.tasks.loopback import Fault, Options, run_in_thread
from tests.tasks.feeding import ListSink, all_live, assert_true_book, config_for, feeding, until

pytestmark = pytest.mark.engine


async def test_needs_met_by_tasks_are_named_after_symbol_and_reason() -> None:
    from prefect import flow
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
    from prefect.runtime import flow_run

    from leadline.tasks.prefect_tasks import see_to

    with (
        run_in_thread(Options(count=1, speed=4)) as venue,
        feeding(config_for(venue), ListSink(), host_grace_s=60) as feed,
    ):
        symbol = venue.symbols[0]

        @flow
        async def host() -> str:
            for _ in range(2):  # connect, first seed
                need = until(feed.needs.get, "a need")
                assert await see_to(feed, need)
                assert not await see_to(feed, need), "it is taken"
            venue.inject(Fault("rest_5xx", symbol, n=2))  # the task's own retries get over these
            venue.inject(Fault("drop", symbol))
            need = until(feed.needs.get, "the gap's need")
            assert await see_to(feed, need)
            return str(flow_run.get_id())

        run_id = await host()
        all_live(feed)
        assert_true_book(feed, venue, symbol)
        assert feed.status().sessions == 1
        gap = next(
            hit for entry in venue.ledger()["faults"] if entry["kind"] == "drop" for hit in entry["hits"]
        )

        names = ["connect loopback-spot (first connection)", f"resync {symbol} (first seed)"]
        names.append(f"resync {symbol} (gap: expected {gap['first_id']}, got {gap['last_id'] + 1})")
        async with get_client() as client:
            seen: dict[str, str] = {}
            for _ in range(200):  # task runs reach the server as events, a little later
                runs = await client.read_task_runs(
                    flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[run_id]))
                )
                seen = {run.name: run.state_name for run in runs}
                if set(seen) == set(names) and set(seen.values()) == {"Completed"}:
                    break
            assert seen == dict.fromkeys(names, "Completed")
            assert max(run.run_count for run in runs) == 3


async def test_what_retries_cannot_do_goes_back_to_the_feed() -> None:
    from prefect import flow

    from leadline.tasks import prefect_tasks as retried

    with (
        run_in_thread(Options(count=1, speed=4)) as venue,
        feeding(config_for(venue), ListSink(), host_grace_s=60) as feed,
    ):
        venue.inject(Fault("rest_garbage", code=451, n=1_000))

        @flow
        async def host() -> bool:
            need = until(feed.needs.get, "a need")
            met = await retried.see_to(feed, need)
            assert need.attempt == 1, "permanent: not tried again by the task"
            assert "does not serve this location" in need.last_error
            until(lambda: need.attempt > 1, "the feed goes on by itself")
            return met

        assert not await host()
