"""One line per figure of a drill, and whether it is as promised."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Score:
    """What one drill found: ``figure`` names it with its unit, ``promise`` says what it must be."""

    drill: str
    figure: str
    value: float | int | str
    promise: str = ""
    ok: bool = True


class Card:
    """The scores of one drill, as it finds them."""

    def __init__(self, drill: str) -> None:
        self.drill = drill
        self.scores: list[Score] = []

    def note(self, figure: str, value: float | str) -> None:
        """Keep a figure that nothing was promised of."""
        self.scores.append(Score(self.drill, figure, _short(value)))

    def most(self, figure: str, value: float, limit: float) -> None:
        """Keep a figure that must not be more than ``limit``."""
        self.scores.append(Score(self.drill, figure, _short(value), f"<= {limit:g}", value <= limit))

    def least(self, figure: str, value: float, limit: float) -> None:
        """Keep a figure that must be ``limit`` or more."""
        self.scores.append(Score(self.drill, figure, _short(value), f">= {limit:g}", value >= limit))

    def same(self, figure: str, value: float | str, wanted: float | str) -> None:
        """Keep a figure that must be just so."""
        self.scores.append(Score(self.drill, figure, _short(value), f"= {wanted}", value == wanted))


def _short(value: float | str) -> float | str:
    return round(value, 3) if isinstance(value, float) else value


def lines(scores: list[Score]) -> list[str]:
    """Lay the scorecard out as a table."""
    head = ("drill", "figure", "found", "promised", "")
    rows = [
        (each.drill, each.figure, f"{each.value}", each.promise, "ok" if each.ok else "WRONG")
        if each.promise
        else (each.drill, each.figure, f"{each.value}", "", "")
        for each in scores
    ]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    table = [head, tuple("─" * width for width in widths), *rows]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in table]
