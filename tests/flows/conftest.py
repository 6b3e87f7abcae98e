"""A private Prefect server and a built-in venue for tests that need real ones, started once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from leadline.flows.local.prefect_server import PrefectServer
from leadline.tasks.loopback.base.options import Options
from leadline.tasks.loopback.threaded import ThreadedVenue, run_in_thread


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """A server in a process of its own; tests may stop it and start it again on the same port."""
    with pytest.MonkeyPatch.context() as patch:
        # Schedules are looked at every minute unless told otherwise.
        patch.setenv("PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS", "3")
        # What a person set for a server of their own does not open ours.
        patch.setenv("PREFECT_SERVER_CORS_ALLOWED_ORIGINS", "*")
        patch.setenv("PREFECT_UI_API_URL", "https://prefect.example/api")
        running = PrefectServer(tmp_path_factory.mktemp("server"))
        running.start()
        yield running
        running.stop()


@pytest.fixture(scope="session")
def venue() -> Iterator[ThreadedVenue]:
    with run_in_thread(Options(symbols=("BTCUSDT", "ETHUSDT", "币安人生USDT"))) as running:
        yield running


@pytest.fixture
def stream_env(server: PrefectServer, venue: ThreadedVenue, tmp_path: Path) -> dict[str, str]:
    """An environment in which every process uses that server, that venue and ``tmp_path``."""
    from tests.flows.commands import environ

    return environ(
        **server.environ,
        LEADLINE_DB=str(tmp_path / "x.duckdb"),
        LEADLINE_HOME=str(tmp_path / "home"),
        LEADLINE_VENUE="loopback",
        LEADLINE_SYMBOLS="BTCUSDT,ETHUSDT",
        LEADLINE_WS_URL=venue.ws_url,
        LEADLINE_REST_URL=venue.rest_url,
        LEADLINE_SNAPSHOT_EVERY_S="1",
        LEADLINE_SNAPSHOT_TIMEOUT_S="3",
        LEADLINE_STATS_EVERY_S="1",
    )
