"""
Takes out of a text what says who or where somebody is: a report is made to be sent.

Kept are addresses of the venues themselves. Removed are other addresses, names of this machine, its user,
its proxies, paths of its disk, and texts as long as a key.
"""

from __future__ import annotations

import contextlib
import getpass
import ipaddress
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from leadline.tasks.venues.registry import VENUES

ADDRESS, NAME, PATH, LONG = "<address>", "<name>", "<path>", "<long text>"
LEAST_NAME = 3  # a shorter one stands in every other word
_URL = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s'\"<>()]*[^\s'\"<>().,:;]", re.IGNORECASE)
_IPV4 = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.]*\d)(?::\d+)?")
_IPV6 = re.compile(r"[0-9A-Fa-f:]*:[0-9A-Fa-f:]*:[0-9A-Fa-f:.%\w]*")
_PATH = re.compile(
    r"(?:[A-Za-z]:\\|/(?:home|Users|root|tmp|var|etc|opt|usr|mnt|private|work|srv|data)/)[^\s'\":,;)]*"
)
_LONG = re.compile(r"[A-Za-z0-9+/_-]{32,}={0,2}")


def venue_hosts() -> frozenset[str]:
    """Return the hosts of every venue that has a name."""
    urls = [base.url for profile in VENUES.values() for base in profile.ws_bases]
    urls += [url for profile in VENUES.values() for url in profile.rest_bases]
    return frozenset(host for url in urls if (host := urlsplit(url).hostname))


@dataclass(frozen=True, slots=True)
class Traces:
    """What of this machine must not be told; `here` collects it."""

    names: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    hosts: frozenset[str] = field(default_factory=venue_hosts)  # that may be told

    @classmethod
    def here(cls, environ: Mapping[str, str]) -> Traces:
        """Collect the names and paths of this machine and of its proxies."""
        names = {socket.gethostname(), socket.gethostname().partition(".")[0]}
        with contextlib.suppress(OSError, KeyError):  # a user without a name
            names.add(getpass.getuser())
        for key, value in environ.items():
            if key.lower().endswith("_proxy") and key.lower() != "no_proxy":
                parts = urlsplit(value if "://" in value else f"//{value}")
                names |= {part for part in (parts.hostname, parts.username, parts.password) if part}
        paths = {str(Path.home()), str(Path.cwd())}
        longest_first = sorted((name for name in names if len(name) >= LEAST_NAME), key=len, reverse=True)
        return cls(tuple(longest_first), tuple(sorted(paths - {"/"}, key=len, reverse=True)))

    def without(self, text: str) -> str:
        """Return a text without any of it."""
        for path in self.paths:
            text = text.replace(path, PATH)
        text = _PATH.sub(PATH, text)
        text = _URL.sub(self._url, text)
        text = _IPV4.sub(ADDRESS, text)
        text = _IPV6.sub(_ipv6, text)
        for name in self.names:
            text = re.sub(
                rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", NAME, text, flags=re.IGNORECASE
            )
        return _LONG.sub(LONG, text)

    def _url(self, found: re.Match[str]) -> str:
        parts = urlsplit(found[0])
        try:
            host = parts.hostname
        except ValueError:
            return ADDRESS
        plain = f"{parts.scheme}://{parts.netloc}{parts.path}"
        return plain if host in self.hosts and "@" not in parts.netloc else ADDRESS


def _ipv6(found: re.Match[str]) -> str:
    text = found[0].strip(":") if found[0].count("::") == 0 else found[0]
    try:
        ipaddress.IPv6Address(text.partition("%")[0])
    except ValueError:
        return found[0]
    return ADDRESS
