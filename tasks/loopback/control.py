"""The control paths: order faults, ask for the truth, the ledger and the present, over HTTP."""

from __future__ import annotations

from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from leadline.book.errors import BadInput
from leadline.tasks.loopback.base.faults import Fault
from leadline.tasks.loopback.base.ledger import Entry
from leadline.tasks.loopback.base.streams import compact
from leadline.tasks.loopback.base.truth import Truth


class Controlled(Protocol):
    """What the control paths ask of a venue."""

    def inject(self, fault: Fault) -> Entry:
        """Misbehave as told."""
        ...

    def clear(self) -> None:
        """Disarm what has not struck yet."""
        ...

    def truth(self, symbol: str, at_id: int | None = None) -> Truth:
        """Give the whole book at ``at_id`` (None: now)."""
        ...

    def ledger_json(self) -> dict[str, Any]:
        """Give faults, notes and what each stream sent."""
        ...

    def status_json(self) -> dict[str, Any]:
        """Give a short account of the present."""
        ...


def control_routes(venue: Controlled) -> list[Route]:
    """Return the paths below ``/loopback``."""

    async def faults(request: Request) -> Response:
        if request.method == "DELETE":
            venue.clear()
            return JSONResponse({"cleared": True})
        try:
            raw = await request.json()
            orders = [Fault.from_json(each) for each in (raw if isinstance(raw, list) else [raw])]
            entries = [venue.inject(fault) for fault in orders]
        except (BadInput, ValueError) as exc:
            return JSONResponse({"error": str(exc)}, 400)
        return _json({"entries": [entry.as_json() for entry in entries]})

    async def truth(request: Request) -> Response:
        at = request.query_params.get("id")
        try:
            found = venue.truth(request.query_params.get("symbol", ""), int(at) if at else None)
        except ValueError as exc:
            return JSONResponse({"error": str(exc)}, 400)
        except BadInput as exc:
            return JSONResponse({"error": str(exc)}, 404)
        return _json(found.as_json())

    async def ledger(_request: Request) -> Response:
        return _json(venue.ledger_json())

    async def status(_request: Request) -> Response:
        return _json(venue.status_json())

    return [
        Route("/loopback/faults", faults, methods=["POST", "DELETE"]),
        Route("/loopback/truth", truth),
        Route("/loopback/ledger", ledger),
        Route("/loopback/status", status),
    ]


def _json(value: object) -> Response:
    return Response(compact(value), media_type="application/json")
