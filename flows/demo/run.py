"""
The demo: everything at once on the built-in venue, which misbehaves by plan, and then the proofs.

    built-in venue (child) ── faults by plan ──> stream flow (here) ──> demo.duckdb
    embedded model (child) <── questions ── analyze-signals (here) <──────┘
    private Prefect server (child) <── runs ────────┘
                    └────────────── asked afterwards, like the venue: is it so? ──> proofs
"""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from leadline.book.engine.factory import warm_up
from leadline.book.errors import LeadlineError
from leadline.book.rows.batch import DepthSample
from leadline.book.venues.registry import spec_of
from leadline.flows.config.settings import BadSetting, Settings
from leadline.flows.demo import proofs, signal_proofs
from leadline.flows.demo.prefect_proof import all_green
from leadline.flows.demo.proofs import Comparison, Proof, Truth, attempt
from leadline.flows.demo.signals import ROUND_S, Rounds, embedded_model
from leadline.flows.foreground.run import ForegroundStream
from leadline.flows.local.loopback import LoopbackProcess, running_loopback
from leadline.flows.local.prefect_server import login_said, prefect_api
from leadline.storage.access.connect import connect
from leadline.storage.access.owner import Owner
from leadline.storage.access.sql import Answer
from leadline.storage.errors import SchemaTooNew, SchemaTooOld
from leadline.storage.files.lockfile import LockFile, lock_holder
from leadline.storage.queries import everyday as queries
from leadline.storage.queries import invariants as audit
from leadline.tasks.net.errors import FeedStopped

SYMBOLS = ("BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT", "XRPUSDT", "DOGEUSDT", "ADAUSDT", "币安人生USDT")
# Two lost sessions, five gaps and the start want full seeds for eight symbols within a minute or less;
# the venue's own budget of 6000 would make the later ones wait or be small.
CHOSEN: dict[str, Any] = {
    "symbols": SYMBOLS,
    "weight_per_minute": 60_000,
    "snapshot_every_s": 2.5,
    "stats_every_s": 1.0,
    "pages_every_s": 5.0,
    # Only the embedded model is asked: no key is used, even where one is set.
    "llm_base_url": None,
    "llm_models": (),
    "llm_prompt": "auto",
    "llm_deadline_s": 25.0,
    "analyze_every_s": 15.0,
    # Shocks are told as events; the embedded model has enough to do, and a key that is set stays unused.
    "shock_analysis": "off",
}
# Share of the time, and what the venue does then. Between two that harm the same book there is time to
# heal; the last part is calm, so that the live books can be compared.
PLAN: tuple[tuple[float, dict[str, Any]], ...] = (
    (0.12, {"kind": "drop", "symbol": "BTCUSDT", "n": 1}),
    (0.18, {"kind": "duplicate", "symbol": "ETHUSDT", "n": 3}),
    (0.24, {"kind": "reorder", "symbol": "SOLUSDT", "n": 1}),
    (0.30, {"kind": "cut"}),
    (0.42, {"kind": "late_snapshot", "symbol": "BNBUSDT", "seconds": 0.7}),
    (0.42, {"kind": "drop", "symbol": "BNBUSDT", "n": 4}),
    (0.46, {"kind": "garbage"}),
    (0.50, {"kind": "crossed", "symbol": "XRPUSDT", "n": 1}),
    (0.54, {"kind": "rest_5xx", "symbol": "DOGEUSDT", "n": 1}),
    (0.54, {"kind": "drop", "symbol": "DOGEUSDT", "n": 2}),
    (0.60, {"kind": "shutdown", "seconds": 0.5}),
    (0.72, {"kind": "drop", "symbol": "币安人生USDT", "n": 1}),
    (0.76, {"kind": "duplicate", "symbol": "ADAUSDT", "stream": "bookTicker", "n": 2}),
)
INVITATION = """\
streaming {n} symbols into {db} for {seconds:g} s; Prefect's UI: {ui}
  ({login})
  in a second shell, while it runs:
    leadline sql --db {db} "FROM book_events ORDER BY ts DESC LIMIT 5"
    leadline book BTCUSDT --db {db}
    leadline signals --db {db} --watch"""
DEMO_VENUE = "loopback-spot"
ALL_LEVELS = 1_000_000
CALM_S = 30.0  # may be added at the end until every book is live and enough symbols have signals
HISTORY_S = 600.0  # market time for which the venue remembers its books


@dataclass(slots=True)
class Demo:
    """One demo; `run` it, then look at ``proofs``."""

    settings: Settings
    seconds: float
    seed: int
    say: Callable[[str], None]
    proofs: list[Proof] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    latencies: dict[str, Any] = field(default_factory=dict)
    signals: Answer = field(default_factory=lambda: Answer((), []))
    ui_url: str = ""
    step: str = "starting"
    stream: ForegroundStream | None = None
    _plan: list[tuple[float, dict[str, Any]]] = field(default_factory=lambda: list(PLAN))
    _live: list[DepthSample] | None = None
    _rounds: Rounds | None = None
    _began: float = 0.0

    def run(self, tick: Callable[[], None]) -> bool:
        """Stream, prove, clean up; return whether every proof held. ``tick`` is called all the while."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(only_demo(self.settings.home))
            fresh(self.settings.db)
            self.step = "starting venue and Prefect"
            compiling = threading.Thread(target=warm_up, args=(spec_of(self.settings.venue),), daemon=True)
            compiling.start()
            venue = stack.enter_context(self._venue())
            api_url = stack.enter_context(
                prefect_api(self.settings.home, say=self.say, tick=tick, private=True)
            )
            self.ui_url = api_url.removesuffix("/api")
            self.step = "starting the embedded model"
            self._rounds = Rounds(stack.enter_context(embedded_model(self.settings, self.say)))
            stack.callback(self._rounds.end)
            self.step = "compiling the books"
            while compiling.is_alive():
                tick()
                time.sleep(0.1)
            self.say(self._invitation())
            self.step = "streaming"
            self.stream = ForegroundStream(
                replace(
                    self.settings,
                    ws_url=venue.ws_url,
                    rest_url=venue.rest_url,
                    rotate_s=self.seconds + 2 * CALM_S + ROUND_S,
                )
            )
            name, message = self.stream.run(lambda: self._turn(venue, tick))
            if self._live is None:
                raise LeadlineError(f"stopped early ({name}: {message}); nothing was proved")
            self.step = "proving"
            self._prove(venue, api_url, tick)
        return all(proof.holds for proof in self.proofs)

    def _venue(self) -> contextlib.AbstractContextManager[LoopbackProcess]:
        history_s = min(self.seconds + CALM_S + ROUND_S + 30, HISTORY_S)
        return running_loopback(self.settings, "--seed", str(self.seed), "--history-s", str(history_s))

    def _invitation(self) -> str:
        db, n = self.settings.db, len(self.settings.symbols)
        return INVITATION.format(
            db=db, n=n, seconds=self.seconds, ui=self.ui_url, login=login_said(self.settings.home)
        )

    def _turn(self, venue: LoopbackProcess, tick: Callable[[], None]) -> None:
        """Do what the plan says for this moment; at the end, look at the live books and stop."""
        tick()
        assert self.stream is not None
        assert self._rounds is not None
        host = self.stream.session.host
        if host is None or self._live is not None:
            return
        try:
            status = host.status()
        except FeedStopped:
            return
        everyone = status.feed.live == len(self.settings.symbols)
        if not self._began:
            if everyone:
                self._began = time.monotonic()
                self._rounds.start()
            return
        elapsed = time.monotonic() - self._began
        while self._plan and elapsed >= self._plan[0][0] * self.seconds:
            venue.inject(self._plan.pop(0)[1])
        over = elapsed - self.seconds
        if over >= 0 and (self._rounds.is_enough or over > CALM_S):
            self._rounds.end()
        answered = self._rounds.is_over or over > CALM_S + ROUND_S
        if over >= 0 and answered and (everyone or over > CALM_S):
            self._live = host.feed.sample(ALL_LEVELS, self.settings.snapshot_bands_bps, store=False)
            self.stream.stop()

    def _prove(self, venue: LoopbackProcess, api_url: str, tick: Callable[[], None]) -> None:
        """Put every claim to the test."""
        assert self.stream is not None
        assert self.stream.session.host is not None
        assert self._rounds is not None
        host, live, rounds = self.stream.session.host, self._live or [], self._rounds
        truth, ledger = Truth(venue), venue.get("ledger")
        since = dt.datetime.now(dt.UTC).replace(tzinfo=None) - dt.timedelta(seconds=HISTORY_S - 60)
        counted = host.status().rows
        with connect(self.settings.db) as con:
            self.rows = queries.row_counts(con)
            self.latencies = audit.latencies(con)
            self.signals = queries.latest_signals(con, self.settings.symbols)
            spec = spec_of(self.settings.venue)
            certified = proofs.Certified(con, self.settings.venue)
            tests: Sequence[tuple[str, Callable[[], Proof]]] = (
                ("live books", lambda: proofs.live_books(Comparison(truth, certified), host.markets, live)),
                (
                    "rebuilt books",
                    lambda: proofs.rebuilt_books(con, Comparison(truth, certified), since, self.seed),
                ),
                ("gaps", lambda: proofs.gaps(con, ledger)),
                ("crossed", lambda: proofs.crossed(con, ledger)),
                ("tiling", lambda: proofs.tiling(con)),
                ("samples", lambda: proofs.samples(con, truth, since)),
                (
                    "tickers",
                    lambda: (
                        proofs.tickers(con, since, self.seed) if spec.same_ids else proofs.attested(con)
                    ),
                ),
                ("rows", lambda: proofs.durable(counted, self.rows)),
                ("signals", lambda: signal_proofs.signals(con, truth, rounds)),
                ("spend", lambda: signal_proofs.spend(con, self.settings, asked=rounds.asks_model)),
            )
            for claim, test in tests:
                tick()
                self.proofs.append(attempt(claim, test))
        run_id = self.stream.session.flow_run_id
        self.proofs.append(attempt("Prefect", lambda: all_green(api_url, run_id, tick=tick)))


class DemoRuns(LeadlineError):
    """Another demo runs in this home folder; the two would share a database and a Prefect server."""


@contextlib.contextmanager
def only_demo(home: Path) -> Iterator[None]:
    """Keep other demos out of this home folder; raises `DemoRuns` where one runs."""
    lock = LockFile(home / "demo.lock")
    if not lock.take():
        pid = lock_holder(lock.path)
        raise DemoRuns(
            f"process {pid} runs a demo in {home} already; "
            "wait until it ends, or start this one in another folder"
        )
    try:
        yield
    finally:
        lock.release()


def demo_venue(settings: Settings, *, asked: bool) -> str:
    """Return the built-in venue to demonstrate on; raises `BadSetting` where another was ``asked`` for."""
    if settings.is_loopback:
        return settings.venue
    if asked:
        raise BadSetting(f"venue: the demo runs on a built-in one, loopback-…, got {settings.venue}")
    return DEMO_VENUE


def fresh(db: Path) -> None:
    """
    Remove the database of an earlier demo.

    Raises `StoreOwned` while a stream writes it, and `NotAStore`, without touching it, for another's file.
    """
    with contextlib.suppress(SchemaTooNew, SchemaTooOld):
        Owner(db).close()
    for suffix in ("", ".wal", ".quack.json"):
        db.with_name(db.name + suffix).unlink(missing_ok=True)
