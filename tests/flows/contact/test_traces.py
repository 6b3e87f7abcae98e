"""Nothing that says who or where somebody is survives; what the venue says of itself does."""

from __future__ import annotations

import ipaddress
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadline.flows.contact.traces import Traces

HOME, USERS = "/" + "home", "/" + "Users"
TRACES = Traces(names=("build-host.corp.example", "build-host", "annabel"), paths=(f"{HOME}/annabel/data",))
WORDS = st.text(string.ascii_letters + string.digits + " .,:;()'", max_size=40)
SECRETS = st.one_of(
    st.ip_addresses().map(str),
    st.sampled_from(["annabel", "build-host", "BUILD-HOST.corp.example", f"{HOME}/annabel/data/x.duckdb"]),
    st.sampled_from(
        [f"{USERS}/bob/x", "C:\\Users\\bob", f"{HOME}/bob/.leadline", "http://annabel:pw@10.1.2.3:8080"]
    ),
    st.sampled_from(["https://proxy.corp.example:3128/x", "socks5://build-host:1080"]),
    st.text(string.ascii_letters + string.digits, min_size=40, max_size=64),  # as long as a key
)


@settings(deadline=None)
@given(WORDS, SECRETS, WORDS)
def test_no_secret_survives(before: str, secret: str, after: str) -> None:
    told = TRACES.without(f"{before} {secret} {after}")
    assert secret not in told.partition("<")[2] if secret in before + after else secret not in told


@settings(deadline=None)
@given(st.ip_addresses(v=4), st.integers(1, 65_535))
def test_an_address_with_its_port_goes_whole(address: ipaddress.IPv4Address, port: int) -> None:
    assert TRACES.without(f"('{address}', {port})").startswith("('<address>'")
    assert TRACES.without(f"at {address}:{port}.") == "at <address>."


@pytest.mark.parametrize(
    "text",
    [
        "time {} at https://api.binance.com: ConnectError",
        "wss://fstream.binance.com/market/stream (2 streams): 404",
        "expected 50380430426, got 50380430328",
        "61837.64 with tickSize 0.01",
        "received 8.0 ms after, at 12:34:56 UTC",
        "503 {\"code\":-1001,\"msg\":\"Internal error\"}",
        "v5/market/orderbook: limit up to 1000; /public and /market",
        "btcusdt@depth@100ms",
    ],
)  # fmt: skip
def test_what_the_venue_says_of_itself_stays(text: str) -> None:
    assert TRACES.without(text) == text


def test_an_address_of_somebody_else_goes() -> None:
    assert TRACES.without("at https://me:pw@api.binance.com/x now") == "at <address> now"
    assert TRACES.without("at http://127.0.0.1:4200/api now") == "at <address> now"
    assert TRACES.without("wss://mirror.example/ws?key=1") == "<address>"


def test_names_of_this_machine_and_its_proxies_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "desk-7.office.example")
    found = Traces.here({"https_proxy": "http://bob:hunter22@gate.example:3128", "no_proxy": "localhost"})
    told = found.without("bob:hunter22 on desk-7 (desk-7.office.example) by gate.example, not localhost")
    assert told == "<name>:<name> on <name> (<name>) by <name>, not localhost"
