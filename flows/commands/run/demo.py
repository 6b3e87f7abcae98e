"""``leadline demo``: everything on the built-in venue, and the proofs as a table."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict, replace
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from leadline.flows.commands.common.flags import settings_of
from leadline.flows.commands.common.starting import ready_home
from leadline.flows.config.settings import DEFAULT_DB, DEMO_DB
from leadline.flows.demo.proofs import Proof
from leadline.flows.demo.run import CHOSEN, Demo, demo_venue
from leadline.flows.foreground.picture import StreamPicture
from leadline.flows.render.tables import table_lines
from leadline.flows.terminal.console import json_to_stdout, to_stderr, to_stdout
from leadline.flows.terminal.progress import Progress
from leadline.flows.terminal.screen import Screen
from leadline.storage.access.sql import Answer

MS_ABOVE_US = 10_000
SHOWN = ("symbol", "model", "outcome", "direction", "confidence", "latency_ms", "cost_usd")


def run(args: argparse.Namespace) -> int:
    """Run the demo and print the proofs; 1 if one fails."""
    settings = settings_of(args)
    ready_home(settings.home)
    db = DEMO_DB if settings.db == DEFAULT_DB else settings.db
    venue = demo_venue(settings, asked=args.venue is not None)
    settings = replace(settings, db=db, venue=venue, **CHOSEN)
    demo = Demo(settings, args.seconds, args.seed, to_stderr)
    picture: StreamPicture | None = None

    def shown() -> StreamPicture | None:
        nonlocal picture
        if picture is None and demo.stream is not None:
            picture = StreamPicture(demo.stream.session, settings)
        return picture

    def draw() -> RenderableType:
        step = Text(f"demo: {demo.step} …", style="bold")
        inner = shown() if demo.step == "streaming" else None
        return step if inner is None else Group(step, inner.draw())

    def line() -> str:
        inner = shown() if demo.step == "streaming" else None
        return f"demo: {demo.step}" if inner is None else f"demo: {inner.line()}"

    with Progress(draw, after_s=0.3, line=line) as progress:
        holds = demo.run(progress.tick)
    if args.json:
        proofs = [asdict(proof) for proof in demo.proofs]
        figures = {"rows": demo.rows, "latencies": demo.latencies, "db": str(db)}
        json_to_stdout({"holds": holds, "proofs": proofs, **figures})
    else:
        _print(demo, db=str(db))
    return 0 if holds else 1


def _print(demo: Demo, *, db: str) -> None:
    console = Screen(soft_wrap=True, highlight=False)
    for proof in demo.proofs:
        console.print(_line(proof))
    late = demo.latencies
    to_stdout(["", *table_lines(SHOWN, _latest(demo.signals))])
    to_stdout(
        [
            "",
            f"rows     {', '.join(f'{n:,} {table}' for table, n in demo.rows.items() if n)}",
            f"late     receive to book {_us(late, 'to_book')}, to durable row {_us(late, 'to_durable')}; "
            "p50 / p99 of the usual second",
            f"try      leadline sql --db {db}",
            f"         leadline book BTCUSDT --db {db}",
            f"         leadline signals --db {db}",
            f"         leadline spend --db {db}",
            f'         leadline sql --db {db} "FROM latest_signals"',
            f"         leadline report --db {db}      (one page with all of it)",
        ]
    )
    failed = sum(not proof.holds for proof in demo.proofs)
    to_stderr(
        f"{failed} of {len(demo.proofs)} proofs failed" if failed else f"all {len(demo.proofs)} proofs hold"
    )


def _latest(signals: Answer) -> list[list[Any]]:
    """Return the newest decision of each model on each symbol; baselines only where ok."""
    rows = [row for row in signals.dicts() if row["kind"] == "llm" or row["outcome"] == "ok"]
    return [
        [row[name] if name != "confidence" else _rounded(row[name]) for name in SHOWN[:5]]
        + [row["latency_ms"] and round(row["latency_ms"]), row["cost_usd"]]
        for row in rows
    ]


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 2)


def _line(proof: Proof) -> Text:
    mark, colour = ("✔", "green") if proof.holds else ("✘", "red")
    if not (sys.stdout.encoding or "").lower().startswith("utf"):
        mark = "ok " if proof.holds else "NO "
    return Text.assemble((f"{mark} ", colour), (f"{proof.claim}  ", "bold"), (proof.figures, "dim"))


def _us(late: dict[str, float | None], stage: str) -> str:
    p50, p99 = late.get(f"usual_{stage}_p50_us"), late.get(f"usual_{stage}_p99_us")
    if p50 is None or p99 is None:
        return "not measured"
    if p99 >= MS_ABOVE_US:
        return f"{p50 / 1000:,.0f} / {p99 / 1000:,.0f} ms"
    return f"{p50:,.0f} / {p99:,.0f} µs"
