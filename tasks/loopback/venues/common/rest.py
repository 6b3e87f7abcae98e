"""HTTP paths with faults, whatever the venue: what goes wrong on order, and a body in the venue's words."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import ClassVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from leadline.tasks.loopback.base.faults import Fault, FaultKind
from leadline.tasks.loopback.faults import drifts
from leadline.tasks.loopback.faults.desk import FaultDesk

BLIND_STALE_S = 5.0  # how old a stale snapshot is, where the order does not say

Answer = Callable[[Request], Awaitable[bytes]]
Endpoint = Callable[[Request], Awaitable[Response]]


class Refused(Exception):
    """A request that the venue answers with an error; each venue has its own codes."""


class RestPaths(ABC):
    """
    The HTTP paths of one venue; a path is wrapped by ``guard``.

    ``cut`` drops the connection that carries a request. ``begun`` is how an answer begins that is cut.
    """

    begun: ClassVar[bytes] = b"{"

    def __init__(self, faults: FaultDesk, cut: Callable[[Scope], None]) -> None:
        self._faults = faults
        self._cut = cut

    @property
    @abstractmethod
    def routes(self) -> list[Route]:
        """The paths."""

    @property
    @abstractmethod
    def used_weight(self) -> int:
        """What was used of the present budget."""

    @abstractmethod
    def write_refusal(self, refusal: Refused) -> Response:
        """Answer with an error."""

    @abstractmethod
    def refuse(self, fault: Fault) -> Refused:
        """Return the error that a fault (``rest_429``, ``rest_418``, ``rest_5xx``) orders."""

    @abstractmethod
    def headers(self) -> dict[str, str]:
        """Return what every answer carries."""

    def guard(self, answer: Answer, *, is_depth: bool = False) -> Endpoint:
        """Wrap a path with faults, error bodies and headers; ``is_depth``: it answers with a book."""

        async def endpoint(request: Request) -> Response:
            fault = self._faults.take_rest(request.query_params.get("symbol"), is_depth=is_depth)
            try:
                if fault is not None:
                    spoiled = await self._misbehave(fault, request)
                    if spoiled is not None:
                        return spoiled
                name = request.url.path.rpartition("/")[2]
                body = self._faults.drifted(f"{drifts.REST}{name}", await answer(request))
                if fault is not None and fault.kind is FaultKind.LATE_SNAPSHOT:
                    await asyncio.sleep(fault.seconds)
                response = Response(body, media_type="application/json;charset=UTF-8")
            except Refused as refusal:
                response = self.write_refusal(refusal)
            headers = self.headers()
            for changes in self._faults.drifts_of(drifts.HEADERS):
                drifts.apply(headers, changes)
            response.headers.update(headers)
            return response

        return endpoint

    async def _misbehave(self, fault: Fault, request: Request) -> Response | None:
        """Carry out a REST fault; None when the request is still to be answered."""
        kind = fault.kind
        if kind in (FaultKind.REST_429, FaultKind.REST_418, FaultKind.REST_5XX):
            raise self.refuse(fault)
        if kind is FaultKind.REST_SLOW:
            await asyncio.sleep(fault.seconds)
        elif kind is FaultKind.REST_GARBAGE:
            text = "<html><body>Just a moment...</body></html>"
            return Response(text, fault.code or 200, media_type="text/html")
        elif kind is FaultKind.REST_CUT:
            return _CutResponse(self._cut, self.begun)
        elif kind is FaultKind.STALE_SNAPSHOT:
            request.state.age_s = fault.seconds or BLIND_STALE_S
        return None


def age_s(request: Request) -> float:
    """Return how old the answer to a request is to be."""
    return float(getattr(request.state, "age_s", 0.0))


class _CutResponse(Response):
    """Promises more bytes than it sends: the client sees the line break inside the body."""

    def __init__(self, cut: Callable[[Scope], None], begun: bytes) -> None:
        super().__init__()
        self._cut = cut
        self._begun = begun

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the beginning, then drop the connection."""
        headers = [(b"content-length", b"4096"), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": self._begun, "more_body": True})
        self._cut(scope)
        while (await receive())["type"] != "http.disconnect":
            pass
