"""
One artifact a page, updated in place, so that updates do not pile up as rows.

Prefect versions keyed artifacts and never replaces one by itself: a hundred creates are a hundred rows. An
update by id changes that version, and with it what the UI shows as the latest. So each stream run creates
its pages once, and short runs create them once a day; in between they are updated. Versions of earlier days
are deleted together with their flow runs, by Prefect's vacuum or the flow ``tend-prefect``.

Prefect's UI reads descriptions as markdown, too: they are written as `flows.render.markdown` does.

The client's own ``update_artifact`` is not used: it sends an event with the whole page in its payload, so
that every update would be a row after all, kept as long as events are.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from http import HTTPStatus
from uuid import UUID

from httpx import HTTPStatusError
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import ArtifactCreate
from prefect.client.schemas.filters import ArtifactCollectionFilter, ArtifactCollectionFilterKey

from leadline.flows.prefect_ui.pages import Page
from leadline.flows.render.markdown import plain

A_DAY = dt.timedelta(days=1)


class ArtifactStore:
    """The artifacts of one flow run; with ``flow_run_id`` None they belong to no run."""

    def __init__(self, flow_run_id: UUID | None, *, is_long_lived: bool) -> None:
        """``is_long_lived``: a stream, which creates its own pages at its start and shares none."""
        self._flow_run_id = flow_run_id
        self._is_long_lived = is_long_lived
        self._ids: dict[str, UUID] = {}

    async def put(self, pages: Sequence[Page]) -> None:
        """Show these pages; raises what Prefect's client raises when the API is away."""
        async with get_client() as client:
            for page in pages:
                await self._put(client, page)

    async def _put(self, client: PrefectClient, page: Page) -> None:
        known = self._ids.get(page.key) or await self._todays(client, page.key)
        if known is not None:
            self._ids.pop(page.key, None)
            if await _updated(client, known, page):
                self._ids[page.key] = known
                return
        made = await client.create_artifact(
            ArtifactCreate(
                key=page.key,
                type="markdown",
                data=page.markdown,
                description=plain(page.description),
                flow_run_id=self._flow_run_id,
            )
        )
        self._ids[page.key] = made.id

    async def _todays(self, client: PrefectClient, key: str) -> UUID | None:
        if self._is_long_lived:
            return None
        named = ArtifactCollectionFilter(key=ArtifactCollectionFilterKey(any_=[key]))
        for found in await client.read_latest_artifacts(artifact_filter=named, limit=1):
            if found.created is not None and dt.datetime.now(dt.UTC) - found.created < A_DAY:
                return found.latest_id
        return None


async def _updated(client: PrefectClient, artifact_id: UUID, page: Page) -> bool:
    """Overwrite the artifact; False if it has been deleted."""
    content = {"data": page.markdown, "description": plain(page.description)}
    try:
        await client.request("PATCH", "/artifacts/{id}", path_params={"id": artifact_id}, json=content)
    except HTTPStatusError as exc:
        if exc.response.status_code != HTTPStatus.NOT_FOUND:
            raise
        return False
    return True


async def show(pages: Sequence[Page], flow_run_id: str | None) -> None:
    """Show pages of a short run."""
    await ArtifactStore(UUID(flow_run_id) if flow_run_id else None, is_long_lived=False).put(pages)
