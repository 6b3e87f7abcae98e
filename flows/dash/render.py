"""The page as one file, and as what `leadline dash` serves."""

from __future__ import annotations

from leadline.flows.dash import sections
from leadline.flows.dash.data import Look
from leadline.flows.dash.skin import page
from leadline.flows.render.elements import Html, tag


def title(found: Look) -> str:
    """Name the page so that a tab tells how it stands."""
    return f"{found.trusted}/{len(found.lit)} trusted · Leadline" if found.lit else "Leadline"


def document(found: Look) -> str:
    """Write a file that opens anywhere: nothing is loaded from elsewhere, no script runs."""
    return page(title(found), tag("main", sections.body(found)))


def live(found: Html, *, name: str, script: str, every_s: float) -> str:
    """Write the page whose script asks for the body again and again."""
    return page(name, tag("main", found), script=script, every_s=every_s)
