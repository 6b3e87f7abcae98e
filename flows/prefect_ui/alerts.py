"""
Automations in code: what Prefect does when a stream or a book is in trouble.

    stream down     a stream's run crashed                       → its deployment runs at once
    zombie run      a stream's beat stopped                      → its run is Crashed (and then the above)
    stream away     it stopped, and none began in five minutes   → notification
    book stale      a book is not LIVE again within a minute     → notification
    budget spent    a budget has no room for a call              → notification

A notification is an event of the automation in Prefect's feed, and a message by the notification block that
`ensure` got, if any. Automations are found by name, so that `ensure` changes only what differs; one that a
person switched off stays off. Import this after the environment names the API.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.events.actions import (
    ActionTypes,
    ChangeFlowRunState,
    DoNothing,
    RunDeployment,
    SendNotification,
)
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification
from prefect.exceptions import ObjectNotFound, PrefectException

from leadline.book.errors import BadInput, LeadlineError
from leadline.flows.config.names import STREAM
from leadline.flows.prefect_ui.events import BEAT, BEAT_S

STALE = dt.timedelta(minutes=1)
AWAY = dt.timedelta(minutes=5)
# A crash loop starts a run a minute, no more; the deployment's schedule is there besides.
AGAIN = dt.timedelta(minutes=1)
BEATS = 3  # that may be missed
ENDS = ("Completed", "HandedOver", "Failed", "Crashed", "Cancelled")
SLACK = dt.timedelta(seconds=15)
ID, NAME, ROLE = "prefect.resource.id", "prefect.resource.name", "prefect.resource.role"


class NoAutomations(LeadlineError):
    """The Prefect API does not accept automations; the message holds its answer."""


@dataclass(frozen=True, slots=True)
class AppliedAutomation:
    """What `ensure` or `remove` did about one automation."""

    name: str
    done: str  # "created", "updated", "unchanged" or "removed"
    enabled: bool


def automations(
    *, notify: UUID | None = None, stale: dt.timedelta = STALE, away: dt.timedelta = AWAY
) -> list[AutomationCore]:
    """Return our automations; ``notify`` is a notification block that sends a message as well."""
    of_stream = _labels({ROLE: "flow", NAME: STREAM})
    deployed = _labels({ROLE: "deployment", ID: "prefect.deployment.*"})
    run = _labels({ID: "prefect.flow-run.*"})
    return [
        AutomationCore(
            name="leadline: stream down",
            description="A stream's run crashed: run its deployment at once. If another stream has the "
            "database by then, that run ends as AlreadyRunning.",
            trigger=EventTrigger(
                expect={"prefect.flow-run.Crashed"},
                match=run,
                match_related=[of_stream, deployed],
                for_each={f"related:deployment:{ID}"},
                posture=Posture.Reactive,
                threshold=1,
                within=AGAIN,
            ),
            actions=[
                RunDeployment.model_validate({"source": "inferred"}),
                *_notification(notify, "the stream's run crashed"),
            ],
        ),
        AutomationCore(
            name="leadline: zombie run",
            description=f"A stream missed {BEATS} beats: its process is gone, so its run is Crashed. One "
            "that was only cut off from Prefect puts itself right.",
            # Not Prefect's own heartbeat: that of a short run may come after the run's last event, and
            # nothing would follow it.
            trigger=EventTrigger(
                after={BEAT},
                expect={BEAT, *(f"prefect.flow-run.{state}" for state in ENDS)},
                match=run,
                for_each={ID},
                posture=Posture.Proactive,
                threshold=1,
                within=BEATS * dt.timedelta(seconds=BEAT_S) + SLACK,
            ),
            actions=[
                ChangeFlowRunState.model_validate(
                    {"state": "CRASHED", "name": "Crashed", "message": "no beat came: its process is gone"}
                ),
                *_notification(notify, "a stream's process is gone"),
            ],
        ),
        AutomationCore(
            name="leadline: stream away",
            description="A stream stopped and none began within five minutes. Look at the runs of "
            "stream-books and at the worker; leadline doctor checks the machine.",
            trigger=EventTrigger(
                after={"leadline.stream.stopped"},
                expect={"leadline.stream.started"},
                match=_labels({ID: "leadline.venue.*"}),
                for_each={ID},
                posture=Posture.Proactive,
                threshold=1,
                within=away,
            ),
            actions=_notification(notify, "the stream stopped and is not back") or [DoNothing()],
        ),
        AutomationCore(
            name="leadline: book stale for a minute",
            description="A book left LIVE and is not back after a minute. The artifact leadline-health "
            "says why, and stream.log in the home folder has the details.",
            trigger=EventTrigger(
                after={"leadline.stale"},
                expect={"leadline.live"},
                match=_labels({ID: ["leadline.book.*", "leadline.venue.*"]}),
                for_each={ID},
                posture=Posture.Proactive,
                threshold=1,
                within=stale,
            ),
            actions=_notification(notify, "not to be read for a minute") or [DoNothing()],
        ),
        AutomationCore(
            name="leadline: budget spent",
            description="A budget has no room for the next call, so no model is asked until its window "
            "ends. leadline spend shows where the money went.",
            trigger=EventTrigger(
                expect={"leadline.budget.spent"},
                for_each={ID},
                posture=Posture.Reactive,
                threshold=1,
                within=dt.timedelta(hours=1),
            ),
            actions=_notification(notify, "budget spent") or [DoNothing()],
        ),
    ]


def _labels(wanted: dict[str, str | list[str]]) -> ResourceSpecification:
    return ResourceSpecification.model_validate(wanted)


def _notification(notify: UUID | None, words: str) -> list[ActionTypes]:
    if notify is None:
        return []
    about = "{{ event.resource['prefect.resource.name'] or event.resource['prefect.resource.id'] }}"
    return [
        SendNotification(
            block_document_id=notify,
            subject=f"leadline: {about}: {words}",
            body=f"{about}: {words}. {{{{ event.payload }}}}",
        )
    ]


def ensure(
    *, notify: str | None = None, stale: dt.timedelta = STALE, away: dt.timedelta = AWAY
) -> list[AppliedAutomation]:
    """
    Create or update our automations and return what was done about each.

    ``notify`` names a notification block as ``type/name``, such as slack-webhook/ops. Raises `BadInput`
    for one that is not there, `NoAutomations` where the API does not answer or refuses.
    """
    try:
        with get_client(sync_client=True) as client:
            block = None if notify is None else _block(client, notify)
            return [_apply(client, each) for each in automations(notify=block, stale=stale, away=away)]
    except (httpx.HTTPError, PrefectException) as exc:
        raise NoAutomations(f"the Prefect API: {type(exc).__name__}: {exc}") from exc


def remove() -> list[AppliedAutomation]:
    """Remove our automations; raises `NoAutomations`."""
    gone = []
    try:
        with get_client(sync_client=True) as client:
            for each in automations():
                for found in client.read_automations_by_name(each.name):
                    client.delete_automation(found.id)
                    gone.append(AppliedAutomation(each.name, "removed", enabled=False))
    except (httpx.HTTPError, PrefectException) as exc:
        raise NoAutomations(f"the Prefect API: {type(exc).__name__}: {exc}") from exc
    return gone


def _block(client: SyncPrefectClient, notify: str) -> UUID:
    kind, _, name = notify.partition("/")
    try:
        return client.read_block_document_by_name(name, kind).id
    except ObjectNotFound:
        raise BadInput(
            f"there is no notification block {notify!r}; expected type/name, as prefect block ls shows them"
        ) from None


def _apply(client: SyncPrefectClient, each: AutomationCore) -> AppliedAutomation:
    there = client.read_automations_by_name(each.name)
    if not there:
        client.create_automation(each)
        return AppliedAutomation(each.name, "created", enabled=True)
    found, *doubles = there
    for double in doubles:
        client.delete_automation(double.id)
    each.enabled = found.enabled
    if _meaning(found) == _meaning(each):
        return AppliedAutomation(each.name, "unchanged", each.enabled)
    client.update_automation(found.id, each)
    return AppliedAutomation(each.name, "updated", each.enabled)


def _meaning(each: AutomationCore) -> dict[str, Any]:
    """Return what an automation says, without the marks the server puts on it."""
    content = each.model_dump(mode="json", include={"description", "trigger", "actions"})
    return dict(_plain(content))


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return {key: _plain(each) for key, each in value.items() if key != "id" and each is not None}
        case list() if all(isinstance(each, str) for each in value):
            return sorted(value) if len(value) != 1 else value[0]  # a set, or one word as a list
        case list():
            return [_plain(each) for each in value]
    return value
