"""
The checks of ``leadline doctor``: what is there, whether that is fine, and what to do if not.

A check never raises for what it examines; what it cannot find out, it reports. Of secrets it reports only
whether they are set.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import platform
import resource
import shutil
import socket
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from importlib import metadata
from pathlib import Path

import duckdb
from packaging.requirements import Requirement

from leadline.book.errors import LeadlineError
from leadline.book.venues.registry import SPECS
from leadline.flows.config.settings import Settings, without_credentials
from leadline.flows.local.prefect_server import configured_url, is_healthy, running_private
from leadline.flows.signals.models import named_models
from leadline.flows.spend.report import IN_USE, days_left, ends_in
from leadline.storage.access.address import read_address
from leadline.storage.access.connect import connect
from leadline.storage.access.extensions import QUACK_EXTENSIONS, extension_path
from leadline.storage.errors import StoreError, StoreOwned
from leadline.storage.queries import everyday as queries
from leadline.storage.spend import prices, reports
from leadline.tasks.net.bans import Bans
from leadline.tasks.net.clock import SYSTEM_CLOCK, ClockOffset
from leadline.tasks.net.limits import WeightGovernor
from leadline.tasks.venues.common.profile import VenueProfile
from leadline.tasks.venues.common.rest import Rest

GB = 1_000_000_000
DISK_FAIL, DISK_WARN = GB, 10 * GB  # a busy symbol writes about 0.1 GB a day
FILES_WARN = 1_024
CLOCK_WARN_MS = 250.0  # ages of venue data are wrong by as much
CLOCK_TIMEOUT_S = 5.0
DB_PATIENCE_S = 2.0
KEYS = {
    "PREFECT_API_KEY": "only for Prefect Cloud",
    "PREFECT_API_AUTH_STRING": "only for a Prefect server of your own that asks for it",
    **{f"{name.partition('-')[0].upper()}_API_KEY": "not needed: market data is public" for name in SPECS},
    "OPENAI_API_KEY": "not used by the commands of today",
    "ANTHROPIC_API_KEY": "not used by the commands of today",
}


class CheckVerdict(StrEnum):
    """Whether a finding is fine."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check; ``todo`` is empty where there is nothing to do."""

    verdict: CheckVerdict
    check: str
    detail: str
    todo: str = ""


ok = partial(Finding, CheckVerdict.OK)
warn = partial(Finding, CheckVerdict.WARN)
fail = partial(Finding, CheckVerdict.FAIL)


def examine(settings: Settings, profile: VenueProfile | None) -> list[Finding]:
    """Run all checks; ``profile`` is the venue whose time is read, None for none."""
    return [
        python_version(),
        *packages(),
        numba_engine(),
        *extensions(),
        clock(profile, settings.bans_file),
        disk(settings.db),
        open_files(),
        ports(),
        database(settings.db),
        prefect_api(settings.home),
        environment(os.environ),
        *keys(os.environ),
        *models(settings),
    ]


def python_version() -> Finding:
    """Report the Python version; pip refuses one that is too old."""
    return ok("python", f"{platform.python_version()} at {sys.executable}")


def packages() -> list[Finding]:
    """Check the versions of what Leadline depends on."""
    try:
        wanted = [Requirement(text) for text in metadata.requires("leadline") or []]
    except metadata.PackageNotFoundError:
        return [warn("packages", "leadline is not installed as a package", "run make, or pip install -e .")]
    wrong, fine = [], []
    for need in wanted:
        if need.marker is not None and not need.marker.evaluate({"extra": ""}):
            continue
        try:
            have = metadata.version(need.name)
        except metadata.PackageNotFoundError:
            wrong.append(fail("packages", f"{need.name} is not installed", f"pip install '{need}'"))
            continue
        if need.specifier.contains(have, prereleases=True):
            fine.append(f"{need.name} {have}")
        else:
            wrong.append(
                fail(
                    "packages",
                    f"{need.name} {have}, but {need.specifier} is needed",
                    f"pip install '{need}'",
                )
            )
    return wrong or [ok("packages", ", ".join(fine))]


def numba_engine() -> Finding:
    """Check for numba, which compiles the books; plain ones do the same, more slowly."""
    try:
        return ok("numba", f"{metadata.version('numba')}: compiled books")
    except metadata.PackageNotFoundError:
        todo = "pip install 'leadline[fast]' for many symbols"
        return warn("numba", "not installed: plain books, many times slower", todo)


def extensions() -> list[Finding]:
    """Check for the two DuckDB extensions, packages of DuckDB's own version."""
    found = []
    for name in QUACK_EXTENSIONS:
        check = f"duckdb {name}"
        try:
            found.append(ok(check, f"at {extension_path(name).name}, for DuckDB {duckdb.__version__}"))
        except StoreError as exc:
            found.append(fail(check, "missing", str(exc)))
    return found


def clock(profile: VenueProfile | None, bans_file: Path | None = None) -> Finding:
    """Compare our clock with the venue's; ages and ``ts_recv`` depend on it, books do not."""
    if profile is None:
        return ok("clock", "not asked (--offline)")
    try:
        offset = asyncio.run(_venue_offset(profile, Bans(bans_file, SYSTEM_CLOCK)))
    except (LeadlineError, TimeoutError) as exc:
        todo = "check the network, or use --offline"
        return warn("clock", f"{profile.name} did not give its time: {str(exc) or 'no answer'}", todo)
    ms, error_ms = offset.offset_ns / 1e6, offset.error_ns / 1e6
    detail = f"the venue's is {abs(ms):.1f} ms {'ahead' if ms >= 0 else 'behind'}, ± {error_ms:.1f} ms"
    if abs(ms) - error_ms > CLOCK_WARN_MS:
        return warn("clock", detail, "set the clock by NTP (chrony or systemd-timesyncd)")
    return ok("clock", detail)


async def _venue_offset(profile: VenueProfile, bans: Bans) -> ClockOffset:
    governor = WeightGovernor(profile.weight_per_minute, SYSTEM_CLOCK.mono_s)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(asyncio.timeout(CLOCK_TIMEOUT_S))
        rest = await stack.enter_async_context(Rest(profile, governor, SYSTEM_CLOCK, bans=bans))
        await rest.server_time()  # opens the connection; only the second answer measures the network
        return await rest.server_time()


def disk(db: Path) -> Finding:
    """Check the free space where the database is."""
    folder = db.absolute().parent
    try:
        free = shutil.disk_usage(folder).free
    except OSError as exc:
        return fail("disk", f"{folder}: {exc.strerror}", "make the folder, or give another --db")
    detail = f"{free / GB:.1f} GB free in {folder}"
    if not os.access(folder, os.W_OK):
        return fail("disk", f"{folder} cannot be written", "give another --db, or change its permissions")
    if free < DISK_FAIL:
        return fail("disk", detail, "free some space: a full disk stops the stream")
    if free < DISK_WARN:
        return warn("disk", detail, "a busy symbol writes about 0.1 GB a day; see maintain-store")
    return ok("disk", detail)


def open_files() -> Finding:
    """Check the limit of open files."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < FILES_WARN:
        return warn("open files", f"{soft} allowed", f"ulimit -n {FILES_WARN * 4}")
    return ok("open files", "no limit" if soft == resource.RLIM_INFINITY else f"{soft} allowed")


def ports() -> Finding:
    """Check that our servers can listen on 127.0.0.1, on ports the system chooses."""
    try:
        with socket.create_server(("127.0.0.1", 0)):
            return ok("ports", "127.0.0.1 can be used")
    except OSError as exc:
        return fail("ports", f"127.0.0.1: {exc.strerror}", "allow this program to listen on 127.0.0.1")


def database(db: Path) -> Finding:
    """Check the database: its owner, its schema, its rows."""
    if not db.exists():
        return ok("database", f"{db} does not exist yet; the first stream, replay or demo creates it")
    try:
        with connect(db, patience_s=DB_PATIENCE_S) as con:
            owner = read_address(db)
            rows = sum(queries.row_counts(con).values())
    except StoreOwned as exc:
        return warn("database", str(exc), "wait until it has finished, or stop it")
    except StoreError as exc:
        return fail("database", str(exc), "see above")
    served = f", served by process {owner.pid}" if owner is not None else ""
    return ok("database", f"{db}: {rows:,} rows{served}")


def models(settings: Settings) -> list[Finding]:
    """Check when the configured models, and those asked lately, are switched off."""
    now = dt.datetime.now(dt.UTC)
    named = named_models(settings)
    ends = prices.shutdowns_in_book(named)
    try:
        with connect(settings.db, patience_s=DB_PATIENCE_S) as con:
            stored = {model: reports.shutdown_of(con, *model) for model in named}
            ends |= {model: when for model, when in stored.items() if when is not None}
            for row in reports.shutdowns(con, since=now - IN_USE, now=now).dicts():
                ends[row["provider"], row["model"]] = row["shutdown_at"]
    except StoreError:
        pass  # the check of the database gives the reason; the built-in prices know the configured ones
    return [
        _ending("/".join(model), ends[model], settings, now)
        for model in sorted(ends, key=lambda one: ends[one])
    ]


def _ending(name: str, when: dt.datetime, settings: Settings, now: dt.datetime) -> Finding:
    left, detail = days_left(when, now), ends_in(name, when, now)
    if left < 0:
        return fail("model", detail, "it no longer answers; set llm_models to another")
    if left <= settings.llm_shutdown_warn_days:
        return warn("model", detail, "try another on stored questions: leadline rescore --model NAME")
    return ok("model", detail.partition(";")[0])


def prefect_api(home: Path) -> Finding:
    """Check which Prefect API will be used."""
    wanted = configured_url()
    if wanted and is_healthy(wanted):
        return ok("prefect", f"{without_credentials(wanted)} answers")
    if wanted:
        detail = f"{without_credentials(wanted)} does not answer"
        return warn(
            "prefect", detail, "start it, or unset PREFECT_API_URL; stream starts a private server instead"
        )
    if running := running_private(home):
        return ok("prefect", f"private server at {running}")
    return ok("prefect", "none configured; stream and demo start a private server")


def environment(environ: Mapping[str, str]) -> Finding:
    """Check variables that slow runs down."""
    if environ.get("PYTHONDONTWRITEBYTECODE"):
        todo = "unset it for workers: each of their runs starts seconds later"
        return warn("environment", "PYTHONDONTWRITEBYTECODE is set", todo)
    return ok("environment", "nothing slows runs down")


def keys(environ: Mapping[str, str]) -> list[Finding]:
    """Check which keys are set; their values stay unread."""
    return [
        ok(name, f"{'set' if environ.get(name) else 'not set'}; {what_for}")
        for name, what_for in KEYS.items()
    ]
