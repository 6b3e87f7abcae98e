"""``leadline rescore``: stored questions put to another model or prompt, and the answers compared."""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from leadline.book.errors import BadInput
from leadline.flows.commands.common.flags import settings_of
from leadline.flows.commands.common.output import show
from leadline.flows.commands.common.reading import database, moment
from leadline.flows.config.settings import Settings
from leadline.flows.render.tables import json_of, table_lines
from leadline.flows.signals.models import Models, one_route, open_models
from leadline.flows.signals.prompting import prompt
from leadline.flows.signals.rescoring import CostEstimate, RescoreCase, Rescorer, case_of, estimate
from leadline.flows.spend.report import usd
from leadline.flows.terminal.console import json_to_stdout, to_stderr, to_stdout
from leadline.flows.terminal.progress import LineProgress
from leadline.storage.access.connect import connect
from leadline.storage.access.jobs import Desk
from leadline.storage.access.sql import Answer
from leadline.storage.signals import rescore
from leadline.storage.spend import prices
from leadline.tasks.llm.profiles import profile
from leadline.tasks.llm.protocol.request import Route

DAY = dt.timedelta(days=1)
NOTHING = "no stored questions in that time; analyze-signals asks them and keeps them for keep_texts_days"


@dataclass(frozen=True, slots=True)
class Found:
    """What was asked, and the answers compared."""

    route: Route
    version: str | None
    first: CostEstimate
    came: dict[str, int]
    skipped: dict[str, int]  # by reason
    stopped: str | None
    sides: Answer
    moves: Answer

    @property
    def failed(self) -> bool:
        """Whether questions are left without an answer."""
        fine = ("there", "reused", "ok", "abstained", "invalid")
        return any(n for name, n in self.came.items() if name not in fine)


def run(args: argparse.Namespace) -> int:
    """Select, estimate the cost, ask, compare."""
    settings = settings_of(args)
    now = dt.datetime.now(dt.UTC)
    since = moment("--since", args.since) or now - DAY
    until = moment("--until", args.until) or now
    settings = replace(settings, db=database(settings))
    route = one_route(settings)
    if args.prompt is not None:
        prompt(args.prompt)  # refuse an unknown version before anything else
    with connect(settings.db, write=True) as con:
        prices.seed(con)
        chosen = rescore.questions(
            con, since=since, until=until, symbol=args.symbol, asked=args.asked, most=args.limit
        )
        cases, skipped = _cases(chosen, route, args.prompt, settings)
        first = estimate(
            con, cases, provider=profile(route.provider).price_profile, now=now,
            default_usd_per_day=settings.llm_budget_usd_per_day,
        )  # fmt: skip
    if args.dry_run or not cases:
        outlook = {"model": f"{route.provider}/{route.model}", "prompt": args.prompt, **asdict(first)}
        if args.json:
            json_to_stdout(json_of({**outlook, "skipped": skipped}))
        else:
            to_stdout(_outlook(route, first, skipped))
        return 0
    for line in _outlook(route, first, skipped):
        to_stderr(line)
    came, stopped = asyncio.run(_ask(settings, route, cases))
    with connect(settings.db) as con:
        keys = [case.key for case in cases]
        found = Found(
            route, args.prompt, first, came, skipped, stopped,
            rescore.sides(con, keys), rescore.moves(con, keys),
        )  # fmt: skip
    show(args, found, as_json, lines)
    return 1 if found.failed else 0


def _cases(
    chosen: list[rescore.Question], route: Route, version: str | None, settings: Settings
) -> tuple[list[RescoreCase], dict[str, int]]:
    """Prepare the questions; count those that cannot be asked, by reason."""
    cases: list[RescoreCase] = []
    skipped: dict[str, int] = {}
    for question in chosen:
        try:
            cases.append(case_of(question, route, version, deadline_s=settings.llm_deadline_s))
        except BadInput as exc:
            skipped[str(exc)] = skipped.get(str(exc), 0) + 1
    return cases, skipped


async def _ask(
    settings: Settings, route: Route, cases: list[RescoreCase]
) -> tuple[dict[str, int], str | None]:
    wanted = replace(settings, llm_provider=route.provider, llm_models=(route.model,), llm_challengers=())
    async with open_models(wanted) as models:
        if models.client is None:
            raise BadInput(models.problem or f"{route.provider} cannot be asked")
        if models.label:
            to_stderr(f"{route.model}: {models.label}")
        return await _asked(settings, models, cases)


async def _asked(
    settings: Settings, models: Models, cases: list[RescoreCase]
) -> tuple[dict[str, int], str | None]:
    assert models.client is not None
    with Desk(settings.db) as desk:
        work = Rescorer(
            desk, models.client, settings.llm_deadline_s, min(settings.llm_side_by_side, models.at_once)
        )

        def so_far() -> str:
            counts = ", ".join(f"{n} {name}" for name, n in sorted(work.counts.items()) if n)
            waits = f"; {work.waits_for} claimed by another run"
            return (
                f"{work.counts.total()} of {len(cases)} questions: {counts or 'none yet'}"
                f"{waits if work.waits_for else ''}"
            )

        with LineProgress(so_far) as progress:
            work.tick = progress.tick
            await work.run(cases)
        return {name: n for name, n in work.counts.items() if n}, work.stopped


def _outlook(route: Route, first: CostEstimate, skipped: dict[str, int]) -> Iterator[str]:
    for reason, count in skipped.items():
        yield f"{count} questions cannot be asked: {reason}"
    if not first.selected:
        yield NOTHING
        return
    yield (
        f"{first.selected} questions for {route.provider}/{route.model}: {first.there} are stored already, "
        f"{first.reused} were answered before and cost nothing, {first.to_ask} to ask"
    )
    if not first.to_ask:
        return
    if first.once_usd is None:
        yield f"no call would be made: {first.why}"
        return
    yield f"at most {usd(first.once_usd)} USD with one attempt each; each retry or repair costs more"
    if first.left_usd is not None:
        yield f"the budgets leave {usd(first.left_usd)} USD; it never costs more"


def lines(found: Found) -> Iterator[str]:
    """Yield it for a terminal."""
    yield ", ".join(f"{n} {name}" for name, n in sorted(found.came.items())) or "nothing to do"
    if found.stopped:
        yield f"stopped: {found.stopped}; run it again when the budget allows"
    if not found.sides.rows:
        return
    yield from ("", *table_lines(found.sides.columns, found.sides.rows))
    yield from ("", "first answer against second")
    yield from table_lines(found.moves.columns[:3], [row[:3] for row in found.moves.rows])
    same, both = agreement(found.moves)
    share = f" ({100 * same / both:.0f}%)" if both else ""
    yield ""
    yield f"the same direction on {same} of {both} questions where both gave one{share}"


def agreement(moves: Answer) -> tuple[int, int]:
    """Count the questions with the same direction on both sides, and those with a direction on both."""
    pairs = [row for row in moves.dicts() if row["both_have_one"]]
    same = sum(row["signals"] for row in pairs if row["was"] == row["again"])
    return same, sum(row["signals"] for row in pairs)


def as_json(found: Found) -> dict[str, Any]:
    """Return everything for a program; money as text, exact."""
    same, both = agreement(found.moves)
    return {
        "model": f"{found.route.provider}/{found.route.model}",
        "prompt": found.version,
        "before": json_of(asdict(found.first)),
        "came": found.came,
        "skipped": found.skipped,
        "stopped": found.stopped,
        "sides": json_of(found.sides.dicts()),
        "moves": json_of(found.moves.dicts()),
        "same_direction": same,
        "both_have_one": both,
        "agreement": round(same / both, 4) if both else None,
    }
