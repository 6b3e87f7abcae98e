"""What commands that start servers look at first, so that nothing has to be stopped again."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from leadline.flows.config.settings import BadSetting
from leadline.storage.access.owner import Owner
from leadline.storage.errors import StoreOwned


def ready_home(home: Path) -> None:
    """Make the home folder; raises `BadSetting` where it cannot be made or written."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        why = "" if os.access(home, os.W_OK | os.X_OK) else "Permission denied"
    except OSError as exc:
        why = exc.strerror or type(exc).__name__
    if why:
        raise BadSetting(
            f"home = {str(home)!r}: expected a folder that can be written ({why}); "
            "LEADLINE_HOME chooses another"
        )


def ready_db(db: Path) -> None:
    """Create or migrate the database; raises `StoreError` where it cannot be used."""
    with contextlib.suppress(StoreOwned):  # its owner has done it
        Owner(db).close()
