"""Runs one fault against a real server, with the real ledger on disk, and says what came of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from leadline.storage.access.connect import Connection, connect
from leadline.storage.spend import prices
from leadline.storage.spend.journal import Journal
from leadline.tasks.llm.client import ModelClient
from leadline.tasks.llm.profiles import HOLYSHEEP, ModelTraits, Provider
from leadline.tasks.llm.protocol.request import Message, ModelReply, ModelRequest, Route
from leadline.tasks.llm.secret import Key
from leadline.tasks.net.clock import SYSTEM_CLOCK
from tests.storage.spend.plans import price
from tests.tasks.llm.faults import ANSWERED, CANARY, Fault
from tests.tasks.llm.scripted import ScriptedServer

MESSAGES = (
    Message("system", "You judge order books. Imbalance is in -1..1."),
    Message("user", "BTCUSDT: imbalance -0.77, spread 1.2 bps, trade flow -0.66."),
)
SLACK_S = 10.0  # past a deadline, for a machine with other things to do; a hang is longer
PLAIN = {"plain-1": ModelTraits(capability="plain")}


@dataclass(frozen=True, slots=True)
class FaultResult:
    """What one fault led to."""

    fault: Fault
    reply: ModelReply
    calls: int
    rows: list[dict[str, Any]]  # of llm_calls
    waited_s: float  # between the first and the last request
    seconds: float

    @property
    def booked_usd(self) -> Decimal:
        """What the ledger counts: the cost, or the hold where none is known."""
        return sum((self._counts(row) for row in self.rows), Decimal(0))

    @property
    def holds(self) -> list[dict[str, Any]]:
        return [row for row in self.rows if row["cost_usd"] is None or row["cost_source"] == "hold"]

    @property
    def estimates(self) -> list[dict[str, Any]]:
        return [row for row in self.rows if row["usage_source"] == "estimated"]

    def wrong(self) -> list[str]:
        """Say what is not as the table wants it."""
        fault, reply = self.fault, self.reply
        attempts = fault.calls if fault.attempts is None else fault.attempts
        exact = fault.answers * ANSWERED + fault.usd
        unsure = sum((self._counts(row) for row in (*self.holds, *self.estimates)), Decimal(0))
        checks = {
            "outcome": (reply.outcome, fault.outcome),
            "answer": (reply.answer is not None, fault.outcome == "ok"),
            "calls": (self.calls, fault.calls),
            "attempts": ((len(self.rows), reply.totals.attempts), (attempts, attempts)),
            "holds": (len(self.holds), fault.holds),
            "estimates": (len(self.estimates), fault.estimates),
            "dollars": (self.booked_usd - unsure, exact),
            "never under way": ([row["state"] for row in self.rows], ["settled"] * attempts),
            "asked": (reply.asked.model, fault.asked),
            "capability": (reply.capability, fault.capability or reply.capability),
        }
        wrong = [f"{what}: {got}, not {want}" for what, (got, want) in checks.items() if got != want]
        if fault.reason not in (reply.reason or ""):
            wrong.append(f"reason: {reply.reason}, without {fault.reason!r}")
        if self.waited_s < fault.waits_s:
            wrong.append(f"waited {self.waited_s:.2f} s, not {fault.waits_s}")
        if self.seconds > fault.deadline_s + SLACK_S:
            wrong.append(f"took {self.seconds:.1f} s, deadline {fault.deadline_s}")
        if any(self._counts(row) > row["held_usd"] for row in self.estimates):
            wrong.append("an estimate above its hold")
        return wrong

    @staticmethod
    def _counts(row: dict[str, Any]) -> Decimal:
        return Decimal(row["held_usd"] if row["cost_usd"] is None else row["cost_usd"])


class FaultStage:
    """A ledger on disk for any number of faults."""

    def __init__(self, folder: Path, con: Connection) -> None:
        self.folder = folder
        self.db = folder / "faults.duckdb"
        self._con = con

    async def run(self, fault: Fault) -> FaultResult:
        signal_id = fault.name
        home = self.folder / fault.name.replace(" ", "-").replace("/", "-")
        async with ScriptedServer(*fault.steps) as server:
            changes = {"base_url": server.base_url, "requests_per_s": 1_000, **fault.profile}
            profile = replace(HOLYSHEEP, models={**HOLYSHEEP.models, **PLAIN}, **changes)
            with Journal(self.db, default_usd_per_day=fault.day_usd) as journal:
                client = ModelClient(
                    [Provider(profile, Key(CANARY, "HOLYSHEEP_API_KEY"))], journal,
                    home=home, clock=SYSTEM_CLOCK, rng=Random(1), first_wait_s=0.02,
                )  # fmt: skip
                began_s = time.monotonic()
                async with client:
                    reply = await client.complete(
                        ModelRequest(
                            signal_id=signal_id, flow="analyze-signals", symbol="BTCUSDT",
                            messages=MESSAGES,
                            routes=tuple(Route("holysheep", model) for model in fault.models),
                            max_tokens=100, deadline_s=fault.deadline_s,
                        )
                    )  # fmt: skip
                seconds = time.monotonic() - began_s
        waited_s = server.seen[-1].at_s - server.seen[0].at_s if server.seen else 0.0
        return FaultResult(fault, reply, server.calls, self.rows(signal_id), waited_s, seconds)

    def rows(self, signal_id: str) -> list[dict[str, Any]]:
        found = self._con.execute(
            "SELECT * FROM llm_calls WHERE signal_id = $id ORDER BY seq", {"id": signal_id}
        )
        names = [column[0] for column in found.description or ()]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


@contextmanager
def fault_stage(folder: Path) -> Iterator[FaultStage]:
    """Open a ledger with the prices of the price book, and one for a model of the table."""
    with connect(folder / "faults.duckdb", write=True) as con:
        prices.seed(con)
        prices.load(con, [price("holysheep", "plain-1", input=Decimal(8), output=Decimal(8))])
        yield FaultStage(folder, con)
