"""
Which proxy stands between us and an address: what the environment says, read in one way for all clients.

    ws://      ws_proxy     http_proxy    all_proxy        each in lower or upper case; lower case counts
    wss://     wss_proxy    https_proxy   all_proxy        first, and the first that is set decides
    http://    http_proxy   all_proxy
    https://   https_proxy  all_proxy
    no_proxy   hosts that are reached directly, their subdomains too; host:port; 10.0.0.0/8; * for all

A proxy is ``http://``, ``https://``, ``socks5://`` or ``socks5h://`` with a host, perhaps a port and
``user:password@``; without a scheme it is an HTTP proxy, and ``socks://`` is SOCKS5. Names are always
resolved by a SOCKS proxy, never here. This machine is never asked for by way of a proxy. No message shows a
user or a password.
"""

from __future__ import annotations

import importlib.util
import ipaddress
import os
from collections.abc import Iterable, Mapping, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

import httpx

from leadline.book.errors import BadInput

NAMES = {
    "ws": ("ws_proxy", "http_proxy", "all_proxy"),
    "wss": ("wss_proxy", "https_proxy", "all_proxy"),
    "http": ("http_proxy", "all_proxy"),
    "https": ("https_proxy", "all_proxy"),
}
SCHEMES = {
    "http": "http", "https": "https", "socks": "socks5h", "socks5": "socks5h", "socks5h": "socks5h",
}  # fmt: skip
PORTS = {"http": 80, "https": 443, "socks5h": 1080, "ws": 80, "wss": 443}
THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
EXPECTED = "expected http://, https://, socks5:// or socks5h:// with host and port"
SOCKS = ("python_socks", "socksio")  # what the clients of WebSockets and of HTTP need for it
UNWRITABLE = frozenset("/?#[]\\ \t\r\n")  # in credentials: the WebSocket client takes them undecoded


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy and the name of the variable that gave it; its text shows no credentials."""

    name: str
    scheme: str  # "http", "https" or "socks5h"
    host: str
    port: int
    user: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return f"{self.name}={self.scheme}://{self._where}"

    @property
    def _where(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def for_http(self) -> str:
        """Its address as the HTTP client reads it, credentials included: never to be printed."""
        known = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}@" if self.user else ""
        return f"{self.scheme}://{known}{self._where}"

    @property
    def for_websockets(self) -> str:
        """Its address as the WebSocket client reads it, which does not decode: never to be printed."""
        known = f"{self.user}:{self.password}@" if self.user else ""
        return f"{self.scheme}://{known}{self._where}"


def proxy_for(url: str, environ: Mapping[str, str] | None = None) -> Proxy | None:
    """Return the proxy for an address, None if it is reached directly; raises `BadInput`."""
    environ = os.environ if environ is None else environ
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    port = parts.port or PORTS.get(parts.scheme, PORTS.get(parts.scheme.replace("http", "ws"), 0))
    if is_this_machine(host) or _is_exempt(host, port, _value(environ, "no_proxy")):
        return None
    for name in NAMES.get(parts.scheme, ()):
        if text := _value(environ, name):
            return read_proxy(name, text)
    return None


def ensure_proxies(urls: Iterable[str], environ: Mapping[str, str] | None = None) -> None:
    """Raise `BadInput`, in one line, if one of these addresses is behind a proxy that cannot be used."""
    for url in urls:
        proxy_for(url, environ)


def http_client(
    urls: Iterable[str], *, timeout: httpx.Timeout, headers: Mapping[str, str]
) -> httpx.AsyncClient:
    """Make a client for these addresses, each by way of its proxy."""
    mounts = {
        f"{urlsplit(url).scheme}://{urlsplit(url).netloc}": httpx.AsyncHTTPTransport(proxy=proxy.for_http)
        for url in urls
        if (proxy := proxy_for(url)) is not None
    }
    transport = httpx.AsyncHTTPTransport()  # given, so that the client reads no variables itself
    return httpx.AsyncClient(timeout=timeout, headers=dict(headers), transport=transport, mounts=mounts)


def read_proxy(name: str, text: str) -> Proxy:
    """Read the value of a variable; raises `BadInput` that shows it without credentials."""
    text = text.strip()
    scheme, found, rest = text.partition("://")
    scheme, rest = (scheme.lower(), rest) if found else ("http", text)
    known, _, where = rest.rpartition("@")
    shown = f"environment {name}: {EXPECTED}, got {f'{scheme}://' if found else ''}{where}"
    if scheme not in SCHEMES:
        raise BadInput(shown)
    usual = SCHEMES[scheme]
    try:
        parts = urlsplit(f"//{where}")
        host, port = parts.hostname or "", parts.port or PORTS[usual]
    except ValueError:
        raise BadInput(shown) from None
    if not host or parts.path not in {"", "/"} or parts.query or parts.fragment or " " in host:
        raise BadInput(shown)
    user, _, password = known.partition(":")
    proxy = Proxy(name, usual, host, port, unquote(user), unquote(password))
    if UNWRITABLE.intersection(proxy.user + proxy.password) or not (proxy.user + proxy.password).isascii():
        raise BadInput(
            f"environment {name}: user or password of {where} has a character that no proxy takes"
        )
    missing = [module for module in SOCKS if importlib.util.find_spec(module) is None]
    if usual == "socks5h" and missing:
        wanted = " ".join(module.replace("_", "-") for module in missing)
        raise BadInput(f"environment {name}: a SOCKS proxy needs {wanted}; pip install {wanted}")
    return proxy


def settle_environment(environ: MutableMapping[str, str]) -> None:
    """
    Write the proxies of the environment as any HTTP client reads them, for libraries and child processes.

    Servers on this machine are exempt from then on. Raises `BadInput` for a proxy that cannot be used.
    """
    names = dict.fromkeys(name for found in NAMES.values() for name in found)
    told = {name: text for name in names if (text := _value(environ, name))}
    if told:
        exempt = [_value(environ, "no_proxy"), *THIS_MACHINE]
        environ["no_proxy"] = ",".join(dict.fromkeys(filter(None, exempt)))
    for name, proxy in {name: read_proxy(name, text) for name, text in told.items()}.items():
        environ[name] = proxy.for_http
        if name.upper() in environ:
            environ[name.upper()] = proxy.for_http


def is_this_machine(host: str) -> bool:
    """Whether a host is this machine, where no proxy stands between."""
    return host in THIS_MACHINE or host.startswith("127.")


def _value(environ: Mapping[str, str], name: str) -> str:
    """Return a variable in whatever case; lower case counts first."""
    others = (value for key, value in sorted(environ.items()) if key.lower() == name and key != name)
    return environ.get(name, "").strip() or next((value.strip() for value in others if value.strip()), "")


def _is_exempt(host: str, port: int, text: str) -> bool:
    """Whether ``no_proxy`` names a host."""
    for entry in filter(None, (part.strip().lower() for part in text.replace(" ", ",").split(","))):
        name, _, suffix = entry.rpartition(":") if entry.count(":") == 1 else (entry, "", "")
        if suffix and suffix != str(port):
            continue
        name = name.removeprefix("*.").removeprefix(".").strip("[]")
        if name in {"*", host} or host.endswith(f".{name}") or _is_within(host, name):
            return True
    return False


def _is_within(host: str, network: str) -> bool:
    with suppress(ValueError):
        return "/" in network and ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    return False
