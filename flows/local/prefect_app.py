"""
The process of a private Prefect server: Prefect's own application behind a check of the ``Host`` header.

    python -m leadline.flows.local.prefect_app PORT

Without the check, a page of another site whose name points at 127.0.0.1 (DNS rebinding) has the same
origin as the API for a browser. Prefect has no setting for it.
"""

from __future__ import annotations

import sys

import uvicorn
from prefect.server.api.server import create_app
from prefect.settings import get_current_settings
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp

from leadline.flows.local.prefect_server import HOST, HOSTS


def application() -> ASGIApp:
    """
    Return the application to serve.

    Prefect's own is wrapped, not changed: its services call it in memory, by another host name.
    """
    return TrustedHostMiddleware(create_app(final=True), allowed_hosts=HOSTS, www_redirect=False)


def main(port: int) -> None:
    """Serve on 127.0.0.1 until a signal ends it; the settings are those ``prefect server start`` uses."""
    server = get_current_settings().server
    uvicorn.run(
        application(),
        host=HOST,
        port=port,
        timeout_keep_alive=server.api.keepalive_timeout,
        ws_ping_interval=server.api.websocket_ping_interval,
        ws_ping_timeout=server.api.websocket_ping_timeout,
        log_level=server.logging_level.lower(),
    )


if __name__ == "__main__":
    main(int(sys.argv[1]))
