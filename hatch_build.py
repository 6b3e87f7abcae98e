"""Refuse to build from a checkout without the links of ``leadline/``: the package would lack its rooms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

LINKED = ("book", "storage", "tasks", "flows", "prefect.yaml")


class LinkCheck(BuildHookInterface[Any]):
    """Look before anything is packed: for a wheel, an sdist and an editable installation alike."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Abort the build, with the reason, where a link is missing or has become a file."""
        for name in LINKED:
            place = Path(self.root, "leadline", name)
            target = f"../{name}"
            if not place.exists() or (place.is_file() and place.read_text(encoding="utf-8") == target):
                self.app.abort(
                    f"{place} should be a symbolic link to {target}: this checkout lacks its links. "
                    "Clone with `git clone -c core.symlinks=true`, or install the wheel"
                )
