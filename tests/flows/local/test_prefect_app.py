"""What a page of another site, and another user of the machine, can do with a private Prefect server."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from leadline.flows.local.prefect_server import PrefectServer, authorization
from tests.flows.commands import environ
from tests.flows.waiting import until

pytestmark = pytest.mark.slow
EVIL = "https://evil.example"
OPEN = {"/api/health", "/api/ready"}  # whether it runs is no secret
TELLS = """
import asyncio
from prefect.logging.configuration import setup_logging
setup_logging()  # as a run, a worker and a command do
from prefect.events import Event
from prefect.events.clients import get_events_client

async def tell():
    async with get_events_client() as client:
        await client.emit(Event(event="a.test", resource={"prefect.resource.id": "a.test"}))

asyncio.run(tell())
print("told")
"""
SOCKETS = ("events/in", "events/out", "logs/out", "task_runs/subscriptions/scheduled")


@pytest.fixture
def stranger(server: PrefectServer) -> Iterator[httpx.Client]:
    """Somebody who knows the address and no log-in."""
    with httpx.Client(base_url=server.ui_url, trust_env=False, timeout=60) as client:
        yield client


@pytest.fixture
def friend(server: PrefectServer) -> Iterator[httpx.Client]:
    headers = authorization(server.environ)
    with httpx.Client(base_url=server.ui_url, headers=headers, trust_env=False, timeout=60) as client:
        yield client


def test_no_route_answers_without_the_log_in(stranger: httpx.Client, friend: httpx.Client) -> None:
    routes = [
        (method.upper(), "/api" + re.sub(r"{\w+}", "x", path))
        for path, methods in friend.get("/api/openapi.json").json()["paths"].items()
        for method in methods
    ]
    assert len(routes) > 150
    assert {path for _, path in routes} > OPEN
    answered = {
        (method, path): stranger.request(method, path).status_code
        for method, path in routes
        if path not in OPEN
    }
    assert set(answered.values()) == {401}, {route for route, status in answered.items() if status != 401}
    for words in ("Basic", "Basic Og==", "Basic " + "x" * 20, "Bearer x", "Basic bGVhZGxpbmU6"):
        refused = stranger.post("/api/flows/filter", json={}, headers={"Authorization": words})
        assert refused.status_code == 401, words
    assert friend.post("/api/flows/filter", json={}).status_code == 200
    assert {stranger.get(path).status_code for path in OPEN} == {200}


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example", "localhost.", "127.0.0.2", "0:{port}",
     "127.0.0.1@evil.example", "www.localhost", ""],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/", "/api/health", "/api/admin/version", "/ui-settings", "/v2/"])
def test_another_host_is_refused(server: PrefectServer, friend: httpx.Client, host: str, path: str) -> None:
    answer = friend.get(path, headers={"Host": host.format(port=server.port)})
    assert answer.status_code == 400
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:{port}", "localhost:{port}", "LOCALHOST"])
def test_its_own_hosts_are_not(server: PrefectServer, friend: httpx.Client, host: str) -> None:
    answer = friend.get("/api/admin/version", headers={"Host": host.format(port=server.port)})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "origin", [EVIL, "null", "http://127.0.0.1", "http://localhost:1", "https://{own}"]
)
def test_a_page_of_another_origin_gets_no_leave(
    server: PrefectServer, stranger: httpx.Client, friend: httpx.Client, origin: str
) -> None:
    origin = origin.format(own=f"127.0.0.1:{server.port}")
    asks = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    asks["Access-Control-Request-Headers"] = "authorization,content-type"
    preflight = stranger.options("/api/deployments/", headers=asks)
    assert preflight.status_code == 400
    # A form needs no leave to send; it may not act, nor may its page read.
    form = {"Origin": origin, "Content-Type": "text/plain"}
    sent = stranger.post("/api/flows/", content='{"name": "evil"}', headers=form)
    assert sent.status_code == 401
    read = friend.post("/api/flows/filter", json={"limit": 200}, headers={"Origin": origin})
    assert "evil" not in {flow["name"] for flow in read.json()}
    for answer in (preflight, sent, read):
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_its_own_page_gets_in_by_both_names(
    server: PrefectServer, stranger: httpx.Client, friend: httpx.Client, host: str
) -> None:
    """Prefect's page logs in by trying /admin/version with what was typed, and keeps it for every call."""
    origin = f"http://{host}:{server.port}"
    settings = stranger.get("/ui-settings", headers={"Host": f"{host}:{server.port}"}).json()
    assert settings["auth"] == "BASIC"
    assert settings["api_url"] == server.api_url
    for path in ("/", "/v2/", "/v2/login"):
        page = stranger.get(path, headers={"Host": f"{host}:{server.port}", "Accept": "text/html"})
        assert page.status_code in {200, 307}
    asks = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    asks["Access-Control-Request-Headers"] = "authorization,content-type,x-prefect-ui"
    assert (
        stranger.options("/api/flows/filter", headers=asks).headers["access-control-allow-origin"] == origin
    )
    assert stranger.get("/api/admin/version", headers={"Origin": origin}).status_code == 401
    read = friend.get("/api/admin/version", headers={"Origin": origin})
    assert (read.status_code, read.headers["access-control-allow-origin"]) == (200, origin)


@contextmanager
def opened(server: PrefectServer, path: str, **more: str) -> Iterator[ClientConnection]:
    url = server.api_url.replace("http", "ws", 1) + f"/{path}"
    protocols = [Subprotocol("prefect")]
    with connect(url, subprotocols=protocols, additional_headers=more, proxy=None) as socket:
        yield socket


@pytest.mark.parametrize("path", SOCKETS)
def test_a_socket_wants_the_log_in_too(server: PrefectServer, path: str) -> None:
    right = server.environ["PREFECT_API_AUTH_STRING"]
    for token in (None, "", "leadline:", right[:-1]):
        with opened(server, path, Origin=EVIL) as socket:
            socket.send(json.dumps({"type": "auth", "token": token}))
            with pytest.raises(ConnectionClosed):
                socket.recv(timeout=60)
    with opened(server, path) as socket:
        socket.send(json.dumps({"type": "auth", "token": right}))
        assert json.loads(socket.recv(timeout=60)) == {"type": "auth_success"}
    with pytest.raises(InvalidStatus, match="400"), opened(server, path, Host="evil.example"):
        pass


def test_prefects_own_client_tells_events_and_logs_no_log_in(
    server: PrefectServer, friend: httpx.Client
) -> None:
    loud = environ(PREFECT_LOGGING_ROOT_LEVEL="DEBUG", PREFECT_LOGGING_LEVEL="DEBUG")
    ran = subprocess.run(
        [sys.executable, "-c", TELLS],
        env={**loud, **server.environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stdout == "told\n", ran.stderr
    header = authorization(server.environ)["Authorization"].partition(" ")[2]
    for secret in (server.environ["PREFECT_API_AUTH_STRING"], header):
        assert secret not in ran.stderr

    def arrived() -> bool:
        asked = {"filter": {"event": {"prefix": ["a.test"]}}}
        return bool(friend.post("/api/events/filter", json=asked).json()["events"])

    until(arrived, "the event is there")
