"""One trusted interval as the table ``coverage`` has it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class TrustedInterval:
    """A row of ``coverage`` without its market; times in UTC, ``ended_by`` None while it grows."""

    epoch: int
    ts_from: dt.datetime
    ts_to: dt.datetime
    first_id: int
    last_id: int
    ended_by: str | None


INTERVAL = ", ".join(field.name for field in fields(TrustedInterval))  # to select
