"""The one way to draw with rich: a console that shows the hidden characters of a text."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from leadline.flows.render.visible import visible


class Screen(Console):
    """A console whose texts cannot command the terminal; what rich itself sends to move the cursor can."""

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render as rich does, with every text made visible."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(visible(segment.text), segment.style)
