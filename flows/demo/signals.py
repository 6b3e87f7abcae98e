"""
Signals of the demo: the embedded model in a child, asked about a few books at a time while they stream.

    LIVE ── some seconds ──> analyze-signals for two symbols ── pause ──> for the next two … ──> the end

Each round is a run of the flow in a thread with a loop of its own, so that neither the feed nor the
picture waits for it. Without the embedded model the baselines speak alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

from leadline.book.errors import LeadlineError
from leadline.flows.config.settings import Settings
from leadline.storage.signals.rows import Decision
from leadline.tasks.llm.embedded.model import PLUMBING, LocalModel, find_shared
from leadline.tasks.llm.protocol.errors import ModelError

WANTED = 2  # symbols that the model should have answered for
AT_ONCE = 2  # symbols a round: an answer takes the model one to two CPU seconds
FIRST_S = 8.0  # a book must have been trusted for ten seconds before anything is said of it
PAUSE_S = 1.5
ROUND_S = 55.0  # two answers of a machine that has much else to do


@contextlib.contextmanager
def embedded_model(settings: Settings, say: Callable[[str], None]) -> Iterator[Settings]:
    """Start the embedded model, to be shared; yield the settings with it, or those that ask nobody."""
    try:
        shared = find_shared(settings.home, gguf=settings.local_gguf)
        model = None if shared else LocalModel(settings.home, gguf=settings.local_gguf, share=True)
    except ModelError as exc:
        say(f"signals: no embedded model, the baselines speak alone: {exc}")
        yield replace(settings, llm_provider="none")
        return
    with model or contextlib.nullcontext():
        say(f"signals: {settings.local_gguf or 'SmolLM2-135M'}, a {PLUMBING}")
        yield replace(settings, llm_provider="local")


class Rounds:
    """Runs of ``analyze-signals`` one after another; ``decided`` is what they wrote, in that order."""

    def __init__(self, settings: Settings) -> None:
        self.decided: list[Decision] = []
        self.failed: list[str] = []
        self.runs = 0
        self.asks_model = settings.llm_provider != "none"
        self._settings = settings
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="leadline-signals", daemon=True)

    def start(self) -> None:
        """Begin, once the books are LIVE."""
        self._thread.start()

    def end(self) -> None:
        """Begin no further round."""
        self._end.set()

    @property
    def is_over(self) -> bool:
        """Whether nothing is under way and nothing will be."""
        return self._end.is_set() and not self._thread.is_alive()

    @property
    def is_enough(self) -> bool:
        """Whether as many symbols as wanted have what can be had."""
        kind = "llm" if self.asks_model else "baseline"
        told = {one.symbol for one in self.decided if one.kind == kind and one.outcome == "ok"}
        return len(told) >= min(WANTED, len(self._settings.symbols))

    def _run(self) -> None:
        # Imported here, because Prefect reads its settings when it is imported: not before its server is
        # up.
        analyze = importlib.import_module("leadline.flows.analyze")
        try:
            asyncio.run(self._rounds(analyze.analysis_flow(self._settings, self.decided)))
        except Exception as exc:  # noqa: BLE001 - the outermost frame of a thread; the proof reports it
            self.failed.append(f"{type(exc).__name__}: {exc}")

    async def _rounds(self, analyze_signals: Callable[..., object]) -> None:
        symbols = list(self._settings.symbols)
        await asyncio.to_thread(self._end.wait, FIRST_S)
        while not self._end.is_set():
            chosen, symbols = symbols[:AT_ONCE], [*symbols[AT_ONCE:], *symbols[:AT_ONCE]]
            try:
                async with asyncio.timeout(ROUND_S):
                    state = await analyze_signals(  # type: ignore[misc]
                        db=str(self._settings.db), symbols=chosen, return_state=True
                    )
                if not state.is_completed():
                    self.failed.append(f"{' '.join(chosen)}: {state.name}: {state.message}")
            except TimeoutError:
                pass  # a slow machine; what it had asked is in the ledger
            except LeadlineError as exc:
                self.failed.append(f"{' '.join(chosen)}: {exc}")
            self.runs += 1
            await asyncio.to_thread(self._end.wait, PAUSE_S)
