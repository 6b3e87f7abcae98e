"""``leadline symbols``: where each symbol stands; add some to a stream, or drop them, while it runs."""

from __future__ import annotations

import argparse
import datetime as dt
import time
from collections.abc import Sequence
from typing import Any

from leadline.book.venues.common.listing import ListingState
from leadline.flows.commands.common.flags import settings_of
from leadline.flows.commands.common.output import show
from leadline.flows.commands.common.reading import database
from leadline.flows.config.settings import BadSetting, Settings
from leadline.flows.render.tables import json_of, table_lines
from leadline.flows.terminal.console import to_stderr, user_name
from leadline.flows.terminal.progress import LineProgress
from leadline.storage.access.connect import connect
from leadline.storage.handover.requests import holder_pid
from leadline.storage.queries.everyday import symbol_states
from leadline.storage.symbols.watchlist import say

LOOK_S = 0.2
REFUSED = frozenset(map(str, (ListingState.UNLISTED, ListingState.UNUSABLE, ListingState.OFF_SCALE)))
SETTLED = REFUSED | {"LIVE", "HALTED"}
GONE = frozenset({"", str(ListingState.DROPPED)})


def run(args: argparse.Namespace) -> int:
    """Show all symbols, or change the watch list and wait for the stream to act on it."""
    settings = settings_of(args)
    if args.action == "list":
        if args.names:
            raise BadSetting(f"symbols {args.names[0]}: expected add or drop before names")
        return _show(args, settings)
    if not args.names:
        raise BadSetting(f"symbols {args.action}: expected one or more symbols")
    names = settings_of(argparse.Namespace(symbols=args.names)).symbols
    return _change(args, settings, names)


def _show(args: argparse.Namespace, settings: Settings) -> int:
    with connect(database(settings)) as con:
        found = symbol_states(con)
    show(args, found, lambda one: json_of(one.dicts()), lambda one: table_lines(one.columns, one.rows))
    return 0


def _change(args: argparse.Namespace, settings: Settings, names: Sequence[str]) -> int:
    is_wanted, db, venue = args.action == "add", database(settings), settings.venue
    with connect(db, write=True) as con:
        now = dt.datetime.now(dt.UTC)
        say(con, venue, names, is_wanted=is_wanted, who=f"{user_name()} (leadline symbols)", now=now)
    if holder_pid(db) is None:
        to_stderr(f"no stream writes {db}; its next one {'has' if is_wanted else 'leaves out'} them")
        return 0
    states = _await(settings, names, SETTLED if is_wanted else GONE, wait_s=args.wait)
    for name in names:
        state, reason = states[name]
        to_stderr(f"{name}  {state or 'not carried'}  {reason}".rstrip())
    done = SETTLED - REFUSED if is_wanted else GONE
    return 0 if all(state in done for state, _ in states.values()) else 1


def _await(
    settings: Settings, names: Sequence[str], wait_for: frozenset[str], *, wait_s: float
) -> dict[str, tuple[str, str]]:
    """Wait until the stream has acted on each name; return their states and reasons."""
    deadline = time.monotonic() + wait_s
    with LineProgress(lambda: "waiting for the stream …", after_s=1.0) as progress:
        while True:
            states = _states(settings, names)
            if all(state in wait_for for state, _ in states.values()) or time.monotonic() > deadline:
                return states
            progress.tick()
            time.sleep(LOOK_S)


def _states(settings: Settings, names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return the state of each name and its reason; empty where there is none."""
    with connect(settings.db) as con:
        rows: list[dict[str, Any]] = symbol_states(con).dicts()
    found = {
        row["symbol"]: (str(row["state"]), str(row["reason"]))
        for row in rows
        if row["venue"] == settings.venue
    }
    return {name: found.get(name, ("", "")) for name in names}
