"""
kill -9 while writing, again and again; after each, the store is held against witnesses outside it.

    python -m tests.drills.kill9 --times 20

A stream follows the loopback venue into one database. At a random moment it is killed, the file is
opened by a new owner, and then must hold: every acknowledged batch is there as it was; no batch is half
there; coverage ends exactly where data ends; books rebuilt at random ids equal the venue's. Then the
stream starts again on the same file. Prints a line per kill; ends with 1 if anything was wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from leadline.flows.config.settings import Settings, load
from leadline.flows.local.loopback import LoopbackProcess, running_loopback
from leadline.flows.local.prefect_server import PrefectServer
from leadline.storage.access.owner import Owner
from tests.drills.store_checks import (
    half_batches,
    loose_ends,
    lost_batches,
    read_witness,
    unacknowledged,
    wrong_books,
)

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "PEPEUSDT", "LL016USDT", "LL017USDT")
# Ten market seconds a second: transactions are longer, so that more kills fall into one.
MARKET = ("--speed", "10", "--history-s", "3000", "--weight-limit", "1000000", "--attempts", "100000")
FIRST_DIFFS_S = 120.0
LONGEST_LIFE_S = 3.0
BOOKS_EACH = 2  # rebuilt per symbol and kill

HEAD = "kill   after s   batches acked   +unacked     diffs      books   verdict"


class DrillFailed(Exception):
    """The drill itself could not go on; the message says why."""


@dataclass(slots=True)
class Drill:
    """One database, its witness, and what was found."""

    settings: Settings
    venue: LoopbackProcess
    rng: Random
    is_stream: bool
    complaints: list[str] = field(default_factory=list)
    unacknowledged: int = 0  # batches over all kills

    @property
    def witness(self) -> Path:
        """What was acknowledged."""
        return self.settings.home / "acknowledged.jsonl"

    def once(self, number: int) -> str:
        """Let the stream live, kill it, look; return the line for the table."""
        life_s = self._live_and_die()
        witness = read_witness(self.witness)
        with Owner(self.settings.db) as owner:
            con = owner.cursor()
            found = [*lost_batches(con, witness), *half_batches(con), *loose_ends(con)]
            books = list(wrong_books(con, self._truth, self.rng, BOOKS_EACH))
            found += [complaint for _, _, complaint in books if complaint]
            extra = unacknowledged(con, witness) - self.unacknowledged
            row = con.execute("SELECT count(*) FROM depth_diffs").fetchone()
        assert row is not None
        if not books:
            found.append("no book could be rebuilt")
        self.unacknowledged += extra
        self.complaints += [f"kill {number}: {one}" for one in found]
        verdict = "ok" if not found else f"{len(found)} WRONG"
        told = f"{number:4} {life_s:9.2f} {len(witness):15,} {extra:10}"
        return f"{told} {row[0]:9,} {len(books):10}   {verdict}"

    def _live_and_die(self) -> float:
        """Start the stream, kill it at a random moment after its first acknowledged diffs."""
        acked = len(read_witness(self.witness))
        log = (self.settings.home / "killed.log").open("ab")
        mode = ["stream"] if self.is_stream else []
        with log, self._process(mode, log.fileno()) as process:
            deadline = time.monotonic() + FIRST_DIFFS_S
            while not any(one.rows["diffs"] for one in read_witness(self.witness)[acked:]):
                self._ensure_running(process)
                if time.monotonic() > deadline:
                    raise DrillFailed(f"no diff was acknowledged within {FIRST_DIFFS_S:.0f} s")
                time.sleep(0.01)
            life_s = self.rng.uniform(0.0, LONGEST_LIFE_S)
            time.sleep(life_s)
            self._ensure_running(process)
            process.send_signal(signal.SIGKILL)
            process.wait()
        return life_s

    @staticmethod
    def _ensure_running(process: subprocess.Popen[bytes]) -> None:
        if process.poll() is not None:
            raise DrillFailed(f"the stream ended by itself with {process.returncode}")

    @contextlib.contextmanager
    def _process(self, mode: list[str], log: int) -> Iterator[subprocess.Popen[bytes]]:
        command = [sys.executable, "-m", "tests.drills.witnessed", str(self.witness), *mode]
        process = subprocess.Popen(
            command,
            env={**os.environ, **self._environment()},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def _environment(self) -> dict[str, str]:
        settings = self.settings
        return {
            "LEADLINE_DB": str(settings.db),
            "LEADLINE_HOME": str(settings.home),
            "LEADLINE_VENUE": settings.venue,
            "LEADLINE_SYMBOLS": ",".join(settings.symbols),
            "LEADLINE_WS_URL": self.venue.ws_url,
            "LEADLINE_REST_URL": self.venue.rest_url,
            "LEADLINE_SNAPSHOT_EVERY_S": "1",
        }

    def _truth(self, symbol: str, at_id: int) -> dict[str, object]:
        answer: dict[str, object] = self.venue.get("truth", symbol=symbol, id=str(at_id))
        return answer


@contextlib.contextmanager
def _prefect(home: Path, *, wanted: bool) -> Iterator[None]:
    """Keep one private Prefect server in ``home``; the streams find it there."""
    if not wanted:
        yield
        return
    server = PrefectServer(home)
    server.start()
    try:
        yield
    finally:
        server.stop()


def drill(folder: Path, *, times: int, seed: int, is_stream: bool) -> list[str]:
    """Kill so many times; return all complaints."""
    settings = replace(
        load({}), db=folder / "drill.duckdb", home=folder, venue="loopback-spot", symbols=SYMBOLS
    )
    print(HEAD, flush=True)
    with running_loopback(settings, *MARKET) as venue, _prefect(folder, wanted=is_stream):
        one = Drill(settings, venue, Random(seed), is_stream)
        for number in range(1, times + 1):
            print(one.once(number), flush=True)
    acked = len(read_witness(one.witness))
    print(f"{times} kills, {acked:,} batches acknowledged, {one.unacknowledged} stored without word of it")
    return one.complaints


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.drills.kill9", description=__doc__)
    parser.add_argument("--times", type=int, default=20, help="how many kills (default 20)")
    parser.add_argument("--seed", type=int, default=1, help="of the random moments (default 1)")
    parser.add_argument(
        "--parts", action="store_true", help="the stream's working parts only, without Prefect (faster)"
    )
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="leadline-drill-") as folder:
        try:
            complaints = drill(Path(folder), times=args.times, seed=args.seed, is_stream=not args.parts)
        except DrillFailed as exc:
            print(f"drill: {exc}", file=sys.stderr)
            for log in Path(folder).glob("*.log"):
                print(f"--- {log.name}\n{log.read_text(errors='replace')[-2000:]}", file=sys.stderr)
            return 2
    for complaint in complaints[:20]:
        print(complaint)
    print("nothing was lost" if not complaints else f"{len(complaints)} complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
