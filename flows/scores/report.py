"""
Signals scored: labels written, cells and comparisons computed and stored, and all of it in words.

The headline is "LLM minus OFI": what a model's call earned more than the call of order-flow imbalance at
the same instant, net of all costs, at the horizon asked for. Where there is no evidence it says so.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from leadline.book.analytics.baselines import KIND, OFI
from leadline.book.scores.labels import HORIZONS_S
from leadline.book.scores.scoring import (
    ALL,
    NO_EVIDENCE,
    TOO_FEW,
    Calls,
    Score,
    Terms,
    Versus,
    Who,
    breakdown,
    compared,
    judged,
    paired,
    score,
)
from leadline.book.scores.statistics import benjamini_hochberg, holm
from leadline.book.venues.registry import spec_of
from leadline.flows.config.settings import Settings
from leadline.flows.render.tables import json_of, table_lines
from leadline.storage.access.connect import Connection
from leadline.storage.access.sql import Answer, Runs
from leadline.storage.scores import reading, results
from leadline.storage.scores.labels import write_labels

CELLS_SHOWN = 20
NOTHING = (
    "no signal has been scored yet; score-signals does it once windows have closed: leadline score --now"
)


def fee_bps(settings: Settings, venue: str) -> float:
    """Return the taker's fee of one side: as set, or without discounts; raises `BadInput`."""
    if settings.taker_fee_bps is not None:
        return settings.taker_fee_bps
    return spec_of(venue).taker_fee_bps


def horizons(settings: Settings) -> tuple[int, ...]:
    """Return how far ahead signals are scored, seconds: the usual ones, and the one that is asked for."""
    return tuple(sorted({*HORIZONS_S, settings.signal_horizon_s}))


def score_signals_of(
    con: Connection, settings: Settings, now: dt.datetime, tick: Callable[[], None] | None = None
) -> Counter[str]:
    """
    Label what can be labelled, score every venue anew, store it; return the new labels by status.

    ``tick`` is called now and then. Raises what the store raises.
    """
    since = now - dt.timedelta(days=settings.score_days)
    made = write_labels(con, now=now, since=since, horizons_s=horizons(settings), tick=tick)
    for venue in reading.venues(con, since=since, now=now):
        terms = Terms(fee_bps(settings, venue), settings.score_notional_usd)
        found = Scores(terms, settings.signal_horizon_s)
        for horizon_s in horizons(settings):
            found.take(reading.read(con, venue, horizon_s=horizon_s, since=since, now=now))
            if tick is not None:
                tick()
        results.put(con, results.Run(now, venue, since, terms), found.cells(), found.comparisons())
    return made


@dataclass(slots=True)
class Scores:
    """Collects the horizons of one venue; verdicts come last: they depend on how many cells there are."""

    terms: Terms
    headline_s: int
    _whole: list[Score] = field(default_factory=list)
    _parts: list[Score] = field(default_factory=list)
    _headline: list[Versus] = field(default_factory=list)
    _pairs: list[Versus] = field(default_factory=list)
    _beside: dict[float, reading.Horizon] = field(default_factory=dict)

    def take(self, horizon: reading.Horizon) -> None:
        """Score one horizon."""
        calls = horizon.calls
        self._beside[calls.horizon_s] = horizon
        if not len(calls):
            return
        self._whole += score(calls, self.terms)
        self._parts += breakdown(calls, self.terms)
        for who, other in _opponents(calls):
            one = paired(calls, self.terms, who, other)
            if one is not None:
                leads = other.lineage == OFI.lineage and calls.horizon_s == self.headline_s
                (self._headline if leads else self._pairs).append(one)

    def cells(self) -> list[tuple[Score, reading.Counts | None]]:
        """Return all cells with what stands beside them."""
        made = judged(self._whole, "models", holm) + judged(self._parts, "cells", benjamini_hochberg)
        return [
            (
                one,
                self._beside[one.horizon_s].beside(one.who, None if one.symbol == ALL else one.symbol)
                if one.regime == ALL
                else None,
            )
            for one in made
        ]

    def comparisons(self) -> list[Versus]:
        """Return all comparisons, the headline first."""
        return compared(self._headline, "headline", holm) + compared(
            self._pairs, "pairs", benjamini_hochberg
        )


def _opponents(calls: Calls) -> Iterator[tuple[Who, Who]]:
    """Yield who is compared with whom: models with each rule, challengers with champions besides."""
    for who in calls.whos:
        if who.kind != KIND:
            for other in calls.whos:
                if other.kind == KIND or (who.kind == "challenger" and other.kind == "llm"):
                    yield who, other


# -- in words ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Report:
    """Scores as stored last."""

    headline: Answer
    scores: Answer
    challengers: Answer

    @property
    def is_empty(self) -> bool:
        """Whether nothing was scored."""
        return not self.scores.rows


def look(con: Runs, *, symbol: str | None = None) -> Report:
    """Ask the store; ``symbol`` adds its cells."""
    return Report(results.llm_minus_ofi(con), results.scores(con, symbol=symbol), results.challengers(con))


def headlines(found: Report) -> list[str]:
    """Say how models did against OFI, one line each; the first line is what the whole is about."""
    told = [_versus(row, "OFI") for row in found.headline.dicts() if row["is_headline"]]
    if told:
        return told
    return ["LLM minus OFI: no model has been scored beside OFI yet" if not found.is_empty else NOTHING]


def _versus(row: dict[str, Any], other: str) -> str:
    who = f"{row['lineage']} {row['prompt']}".strip()
    said = f"{'LLM' if other == 'OFI' else who} minus {other} at {row['horizon_s']} s"
    if other == "OFI":
        said += f", {who}"
    edge = f"{row['net_bps']:+.2f} bps a call net of all costs"
    pairs = f"{row['pairs']} pairs"
    if row["verdict"] == TOO_FEW:
        return f"{said}: {edge} so far, but {pairs} are too few to judge"
    span = f"95 % interval {row['net_low_bps']:+.2f} to {row['net_high_bps']:+.2f}"
    if row["verdict"] == NO_EVIDENCE:
        seen = f"one of {row['detectable_bps']:.2f} bps would be found four times in five"
        return f"{said}: {edge}, {span}, {pairs}: no evidence of a difference; {seen}"
    return f"{said}: {edge}, {span}, {pairs}: {row['verdict']} (p {row['p_adjusted']:.2g} after adjustment)"


HEAD = (
    "model", "prompt", "horizon_s", "n", "hit rate", "brier", "ic", "gross_bps", "net_bps", "verdict",
    "beside",
)  # fmt: skip


def table_rows(rows: Sequence[dict[str, Any]]) -> list[list[Any]]:
    """Return cells as a person reads them, each figure with its interval."""
    return [
        [
            _named(row), row["prompt"], row["horizon_s"], row["n"],
            _spanned(row, "hit_rate", "hit_low", "hit_high", ".3f"),
            "" if row["brier"] is None else f"{row['brier']:.3f}",
            _spanned(row, "ic", "ic_low", "ic_high", "+.3f"),
            _spanned(row, "gross_bps", "gross_low_bps", "gross_high_bps", "+.2f"),
            _spanned(row, "net_bps", "net_low_bps", "net_high_bps", "+.2f"),
            row["verdict"], _beside(row),
        ]
        for row in rows
    ]  # fmt: skip


def _named(row: dict[str, Any]) -> str:
    return f"{row['lineage']} (challenger)" if row["kind"] == "challenger" else str(row["lineage"])


def _spanned(row: dict[str, Any], name: str, low: str, high: str, form: str) -> str:
    value = row[name]
    if value is None:
        return ""
    if row[low] is None:
        return f"{value:{form}}"
    return f"{value:{form}} [{row[low]:{form}}, {row[high]:{form}}]"


def _beside(row: dict[str, Any]) -> str:
    """Say what was not scored."""
    names = ("abstained", "invalid", "refused", "errors", "dropped", "waiting")
    return ", ".join(f"{row[name]} {name}" for name in names if row[name])


def whole(found: Report) -> list[dict[str, Any]]:
    """Return the cells over all symbols and regimes."""
    return [row for row in found.scores.dicts() if row["symbol"] == ALL and row["regime"] == ALL]


def parts(found: Report) -> list[dict[str, Any]]:
    """Return the cells of a symbol or a regime, those that say most first."""
    told = [row for row in found.scores.dicts() if row["symbol"] != ALL or row["regime"] != ALL]
    return sorted(told, key=lambda row: (row["p_adjusted"] is None, row["p_adjusted"], -row["n"]))


def notes(found: Report) -> list[str]:
    """Say by what rules: costs, families, what the intervals allow for."""
    if found.is_empty:
        return []
    cells, (first, *_) = parts(found), found.scores.dicts()
    judged_cells = [row for row in cells if row["p_adjusted"] is not None]
    loud = sum(row["verdict"] not in {NO_EVIDENCE, TOO_FEW} for row in cells)
    models = sum(row["p_adjusted"] is not None for row in whole(found))
    return [
        f"net: both half-spreads, {first['fee_bps']:g} bps a side, tokens over "
        f"{first['notional_usd']:,.0f} USD a call; decisions since {first['since']:%Y-%m-%d %H:%M} UTC",
        "intervals: 95 %, allowing for windows that overlap and symbols that move together",
        f"p-values adjusted: Holm over {models} models and horizons, which leaves one false find in twenty "
        f"such tables; Benjamini-Hochberg over {len(judged_cells)} cells by symbol and regime, of which "
        f"{loud} claim evidence and one in twenty of these is expected to be wrong",
    ]


def lines(found: Report) -> Iterator[str]:
    """Yield it for a terminal."""
    yield from headlines(found)
    if found.is_empty:
        return
    yield from ("", *table_lines(HEAD, table_rows(whole(found))))
    for row in found.challengers.dicts():
        yield _versus(row, f"{row['champion']} {row['champion_prompt']}")
    cells = [row for row in parts(found) if row["symbol"] != ALL or row["verdict"] != TOO_FEW]
    if cells:
        head = ("symbol", "regime", *HEAD[:-1])
        shown = [
            [row["symbol"], row["regime"], *cell[:-1]]
            for row, cell in zip(cells, table_rows(cells), strict=True)
        ]
        yield from ("", *table_lines(head, shown[:CELLS_SHOWN]))
        if len(cells) > CELLS_SHOWN:
            yield f"… and {len(cells) - CELLS_SHOWN} more: leadline sql 'FROM scores'"
    yield from ("", *notes(found))


def as_json(found: Report) -> dict[str, Any]:
    """Return everything for a program."""
    return {
        "headline": headlines(found),
        "llm_minus_ofi": [json_of(row) for row in found.headline.dicts()],
        "challengers": [json_of(row) for row in found.challengers.dicts()],
        "scores": [json_of(row) for row in found.scores.dicts()],
        "notes": notes(found),
    }
