"""
Measure everything in one run and print one table: ``python -m bench --help``.

Ratios hold from machine to machine, figures do not; compare only what one run printed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Sequence

from bench import analysis, books, many, pipeline, table
from bench.measure import BenchFailed, Row

PARTS = ("books", "socket", "many", "analysis")
EPILOG = "example: python -m bench --only books; python -m bench --minutes 5"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parts asked for; 0 when all went through, 1 when one lost something or disagreed."""
    options = _options(arguments)
    sections: list[table.Section] = []
    failed: list[str] = []
    for part in options.only or PARTS:
        print(f"measuring: {part} …", file=sys.stderr)
        try:
            sections += _part(part, options)()
        except BenchFailed as exc:
            failed.append(f"{part}: {exc}")
            sections.append((part, [Row(f"FAILED: {exc}", "")]))
    if options.json:
        print(json.dumps({"rows": table.as_json(sections), "failed": failed}))
    else:
        table.show(sections, caption=f"Python {platform.python_version()}, {os.cpu_count()} processors")
    return 1 if failed else 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__, epilog=EPILOG)
    parser.add_argument("--only", choices=PARTS, action="append", help="this part only; may be repeated")
    parser.add_argument("--rounds", type=int, default=books.ROUNDS, help="rounds of books (default 5)")
    parser.add_argument("--seconds", type=float, default=10.0, help="each run of socket (default 10)")
    parser.add_argument("--rate", type=float, default=25_000.0, help="diffs a second (default 25000)")
    parser.add_argument("--minutes", type=float, default=1 / 3, help="length of many (default 20 s)")
    parser.add_argument("--symbols", type=int, default=300, help="symbols of many (default 300)")
    parser.add_argument(
        "--analyses", type=int, default=analysis.ANALYSES, help="of each prompt of analysis (default 50)"
    )
    parser.add_argument("--synthetic", action="store_true", help="no recording, even if there is one")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    return parser.parse_args(arguments)


def _part(part: str, options: argparse.Namespace) -> Callable[[], list[table.Section]]:
    if part == "books":
        return lambda: list(books.run(options.rounds, synthetic=options.synthetic))
    if part == "socket":
        return lambda: [
            (
                "loopback WebSocket -> book -> durable row",
                pipeline.run(options.seconds, options.rate, synthetic=options.synthetic),
            )
        ]
    if part == "analysis":
        return lambda: analysis.run(options.analyses)
    return lambda: [
        (
            f"{options.symbols} symbols at the venue's pace, {options.minutes * 60:.0f} s",
            many.run(options.minutes * 60, options.symbols),
        )
    ]


if __name__ == "__main__":
    sys.exit(main())
