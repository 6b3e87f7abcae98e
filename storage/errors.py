"""
What can go wrong with the store, named by what the caller can do about it.

    StoreError              root of this branch; the message says what to do
    ├── NoStore             there is no database at that path, or its directory is missing
    ├── NotAStore           the file is there but is not a Leadline database
    ├── StoreOwned          another process owns the file and does not serve it (yet): try again
    ├── SchemaTooNew        a newer Leadline wrote this file: upgrade, or use another file
    ├── SchemaTooOld        a Leadline of before the first release wrote it: that one must help once more
    ├── StoreFull           no space left on the disk: free some; nothing acknowledged is lost
    ├── StoreLost           the owner went away during a statement
    ├── StoreBroken         the writer met an error it has no plan for; it stopped
    ├── ReadOnly            this connection may only read
    ├── NoTrustedBook       the asked moment lies outside what the store can vouch for
    ├── SpendRefused        no money for a call to a model; it is not made
    │   ├── BudgetRefused   a budget has no room for what it could cost
    │   └── PriceUnknown    no price is known for it
    ├── BadImport           an export that is damaged or already there; nothing of that day was taken in
    └── BadExport           exported rows do not equal the stored ones, or would replace more; not kept
"""

from __future__ import annotations

import shlex
from datetime import datetime
from decimal import Decimal
from pathlib import Path

from leadline.book.errors import LeadlineError

LAST_TO_UPGRADE = "d2911af"  # a commit: the last one with the migrations of before the first release


class StoreError(LeadlineError):
    """Root of the errors of the store."""


class NoStore(StoreError):
    """No database at that path and the caller did not ask to make one, or its directory is missing."""


class NotAStore(StoreError):
    """A file is there, but it is not a DuckDB file, or it holds tables of something else."""


class StoreOwned(StoreError):
    """Another process owns the file: ``pid`` where known, ``uri`` where it serves clients."""

    transient = True

    def __init__(self, db: Path, pid: int | None, uri: str | None) -> None:
        self.pid = pid
        self.uri = uri
        who = f"process {pid}" if pid is not None else "another process"
        how = f", serving {uri}" if uri else ""
        super().__init__(f"{db} is owned by {who}{how}; wait until it ends, stop it, or be its client")


class SchemaTooNew(StoreError):
    """The file's schema is ``found``, this program knows up to ``known``."""

    def __init__(self, db: Path, found: str, known: str) -> None:
        self.found = found
        self.known = known
        super().__init__(
            f"{db} has schema {found}, this program knows up to {known}: "
            "upgrade Leadline, or give another --db"
        )


class SchemaTooOld(StoreError):
    """The file's schema is ``found``, older than ``oldest``, the oldest that is taken over."""

    def __init__(self, db: Path, found: str, oldest: str) -> None:
        super().__init__(
            f"{db} has schema {found}, this program takes over {oldest} and later. Open it once with the "
            f"last version that upgrades it (git checkout {LAST_TO_UPGRADE}; make .venv/.ready; "
            f"leadline sql 'SELECT 1' --db {shlex.quote(str(db))}), then with this: docs/upgrading.md"
        )


class StoreFull(StoreError):
    """No space left where the database lies; it is tried again until space is freed."""

    transient = True


class StoreLost(StoreError):
    """The owner went away during a statement; unless said otherwise its effect is unknown."""

    transient = True


class StoreBroken(StoreError):
    """The writer stopped at an error it has no plan for; the cause is chained."""


class ReadOnly(StoreError):
    """A statement that changes something was given to a connection that may only read."""


class NoTrustedBook(StoreError):
    """The asked moment is outside trusted coverage; the message names the interval and the reason."""


class BadExport(StoreError):
    """What was written to Parquet does not equal what is stored, or is less than what is there."""


class SpendRefused(StoreError):
    """A call to a model must not be made; the message says why and what would allow it."""


class BudgetRefused(SpendRefused):
    """
    What the call could cost does not fit into a budget of this window.

    ``limit_usd``, ``used_usd`` (spent and held) and ``needed_usd`` are exact, ``ends_at`` is UTC. A budget
    that is not understood has no room: ``used_usd`` and ``ends_at`` are None.
    """

    def __init__(
        self,
        *,
        scope: str,
        window: str,
        limit_usd: Decimal,
        used_usd: Decimal | None,
        needed_usd: Decimal,
        ends_at: datetime | None,
    ) -> None:
        self.scope = scope
        self.window = window
        self.limit_usd = limit_usd
        self.used_usd = used_usd
        self.needed_usd = needed_usd
        self.ends_at = ends_at
        if used_usd is None:
            super().__init__(
                f"budget {scope!r} per {window!r} is not understood, so nothing may be spent: expected "
                "all, provider:NAME, model:PROVIDER/NAME, flow:NAME or symbol:NAME per hour, day or month; "
                "correct the table budgets"
            )
            return
        super().__init__(
            f"budget {scope!r} per {window}: {used_usd.normalize():f} of {limit_usd.normalize():f} USD are "
            f"spent or held, this call could cost {needed_usd.normalize():f}; wait until {ends_at} UTC, or "
            f"leadline spend --set-budget {scope} {window} USD"
        )


class PriceUnknown(SpendRefused):
    """No price of the provider for the model holds at that time."""

    def __init__(self, provider: str, model: str, moment: datetime, why: str) -> None:
        self.provider = provider
        self.model = model
        super().__init__(
            f"no price for {provider}/{model} at {moment:%Y-%m-%d %H:%M} UTC: {why}; add one to the table "
            "prices (leadline prices --help)"
        )


class BadImport(StoreError):
    """An exported day that is not what its certificate says, or that the store already holds."""
