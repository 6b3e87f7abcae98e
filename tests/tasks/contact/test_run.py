"""
Contacts with the built-in venue: sound ones, and one for each planted drift.

All run side by side in one event loop, a few at a time; each test looks at the contact that is its own.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import replace

import pytest

from leadline.book.contact.findings import Finding, Verdict
from leadline.tasks.contact.run import Contact, NoContact, make_contact
from leadline.tasks.loopback import LoopbackVenue, Options
from leadline.tasks.loopback.base.faults import Fault, FaultKind
from leadline.tasks.net.clock import SYSTEM_CLOCK
from leadline.tasks.venues.common.profile import VenueProfile
from leadline.tasks.venues.registry import loopback
from tests.tasks.contact.planted import PLANTED, Planted

SECONDS = 4.0
PATIENCE_S = 6.0
AT_ONCE = 6
SYMBOLS = {"coinm": ("BTCUSD_PERP",)}
SOUND = ("spot", "usdm", "coinm", "bybit-spot", "bybit-linear-50")


async def contact(cases: Sequence[Planted]) -> Contact:
    kind, options = cases[0].kind, {key: value for case in cases for key, value in case.options.items()}
    symbols = SYMBOLS.get(kind, ("BTCUSDT", "ETHUSDT"))
    async with LoopbackVenue(Options(kind=kind, symbols=symbols, levels=400, **options)) as venue:
        for fault in dict.fromkeys(fault for case in cases for fault in case.faults):
            venue.inject(fault)
        later = tuple(fault for case in cases for fault in case.during)
        during = asyncio.create_task(disturb(venue, later))
        try:
            return await make_contact(
                profile_of(venue), symbols, seconds=SECONDS, patience_s=PATIENCE_S, clock=SYSTEM_CLOCK
            )
        finally:
            during.cancel()
            venue.clear()


def profile_of(venue: LoopbackVenue) -> VenueProfile:
    return loopback(venue.kind, ws_url=venue.ws_url, rest_url=venue.rest_url)


async def disturb(venue: LoopbackVenue, faults: tuple[Fault, ...]) -> None:
    """Order the faults once both the stream and some of its messages are under way."""
    while faults and venue.hub.frames < 150:  # noqa: ASYNC110 - the venue tells nobody of its frames
        await asyncio.sleep(0.01)
    for fault in faults:
        venue.inject(fault)


@pytest.fixture(scope="module")
def contacts() -> dict[str, Contact]:
    """Every contact by its name."""
    planted: dict[str, list[Planted]] = {}
    for case in (*(Planted(f"sound {kind}", kind, "", "") for kind in SOUND), *PLANTED):
        planted.setdefault(case.contact, []).append(case)

    async def all_of_them() -> dict[str, Contact]:
        turns = asyncio.Semaphore(AT_ONCE)

        async def one(name: str, cases: Sequence[Planted]) -> tuple[str, Contact]:
            async with turns:
                return name, await contact(cases)

        return dict(await asyncio.gather(*(one(name, cases) for name, cases in planted.items())))

    return asyncio.run(all_of_them())


@pytest.mark.parametrize("kind", SOUND)
def test_a_venue_as_documented_breaks_nothing(contacts: dict[str, Contact], kind: str) -> None:
    found = contacts[f"sound {kind}"]
    bad = (Verdict.BROKEN, Verdict.NOTED)
    wrong = [(one.assumption, one.detail) for one in found.findings if one.verdict in bad]
    assert (found.is_sound, wrong) == (True, [])


@pytest.mark.parametrize("case", PLANTED, ids=lambda case: case.name)
def test_the_report_names_what_was_planted(contacts: dict[str, Contact], case: Planted) -> None:
    found = contacts[case.contact]
    told = [one for one in found.findings if one.assumption.startswith(case.assumption)]
    met = [(one.verdict.value, one.detail) for one in told or found.findings]
    assert any(verdict == case.verdict and case.words in detail for verdict, detail in met), met
    if case.verdict is Verdict.BROKEN:
        assert not found.is_sound


def test_every_assumption_has_a_planted_fault(contacts: dict[str, Contact]) -> None:
    """But those that only say how much came: the streams of each symbol, each field's message."""
    planted = {case.assumption for case in PLANTED}
    told = {one.assumption for kind in SOUND for one in contacts[f"sound {kind}"].findings}
    left = {
        one
        for one in told
        if not any(one.startswith(known) for known in planted)
        and not one.startswith(("fields of: ", "weight of "))
        and "the stream of" not in one
        and "is listed and trades" not in one
    }
    assert left == {
        "/market carries no diffs",
        "a book's stream begins with a snapshot",
        "used weight is told",
        "the venue's pings",
        "our heartbeat is answered",
        "one connection serves depth, ticker, trade and stays",
        "the venue pings every 180 s",
    }


def test_a_venue_asked_for_microseconds_is_held_against_them() -> None:
    async def micros() -> Contact:
        async with LoopbackVenue(Options(symbols=("BTCUSDT",), levels=200)) as venue:
            profile = profile_of(venue).in_unit(1_000)
            return await make_contact(profile, ("BTCUSDT",), seconds=3, patience_s=2, clock=SYSTEM_CLOCK)

    found = asyncio.run(micros())
    assert found.is_sound, [one for one in found.findings if one.verdict is Verdict.BROKEN]
    assert finding(found, "event times are microseconds of now").verdict is Verdict.HOLDS


def test_pings_as_often_as_documented_hold() -> None:
    async def pinged() -> Contact:
        async with LoopbackVenue(Options(symbols=("BTCUSDT",), levels=200, ping_s=0.7)) as venue:
            profile = replace(profile_of(venue), ping_every_s=0.7)
            return await make_contact(profile, ("BTCUSDT",), seconds=4, patience_s=2, clock=SYSTEM_CLOCK)

    assert finding(asyncio.run(pinged()), "the venue pings every 0.7 s").verdict is Verdict.HOLDS


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (None, "ConnectError"),
        (Fault(FaultKind.LISTING, "BTCUSDT", text="unlisted"), "nothing to stream: BTCUSDT"),
        (Fault(FaultKind.REFUSE, seconds=30.0), "Connect"),
    ],
    ids=["no-address", "no-symbol", "no-stream"],
)
def test_no_contact_is_one_clear_line(fault: Fault | None, why: str) -> None:
    async def tried() -> None:
        async with contextlib.AsyncExitStack() as stack:
            venue = await stack.enter_async_context(LoopbackVenue(Options(symbols=("BTCUSDT",), levels=50)))
            profile = profile_of(venue)
            if fault is None:
                profile = replace(profile, rest_bases=("http://127.0.0.1:9",))
            else:
                venue.inject(fault)
            await make_contact(profile, ("BTCUSDT",), seconds=3, patience_s=2, clock=SYSTEM_CLOCK)

    with pytest.raises(NoContact, match=why) as caught:
        asyncio.run(tried())
    assert "\n" not in str(caught.value)


def finding(found: Contact, assumption: str) -> Finding:
    return next(one for one in found.findings if one.assumption == assumption)
