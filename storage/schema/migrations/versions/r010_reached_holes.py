"""Views only: which holes an interval may reach into by our clock."""

from __future__ import annotations

revision = "r010"
down_revision = "r009"


def upgrade() -> None:
    """Change no table: views are made anew after any revision."""
