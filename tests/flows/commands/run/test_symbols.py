"""``leadline symbols``: the list, and changes that a running stream acts on."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from leadline.storage.access.connect import connect
from leadline.storage.access.owner import Owner
from leadline.storage.errors import StoreError
from leadline.storage.queries.everyday import symbol_states
from leadline.storage.symbols.watchlist import words
from tests.flows.commands import Said, finish, leadline, start
from tests.flows.waiting import until


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Owner(tmp_path / "leadline.duckdb").close()
    return tmp_path / "leadline.duckdb"


def test_without_a_stream_the_word_is_kept_for_the_next(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = leadline(capsys, "symbols", "add", "solusdt", "BNBUSDT")
    assert (said.code, said.err) == (0, "no stream writes leadline.duckdb; its next one has them\n")
    assert leadline(capsys, "symbols", "drop", "BNBUSDT").code == 0
    with connect(store) as con:
        found = words(con, "binance-spot")
    assert {symbol: word.is_wanted for symbol, word in found.items()} == {"SOLUSDT": True, "BNBUSDT": False}
    assert found["SOLUSDT"].who.endswith("(leadline symbols)")
    listed = leadline(capsys, "symbols", "--json")
    assert (listed.code, json.loads(listed.out)) == (0, [])


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (("add",), "symbols add: expected one or more symbols"),
        (("add", "BTC/USDT"), "expected symbols of letters and digits, not 'BTC/USDT'"),
        (("list", "BTCUSDT"), "symbols BTCUSDT: expected add or drop before names"),
    ],
)
def test_wrong_usage(
    store: Path, capsys: pytest.CaptureFixture[str], argv: tuple[str, ...], expected: str
) -> None:
    said = leadline(capsys, "symbols", *argv)
    assert said.code == 2
    assert expected in said.err


@pytest.fixture
def streaming(stream_env: dict[str, str], tmp_path: Path) -> Iterator[dict[str, str]]:
    process = start(tmp_path, "stream", "--symbols", "BTCUSDT", env=stream_env)
    try:
        until(lambda: "LIVE" in states(tmp_path / "x.duckdb").values(), "LIVE", timeout_s=90)
        yield stream_env
    finally:
        process.send_signal(signal.SIGINT)
        said = finish(process)
    assert said.code == 0, said.err


def states(db: Path) -> dict[str, str]:
    try:
        with connect(db) as con:
            return {row["symbol"]: row["state"] for row in symbol_states(con).dicts()}
    except (StoreError, OSError):
        return {}


@pytest.mark.engine
def test_a_running_stream_adds_and_drops(streaming: dict[str, str], tmp_path: Path) -> None:
    def symbols(*argv: str) -> Said:
        return finish(start(tmp_path, "symbols", *argv, env=streaming))

    added = symbols("add", "ETHUSDT", "--wait", "60")
    assert (added.code, added.err.split()[:2]) == (0, ["ETHUSDT", "LIVE"]), added.err
    typo = symbols("add", "ETHUSTD", "--wait", "60")
    assert typo.code == 1
    assert "ETHUSTD  UNLISTED  loopback-spot does not list ETHUSTD; did you mean ETHUSDT?" in typo.err
    dropped = symbols("drop", "ETHUSDT", "ETHUSTD", "--wait", "60")
    assert dropped.code == 0, dropped.err
    assert states(tmp_path / "x.duckdb") == {
        "BTCUSDT": "LIVE",
        "ETHUSDT": "DROPPED",
        "ETHUSTD": "DROPPED",
    }
    listed = symbols("--json")
    assert {row["symbol"]: row["state"] for row in json.loads(listed.out)}["ETHUSDT"] == "DROPPED"
    with connect(tmp_path / "x.duckdb") as con:
        others = con.execute("SELECT count(*) FROM coverage WHERE symbol = 'BTCUSDT'").fetchall()
    assert others == [(1,)]
