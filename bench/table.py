"""One table of everything measured in this run."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from bench.measure import Row, shown

Section = tuple[str, Sequence[Row]]


def render(sections: Sequence[Section], *, caption: str = "") -> Table:
    """Lay titled rows out as one table."""
    table = Table(title="Leadline bench", caption=caption, caption_justify="left")
    table.add_column("what")
    table.add_column("figure", justify="right")
    table.add_column("unit")
    table.add_column("x naive", justify="right")
    for title, rows in sections:
        table.add_section()
        table.add_row(f"[bold]{title}[/bold]")
        for row in rows:
            figure = row.figure if isinstance(row.figure, str) else shown(row.figure)
            ratio = "" if row.ratio is None else f"{row.ratio:,.1f}"
            table.add_row(f"  {row.label}", figure, row.unit, ratio)
    return table


def as_json(sections: Sequence[Section]) -> list[dict[str, object]]:
    """Give the same as plain values."""
    return [
        {"section": title, "what": row.label, "figure": row.figure, "unit": row.unit, "x_naive": row.ratio}
        for title, rows in sections
        for row in rows
    ]


def show(sections: Sequence[Section], *, caption: str = "") -> None:
    """Print the table, as wide as it needs to be when it does not go to a screen."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=140)
    console.print(render(sections, caption=caption))
