"""
Silent faults on the real recordings: how many are found by attestation, and how soon. Prints a table.

    python -m tests.drills.silent_faults                  200 of each kind on each recording (seven minutes)
    python -m tests.drills.silent_faults --trials 50 --json

A book is made wrong behind the sequence check; nothing but the venue's book tickers, and a crossed top,
can show it. It is found when it becomes SUSPECT or is discarded. The true book stands beside the wrong one
and tells how many left a level wrong at all, and of how many a ticker ever spoke before that level was set
anew: no check of tickers can find more. Other words of the venue are made of the true book, as no recording
holds them: the best 20 levels ten times a second, of which those found are counted, and 1,000 levels a side
by REST once a minute.

Ends with 1 if a clean recording disagrees anywhere, if a fault was missed that a ticker spoke of, or if
fewer than 171 of 200 lost events on spot BTC are found or the median takes longer than 0.5 s; with 2
where the recordings are missing.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict

from bench.frames import FOLDER
from tests.book.evidence import Seen, Witnesses
from tests.book.silent_faults import SOURCES, WITHIN_S, Share, SilentFault, play_clean, read, trials

LEAST_SHARE, MOST_MEDIAN_S = 171 / 200, 0.5


def study(name: str, count: int, seed: int) -> dict[str, object]:
    """Play one recording clean, then with faults."""
    source = SOURCES[name]
    lines = read(FOLDER / source.name)
    player, witnesses = play_clean(source, lines), Witnesses.of(source, lines)
    equal_ids, bracketed, misses, unchecked = player.tally
    faults = {}
    for fault in SilentFault:
        results = trials(source, lines, fault, count, seed=seed, listings=witnesses.listings)
        seen = Seen.of([witnesses.first_seen(one.at, one.wrong) for one in results])
        wrong = sum(any(one.wrong) for one in results)
        more = {"wrong": wrong, "found_by_depth20": sum(one.with_depth20 for one in results)}
        faults[str(fault)] = asdict(Share.of(results)) | more | asdict(seen)
    return {
        "recording": name,
        "equal_ids": equal_ids,
        "bracketed": bracketed,
        "false_alarms": misses,
        "unchecked": unchecked,
        "is_complete": equal_ids == source.equal_ids and player.found is None,
        "faults": faults,
    }


def table(studies: list[dict[str, object]]) -> list[str]:
    """Write the figures as a table of Markdown."""
    rows = [
        "| recording | fault | injected | left a level wrong | a ticker spoke | found | of them crossed "
        "| median s | p90 s | with depth20 a word spoke | found | and REST 1,000 |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for one in studies:
        rows.append(
            f"| {one['recording']} | none | | | {one['equal_ids']} equal ids and {one['bracketed']} "
            f"bracketed agree | {one['false_alarms']} false alarms | | | | | | |"
        )
        faults = one["faults"]
        assert isinstance(faults, dict)
        for fault, share in faults.items():
            times = ["" if share[key] is None else f"{share[key]:.3f}" for key in ("median_s", "p90_s")]
            counts = [share[key] for key in ("trials", "wrong", "by_ticker", "found", "by_crossing")]
            both = share["found"] + share["found_by_depth20"]
            cells = [fault, *counts, *times, share["with_depth20"], both, share["with_rest"]]
            rows.append(f"| | {' | '.join(map(str, cells))} |")
    return rows


def is_promised(studies: list[dict[str, object]]) -> bool:
    """Tell whether the figures are as promised."""
    clean = all(one["is_complete"] and not one["false_alarms"] for one in studies)
    every = [share for one in studies for share in one["faults"].values()]  # type: ignore[attr-defined]
    lost = next(one["faults"] for one in studies if one["recording"] == "spot BTC")
    assert isinstance(lost, dict)
    share = lost[SilentFault.LOST_EVENT]
    return bool(
        clean
        and all(one["found"] >= one["by_ticker"] for one in every)
        and share["found"] >= LEAST_SHARE * share["trials"]
        and share["median_s"] <= MOST_MEDIAN_S
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.drills.silent_faults",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--trials", type=int, default=200, metavar="N", help="of each kind (200)")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="which diffs are hit (1)")
    parser.add_argument("--json", action="store_true", help="print the figures as json")
    args = parser.parse_args()
    if missing := [source.name for source in SOURCES.values() if not (FOLDER / source.name).exists()]:
        print(f"{missing[0]} is not in {FOLDER}; set LEADLINE_RECORDINGS to its folder", file=sys.stderr)
        return 2
    studies = [study(name, args.trials, args.seed) for name in SOURCES]
    if args.json:
        print(json.dumps(studies, indent=1))
    else:
        print("\n".join(table(studies)))
        print(
            f"\nWithin {WITHIN_S:.0f} s each. Where no ticker spoke, the level was set anew before it was "
            "the top. The last three columns add partial depth, and then snapshots."
        )
    return 0 if is_promised(studies) else 1


if __name__ == "__main__":
    sys.exit(main())
