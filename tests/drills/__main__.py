"""
Drills with real processes: loopback venue, Prefect server, worker, stream. Prints a scorecard.

    python -m tests.drills                        all, with an outage of ten minutes (some 45 minutes)
    python -m tests.drills handover two           two of them
    python -m tests.drills outage --outage-s 30   a shorter one
    python -m tests.drills --json > card.json

Ends with 0 if everything is as promised, 1 if something is not, 2 if a drill could not go on. Kills at
random moments, held against a witness outside the database: python -m tests.drills.kill9
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.drills import days, faulting, growth, plays, shocks, turns
from tests.drills.scorecard import Card, Score, lines
from tests.drills.stage import Stage, stage

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "PEPEUSDT")
CALM = ("--weight-limit", "1000000", "--attempts", "100000")
LOAD = (*CALM, "--speed", "10", "--history-s", "1200")
EVERY_S = 20.0  # the schedule in the drill of kills; prefect.yaml says what it is otherwise
STREAM_THEIR_OWN = {"subflows", "shocks"}

Play = Callable[[Stage, Card], None]


def drills(args: argparse.Namespace) -> dict[str, tuple[Play | None, tuple[str, ...]]]:
    """Return every drill and the market it needs; days and faults need neither a stage nor Prefect."""
    return {
        "outage": (lambda s, c: plays.outage(s, c, seconds=args.outage_s), CALM),
        "kills": (lambda s, c: plays.kills(s, c, times=args.times, every_s=EVERY_S), CALM),
        "stops": (plays.stops, CALM),
        "handover": (lambda s, c: plays.handover(s, c, times=args.times), LOAD),
        "rotation": (lambda s, c: turns.rotation(s, c, times=args.times), LOAD),
        "here": (turns.here, LOAD),
        "away": (turns.away, CALM),
        "growth": (lambda s, c: growth.growth(s, c, runs=args.runs), CALM),
        "two": (plays.two, CALM),
        "days": (None, ()),
        "shocks": (shocks.shocks, CALM),
        "faults": (None, ()),
        "subflows": (lambda s, c: plays.subflows(s, c, runs=args.runs), LOAD),
    }


def run(name: str, play: Play | None, market: tuple[str, ...], *, count: int) -> tuple[list[Score], str]:
    """Run one drill on a stage of its own; return its scores, and why it could not go on."""
    card, failed = Card(name), ""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="leadline-drill-", ignore_cleanup_errors=True) as folder:
        try:
            if play is None:
                if name == "faults":
                    faulting.play(Path(folder), card)
                else:
                    days.play(Path(folder), card, days=count)
                return card.scores, failed
            with stage(Path(folder), symbols=SYMBOLS, market=market) as here:
                if name not in STREAM_THEIR_OWN:
                    here.deploy(every_s=None, names=("stream-books", plays.SAMPLES))
                    here.start_worker()
                play(here, card)
        except Exception as exc:  # noqa: BLE001 - the other drills can still be done
            failed = f"{type(exc).__name__}: {exc}"
            for log in sorted(Path(folder).glob("*.log")):
                print(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}", file=sys.stderr)
    card.note("took, s", time.monotonic() - began)
    return card.scores, failed


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.drills",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="DRILL",
        help="outage kills stops handover rotation here away growth two days shocks faults subflows",
    )
    parser.add_argument("--outage-s", type=float, default=600.0, metavar="S", help="server away (600)")
    parser.add_argument("--times", type=int, default=3, metavar="N", help="kills and handovers each (3)")
    parser.add_argument("--days", type=int, default=30, metavar="N", help="compressed days (30)")
    parser.add_argument("--runs", type=int, default=200, metavar="N", help="sub-flow runs (200)")
    parser.add_argument("--json", action="store_true", help="print the scorecard as json")
    args = parser.parse_args()
    known = drills(args)
    if unknown := [name for name in args.names if name not in known]:
        parser.error(f"there is no drill {unknown[0]!r}; known are {', '.join(known)}")
    scores: list[Score] = []
    stuck: dict[str, str] = {}
    for name in args.names or known:
        print(f"drill {name} …", file=sys.stderr, flush=True)
        found, failed = run(name, *known[name], count=args.days)
        scores += found
        print("\n".join(lines(found)), file=sys.stderr, flush=True)  # whatever becomes of the others
        if failed:
            stuck[name] = failed
            print(f"drill {name} could not go on: {failed}", file=sys.stderr)
    if args.json:
        print(
            json.dumps({"scores": [dataclasses.asdict(each) for each in scores], "stuck": stuck}, indent=1)
        )
    else:
        print("\n".join(lines(scores)))
    if stuck:
        return 2
    return 0 if all(each.ok for each in scores) else 1


if __name__ == "__main__":
    sys.exit(main())
