"""The built-in venue as a child process, for settings that ask for it."""

from __future__ import annotations

import contextlib
import http
import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode, urlsplit

from leadline.book.errors import LeadlineError
from leadline.flows.config.settings import Settings
from leadline.flows.local.child import Child
from leadline.tasks.programs import python

ASK_S = 30.0


class VenueGone(LeadlineError):
    """The built-in venue does not answer, or answers with an error."""


@dataclass(frozen=True, slots=True)
class LoopbackProcess:
    """The built-in venue as a child process, and its addresses."""

    ws_url: str
    rest_url: str

    def get(self, path: str, **query: str) -> Any:
        """Ask its control paths (``truth``, ``ledger``, ``status``); raises `VenueGone`."""
        return self._ask("GET", path, query, None)

    def inject(self, *faults: dict[str, Any]) -> None:
        """Order faults; raises `VenueGone`."""
        self._ask("POST", "faults", {}, json.dumps(faults).encode())

    def _ask(self, method: str, path: str, query: dict[str, str], body: bytes | None) -> Any:
        address = urlsplit(self.rest_url).netloc
        connection = http.client.HTTPConnection(address, timeout=ASK_S)
        try:
            connection.request(method, f"/loopback/{path}?{urlencode(query)}", body)
            answer = connection.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException) as exc:
            raise VenueGone(f"the built-in venue at {address} does not answer: {exc}") from exc
        finally:
            connection.close()
        if answer.status != http.HTTPStatus.OK:
            raise VenueGone(f"{method} {path}: {answer.status} {text[:200].decode(errors='replace')}")
        return json.loads(text)


def venue_command(settings: Settings) -> list[str]:
    """Return the command of the built-in venue with the settings' symbols."""
    command = python("-m", "leadline.tasks.loopback", "--kind", settings.venue.removeprefix("loopback-"))
    command += ["--symbols", ",".join(settings.symbols)]
    if settings.weight_per_minute is not None:
        command += ["--weight-limit", str(settings.weight_per_minute)]
    return command


@contextlib.contextmanager
def running_loopback(settings: Settings, *options: str) -> Iterator[LoopbackProcess]:
    """Run ``python -m leadline.tasks.loopback`` with the settings' symbols until the block ends."""
    command = [*venue_command(settings), *options]
    with Child(command, name="the built-in venue", log=settings.home / "venue.log") as child:
        line = child.stdout.readline()
        if not line:
            raise child.died()
        ready = json.loads(line)
        yield LoopbackProcess(ready["ws"], ready["rest"])


@contextlib.contextmanager
def with_venue(settings: Settings) -> Iterator[Settings]:
    """Start the built-in venue if the settings ask for it without an address."""
    if not settings.is_loopback or settings.ws_url is not None:
        yield settings
        return
    with running_loopback(settings) as venue:
        yield replace(settings, ws_url=venue.ws_url, rest_url=venue.rest_url)
