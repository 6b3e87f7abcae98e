"""The venue as a program and in a thread, and faults drawn at random."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from contextlib import suppress

import httpx
import pytest
from websockets.sync.client import connect as connect_sync

from leadline.book.errors import BadInput
from leadline.tasks.loopback import Fault, FaultKind, Options, run_in_thread
from leadline.tasks.loopback.__main__ import faults, options, parser
from leadline.tasks.loopback.base.faults import SILENT_FAULTS
from leadline.tasks.loopback.faults.random_faults import CHOICES
from tests.tasks.loopback.conftest import connect, open_venue, take

PROGRAM = [sys.executable, "-m", "leadline.tasks.loopback", "--symbols", "ETHUSDT", "--levels", "100"]


def start(*extra: str, **settings) -> subprocess.Popen[str]:
    return subprocess.Popen([*PROGRAM, *extra], stdout=subprocess.PIPE, text=True, **settings)


def test_it_says_where_it_is_and_ends_when_told():
    with start("--faults", '{"kind": "rest_5xx"}') as program:
        ready = json.loads(program.stdout.readline())
        assert ready["pid"] == program.pid
        assert httpx.get(ready["rest"] + "/api/v3/time").status_code == 503
        with connect_sync(ready["ws"] + "/ws/ethusdt@depth@100ms") as ws:
            assert json.loads(ws.recv(timeout=60))["s"] == "ETHUSDT"
            program.send_signal(signal.SIGTERM)
            assert program.wait(timeout=60) == 0
        assert program.stdout.read() == ""


def test_it_ends_with_its_parent():
    parent = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with start("--with-parent", str(parent.pid)) as program:
        json.loads(program.stdout.readline())
        parent.communicate(b"\n", timeout=60)
        assert program.wait(timeout=60) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--random-faults", "often"], "SEED,RATE"),
        (["--faults", "{"], "expected JSON"),
        (["--faults", '{"kind": "tea"}'], "tea"),
        (["--speed", "0"], "speed"),
        (["--recording", "nosuch.gz"], "nosuch.gz"),
    ],
)
def test_wrong_usage_is_2_and_one_line(arguments, message):
    done = subprocess.run([*PROGRAM, *arguments], capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_command_line_becomes_options():
    args = parser().parse_args(
        ["--symbols", "A, B", "--random-faults", "3,9.5", "--kind", "usdm", "--day-s", "7"]
    )
    made = options(args)
    assert made == Options(kind="usdm", symbols=("A", "B"), random_faults=(3, 9.5), day_s=7.0)
    orders = faults('[{"kind": "drop", "symbol": "A"}, {"kind": "cut"}]')
    assert [order.kind for order in orders] == [FaultKind.DROP, FaultKind.CUT]


def test_in_a_thread():
    threads = threading.active_count()
    with run_in_thread(Options(symbols=["ETHUSDT"], levels=100, speed=20.0)) as venue:
        with connect_sync(venue.ws_url + "/ws/ethusdt@depth@100ms") as ws:
            last = json.loads(ws.recv(timeout=60))
            entry = venue.inject(Fault("drop", "ETHUSDT"))
            assert entry["done"] is False
            while (each := json.loads(ws.recv(timeout=60)))["U"] == last["u"] + 1:
                last = each
            (line,) = venue.ledger()["faults"]
            assert line["hits"][0]["first_id"] == last["u"] + 1
            truth = venue.truth("ETHUSDT", each["u"])
            assert truth.last_id == each["u"]
            assert venue.status()["clients"] == 1
        with pytest.raises(BadInput, match="NOSUCH"):
            venue.truth("NOSUCH")
    assert threading.active_count() == threads
    with pytest.raises(httpx.ConnectError):
        httpx.get(venue.rest_url + "/api/v3/time")


def test_in_a_thread_what_cannot_start_is_raised():
    with pytest.raises(BadInput, match="speed"), run_in_thread(Options(speed=-1.0)):
        pass


async def test_random_faults_strike_and_the_venue_lives_on():
    async with open_venue(random_faults=(5, 60_000.0), speed=5.0) as venue:
        ledger = venue.ledger
        while len({entry.fault.kind for entry in ledger.entries}) < len(CHOICES):
            venue.pump()
        venue.random_faults = None
        venue.faults.clear()
        while True:
            with suppress(ConnectionRefusedError):  # for as long as the last refusal lasts
                async with connect(venue, "/ws/ethusdt@depth@100ms") as ws:
                    await take(ws, 2)
                    break


async def test_the_same_random_faults_for_the_same_seed():
    drawn = []
    for _ in range(2):
        async with open_venue(random_faults=(9, 0.001)) as venue:
            drawn.append([venue.random_faults._draw() for _ in range(50)])
    assert drawn[0] == drawn[1]


def test_all_but_the_unrecoverable_is_in_the_climate():
    left_out = SILENT_FAULTS | {FaultKind.SILENCE, FaultKind.REST_418, FaultKind.TICK_SIZE, FaultKind.SHOCK}
    left_out |= {FaultKind.LAG}  # it lasts as long as its connection
    left_out |= {FaultKind.RESTART, FaultKind.LISTING, FaultKind.DRIFT}  # their own tests order them
    assert {row[0] for row in CHOICES} == set(FaultKind) - left_out
