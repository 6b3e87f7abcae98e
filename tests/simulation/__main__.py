"""
Simulate lives: ``python -m tests.simulation --seeds 1-2000``, or one again: ``--seed 17 --shrink``.

Results go to a file, a line for each life; seeds that this code has lived already are not lived again.
Exit 1 if a promise was broken, 2 for a usage error.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from functools import partial
from pathlib import Path

from tests.simulation import report
from tests.simulation.grammar import Plan, draw_plan
from tests.simulation.report import ROOT, Result

RESULTS = ROOT / ".simulation" / "results.jsonl"
HASH_SEED = "0"  # sets of texts are walked in an order that depends on it
LIVES_A_PROCESS = 40


def main(argv: list[str] | None = None) -> int:
    """Do what the command line says."""
    args = _arguments().parse_args(argv)
    if os.environ.get("PYTHONHASHSEED") != HASH_SEED:
        env = {**os.environ, "PYTHONHASHSEED": HASH_SEED}
        os.execve(sys.executable, [sys.executable, "-m", "tests.simulation", *(argv or sys.argv[1:])], env)
    if args.seed is not None or args.plan is not None:
        return _one(args)
    return _many(args)


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=_span, default=(1, 200), help="such as 1-2000 (default 1-200)")
    parser.add_argument("--seed", type=int, help="live one seed, and say what happened")
    parser.add_argument("--plan", type=Path, help="live a plan from a file, as --shrink leaves one")
    parser.add_argument("--short", action="store_true", help="short lives, as in make test")
    parser.add_argument("--every", action="store_true", help="ask every promise, also those that are off")
    parser.add_argument("--shrink", action="store_true", help="with --seed or --plan: make the story small")
    parser.add_argument(
        "--log", action="store_true", help="with --seed or --plan: print the log of the life"
    )
    parser.add_argument(
        "--keep", type=Path, help="with --seed or --plan: leave the databases in this folder"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (default: cores)")
    parser.add_argument(
        "--results", type=Path, default=RESULTS, help="file of results, a line for each life"
    )
    return parser


def _span(text: str) -> tuple[int, int]:
    first, _, last = text.partition("-")
    try:
        span = int(first), int(last or first)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected FIRST-LAST such as 1-2000, got {text!r}") from None
    if not 0 <= span[0] <= span[1]:
        raise argparse.ArgumentTypeError(f"expected FIRST-LAST such as 1-2000, got {text!r}")
    return span


def _many(args: argparse.Namespace) -> int:
    from tests.simulation.lives import live_seed
    from tests.simulation.promises import off

    code = report.code_hash() + ("-every" if args.every else "")
    known = report.read(args.results, code)
    seeds = range(args.seeds[0], args.seeds[1] + 1)
    left = [seed for seed in seeds if (seed, args.short) not in known]
    if len(left) < len(seeds):
        print(f"{len(seeds) - len(left):,} of {len(seeds):,} lives were lived before; going on", flush=True)
    live = partial(live_seed, code=code, is_short=args.short, every=args.every)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(args.jobs, mp_context=spawn, max_tasks_per_child=LIVES_A_PROCESS) as pool:
        for done in as_completed([pool.submit(live, seed) for seed in left]):
            result = done.result()
            report.append(args.results, result)
            known[result.seed, args.short] = result
            print(result.words(), flush=True)
            if result.broken:
                print(_complaints(result), flush=True)
    results = [known[seed, args.short] for seed in seeds]
    print(report.totals(results, off()))
    return int(any(result.broken for result in results))


def _complaints(result: Result) -> str:
    lines = [f"    {name}: {said}" for name, complaints in result.broken.items() for said in complaints]
    return "\n".join([*lines, f"    again: {_command(result.seed, is_short=result.is_short)}"])


def _command(seed: int, *, is_short: bool) -> str:
    return f".venv/bin/python -m tests.simulation --seed {seed}{' --short' if is_short else ''} --shrink"


def _one(args: argparse.Namespace) -> int:
    from tests.simulation.lives import live_one
    from tests.simulation.shrink import shrink

    if args.plan is not None:
        plan = Plan.from_json(json.loads(args.plan.read_text(encoding="utf-8")))
    else:
        plan = draw_plan(args.seed, is_short=args.short)
    live = partial(live_one, code="", is_short=args.short, every=args.every)
    print(plan.words())
    result, log = live(plan, keep=args.keep)
    if args.log:
        print("\n".join(log))
    print(result.words())
    print(f"log {result.fingerprint}")
    if not result.broken:
        return 0
    print(_complaints(result))
    if args.shrink:
        wanted = set(result.broken)
        small = shrink(plan, lambda less: bool(wanted & set(live(less)[0].broken)))
        path = ROOT / ".simulation" / f"seed-{plan.seed}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(small.as_json(), indent=1), encoding="utf-8")
        print(f"\nThe same with less ({len(plan.moves)} moves, now {len(small.moves)}):\n{small.words()}")
        print(_complaints(replace(live(small)[0], seed=plan.seed)))
        print(
            f"    the small one again: .venv/bin/python -m tests.simulation --plan {path.relative_to(ROOT)}"
        )
    return 1


if __name__ == "__main__":
    sys.exit(main())
