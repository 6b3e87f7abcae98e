"""The view trust by minute, trusted_intervals and the macro trusted: all made anew after a revision."""

from __future__ import annotations

revision = "006"
down_revision = "005"


def upgrade() -> None:
    """Change no table."""
