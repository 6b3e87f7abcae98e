"""
Takes the README's screenshots of the real Prefect UI, from a Leadline that runs on the built-in venue.

    python docs/screenshots.py                     starts everything, waits, takes them, stops it again
    python docs/screenshots.py --ui http://127.0.0.1:4200      only takes them, of what runs there; logs in
                                                   with PREFECT_API_AUTH_STRING
    python docs/screenshots.py --report demo.duckdb            only the page of leadline report

Needs Chromium and pngquant (Debian: apt-get install chromium pngquant). Run it from the project's folder.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leadline.flows.config.settings import Settings
from leadline.flows.local.child import Child
from leadline.flows.local.loopback import LoopbackProcess, running_loopback
from leadline.flows.local.prefect_server import authorization, free_port, login
from leadline.flows.terminal.console import to_stderr

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "docs" / "screenshots"
SYMBOLS = ("BTCUSDT", "ETHUSDT", "BNBUSDT", "SOLUSDT", "XRPUSDT", "DOGEUSDT")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
LOAD_MS = 30_000  # with less, a page was caught while it faded in
SHOT_S = 120
TRIES = 3
COLOURS = 64
MOST_BYTES = 150_000
NO_EXTENSIONS = "DisableLoadExtensionCommandLineSwitch"  # newer browsers refuse extensions given so
FAULTS = (
    {"kind": "drop", "symbol": "ETHUSDT", "n": 1},
    {"kind": "drop", "symbol": "SOLUSDT", "n": 2},
    {"kind": "crossed", "symbol": "XRPUSDT", "n": 1},
    {"kind": "cut"},
)
FAULT_EVERY_S = 25.0
WHICH = "%5B%22leadline.gap%22,%22leadline.stale%22,%22leadline.live%22%5D"
EVENTS = f"/v2/events?rangeType=span&seconds=-900&events={WHICH}"


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture: its file, the page, the window."""

    name: str
    path: str
    width: int = 1280
    height: int = 800


def main(argv: Sequence[str] | None = None) -> int:
    """Take all of them; 1 if something that should be seen is not there."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").strip().partition("\n")[0])
    parser.add_argument("--ui", metavar="URL", help="of a Leadline that runs; default: start one")
    parser.add_argument("--minutes", type=float, default=7.0, help="let it run this long before (7)")
    parser.add_argument("--report", type=Path, metavar="DB", help="only the page of this database")
    args = parser.parse_args(argv)
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None or shutil.which("pngquant") is None:
        to_stderr("Chromium or pngquant is missing: apt-get install -y chromium pngquant")
        return 1
    if args.report:
        return take_report(browser, args.report)
    if args.ui:
        return take(browser, args.ui.rstrip("/"))
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), args.minutes) as ui_url:
        os.environ["PREFECT_API_AUTH_STRING"] = login(Path(folder) / "home")
        return take(browser, ui_url) or take_report(browser, Path(folder) / "leadline.duckdb")


@contextlib.contextmanager
def running(folder: Path, minutes: float) -> Iterator[str]:
    """Run Leadline on a built-in venue that misbehaves now and then; give the UI's address."""
    port, venue_settings = free_port(), Settings(venue="loopback-spot", symbols=SYMBOLS, home=folder)
    with running_loopback(venue_settings) as venue:
        command = [sys.executable, "-m", "leadline", "up", "--venue", "loopback", "--port", str(port)]
        command += ["--ws-url", venue.ws_url, "--rest-url", venue.rest_url, "--symbols", *SYMBOLS]
        environ = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "LEADLINE_HOME": str(folder / "home"),
            "LEADLINE_DB": str(folder / "leadline.duckdb"),
            "LEADLINE_PAGES_EVERY_S": "10",
        }
        with Child(command, name="leadline up", log=folder / "up.log", environ=environ):
            misbehave(venue, minutes * 60)
            yield f"http://127.0.0.1:{port}"


def misbehave(venue: LoopbackProcess, seconds: float) -> None:
    """Order a fault every while, and none in the last part."""
    until = time.monotonic() + seconds
    due, n = time.monotonic() + FAULT_EVERY_S, 0
    while (now := time.monotonic()) < until:
        if now >= due and until - now > FAULT_EVERY_S:
            venue.inject(dict(FAULTS[n % len(FAULTS)]))
            due, n = now + FAULT_EVERY_S, n + 1
        if int(until - now) % 60 == 0:
            to_stderr(f"{(until - now) / 60:.0f} minutes to go")
        time.sleep(1)


def take_report(browser: str, db: Path) -> int:
    """Have the page of a database written, and take its picture."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "report.html"
        command = [sys.executable, "-m", "leadline", "report", "--db", str(db), "--out", str(page)]
        command += ["--symbols", *SYMBOLS]
        environ = {**os.environ, "PYTHONPATH": str(ROOT)}
        subprocess.run(command, check=True, timeout=SHOT_S, env=environ)
        file = OUT / "report.png"
        photograph(browser, page.as_uri(), file, Shot("report", "", height=1740))
    say_size(file)
    return 0


def say_size(file: Path) -> None:
    """Say how large a picture is."""
    size = file.stat().st_size
    to_stderr(f"{file.relative_to(ROOT)}: {size:,} bytes{' (too large)' if size > MOST_BYTES else ''}")


def take(browser: str, ui_url: str) -> int:
    """Take every picture and say how large it is."""
    OUT.mkdir(parents=True, exist_ok=True)
    missing = 0
    for name, shot in shots(f"{ui_url}/api").items():
        if shot is None:
            to_stderr(f"{name}: there is nothing to show yet; run it longer (--minutes)")
            missing += 1
            continue
        file = OUT / f"{name}.png"
        photograph(browser, f"{ui_url}{shot.path}", file, shot)
        say_size(file)
    return 1 if missing else 0


def shots(api_url: str) -> dict[str, Shot | None]:
    """Say what to take, by name; None where it is not there."""
    streams = ask(
        f"{api_url}/flow_runs/filter",
        {
            "flows": {"name": {"any_": ["stream-books"]}},
            "flow_runs": {"state": {"type": {"any_": ["RUNNING"]}}},
            "limit": 1,
        },
    )
    ids = {each["key"]: each["latest_id"] for each in ask(f"{api_url}/artifacts/latest/filter", {})}
    found: dict[str, Shot | None] = {
        "deployments": Shot("deployments", "/v2/deployments", height=860),
        "stream": Shot("stream", f"/v2/runs/flow-run/{streams[0]['id']}", height=900) if streams else None,
        "events": Shot("events", EVENTS, height=900),
        "automations": Shot("automations", "/v2/automations", height=1000),
    }
    pages = {"health": "leadline-health", "depth": "leadline-depth", "spend": "leadline-spend"}
    pages |= {"signals": "leadline-signals", "certificate": "data-certificate"}
    for name, key in pages.items():
        path = f"/v2/artifacts/artifact/{ids.get(key)}"
        found[name] = Shot(name, path, width=1500, height=1000) if key in ids else None
    return found


def ask(url: str, body: dict[str, Any]) -> list[dict[str, Any]]:
    """Ask Prefect's API."""
    headers = {"Content-Type": "application/json", **authorization()}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)  # noqa: S310  our own server
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        rows: list[dict[str, Any]] = json.load(answer)
        return rows


def logs_in(folder: Path) -> Path:
    """Write a browser extension that logs in to a server on this machine as Prefect's own page does."""
    extension = folder / "log-in"
    extension.mkdir()
    script = {"matches": ["http://127.0.0.1/*"], "js": ["log-in.js"], "run_at": "document_start"}
    about = {"manifest_version": 3, "name": "log-in", "version": "1", "content_scripts": [script]}
    (extension / "manifest.json").write_text(json.dumps(about), encoding="utf-8")
    kind, _, words = authorization().get("Authorization", "").partition(" ")
    said = f"localStorage.setItem('prefect-password', {json.dumps(words)})" if kind == "Basic" else ""
    (extension / "log-in.js").write_text(said, encoding="utf-8")
    return extension


def photograph(browser: str, url: str, file: Path, shot: Shot) -> None:
    """Take one picture and store it with few colours."""
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw.png"
        command = [browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
        command += [f"--window-size={shot.width},{shot.height}", f"--virtual-time-budget={LOAD_MS}"]
        command += [f"--load-extension={logs_in(Path(folder))}", "--disable-features=" + NO_EXTENSIONS]
        command += [f"--user-data-dir={folder}/profile", f"--screenshot={raw}", url]
        for tries in range(TRIES, 0, -1):
            try:
                subprocess.run(command, check=True, timeout=SHOT_S, capture_output=True)
                break
            except subprocess.TimeoutExpired:  # a page that streams, on a busy machine
                if tries == 1:
                    raise
        subprocess.run(
            ["pngquant", str(COLOURS), "--strip", "--force", "--output", str(file), str(raw)], check=True
        )


if __name__ == "__main__":
    sys.exit(main())
