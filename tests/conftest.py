"""Fixtures of all tests: the Prefect test server, started only if a test marked ``engine`` runs."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from tests.demo import DemoRun, make_demo

SERVER_START_S = 120


def pytest_configure() -> None:
    """Let programs that tests start hear Ctrl-C, also where a shell's ``&`` made us deaf to it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the API address of one throw-away Prefect server for the whole session."""
    # Prefect reads its environment when it is imported, so this comes first.
    os.environ["PREFECT_HOME"] = str(tmp_path_factory.mktemp("prefect-home"))
    os.environ["DO_NOT_TRACK"] = "1"
    os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
    from prefect.settings import PREFECT_API_URL
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=SERVER_START_S):
        yield str(PREFECT_API_URL.value())


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> DemoRun:
    """Give the folder, words and database of one short demo; nobody writes to it."""
    return make_demo(tmp_path_factory.mktemp("clone") / "leadline")


@pytest.fixture(autouse=True)
def _engine(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("engine"):
        request.getfixturevalue("prefect_server")
