"""The rules of turns and circuits, with a clock turned by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadline.tasks.llm.limits import (
    FAILURES,
    LATE_NS,
    LONGEST_BLOCK_NS,
    LONGEST_OPEN_NS,
    NS,
    OPEN_NS,
    PROBE_NS,
    REMEMBER_NS,
    WINDOW_NS,
    ModelState,
    ProviderState,
    RetryLater,
    Turn,
    TurnRefused,
    TurnResult,
    admit,
    circuits,
    known_capability,
    learn_capability,
    report,
)

T0 = 1_000 * NS
MINUTE_NS = 60 * NS


def turn(
    state: ProviderState, now_ns: int = T0, *, patience_ns: int = MINUTE_NS, limit: int = 10
) -> object:
    return admit(state, "m", now_ns, limit=limit, patience_ns=patience_ns)


def reports(state: ProviderState, verdicts: str, now_ns: int = T0) -> list[str | None]:
    """Report s(uccess), f(ailure) or n(one), in order."""
    words: dict[str, TurnResult] = {"s": "success", "f": "failure", "n": "none"}
    return [report(state, "m", now_ns, words[letter]) for letter in verdicts]


def test_ten_go_at_once_and_the_eleventh_a_window_later() -> None:
    state = ProviderState()
    assert [turn(state) for _ in range(10)] == [Turn(0.0)] * 10
    assert turn(state) == Turn(WINDOW_NS / NS)
    assert turn(state, T0 + WINDOW_NS) == Turn(0.0)


def test_no_turn_in_time_takes_none() -> None:
    state = ProviderState()
    for _ in range(10):
        turn(state)
    assert turn(state, patience_ns=NS) == TurnRefused("rate", "no turn for 1.1 s at 10 requests a second")
    assert len(state.slots) == 10
    assert turn(state) == Turn(WINDOW_NS / NS)


@given(
    st.lists(st.integers(0, 400_000_000), min_size=1, max_size=80),
    st.integers(1, 12),
    st.integers(0, LATE_NS),
)
def test_never_more_than_the_limit_in_any_second(gaps_ns: list[int], limit: int, late_ns: int) -> None:
    """Whoever goes within LATE_NS of its instant keeps the limit, whenever it asked."""
    state, now_ns, sent = ProviderState(), T0, []
    for number, gap_ns in enumerate(gaps_ns):
        now_ns += gap_ns
        got = turn(state, now_ns, limit=limit)
        if isinstance(got, Turn):
            sent.append(now_ns + round(got.wait_s * NS) + (late_ns if number % 2 else 0))
    sent.sort()
    for first, last in zip(sent, sent[limit:], strict=False):
        assert last - first >= NS - 2  # nanoseconds lost in a float of seconds


def test_retry_after_binds_everybody_for_a_time() -> None:
    state = ProviderState()
    report(state, "m", T0, "success", retry_after_s=30)
    assert turn(state) == RetryLater(30.0)
    assert turn(state, patience_ns=NS) == TurnRefused("rate", "the provider asked to wait another 30.0 s")
    assert admit(state, "other", T0, limit=10, patience_ns=0) == Turn(0.0)
    assert turn(state, T0 + 30 * NS) == Turn(0.0)
    report(state, "m", T0, "success", retry_after_s=86_400)
    assert turn(state, T0 + LONGEST_BLOCK_NS) == Turn(0.0)


def test_circuit_opens_probes_and_closes() -> None:
    state = ProviderState()
    assert reports(state, "f" * FAILURES) == [None] * (FAILURES - 1) + ["open"]
    assert turn(state) == TurnRefused("circuit", "circuit open for another 30.0 s")
    half = T0 + OPEN_NS
    assert turn(state, half) == Turn(0.0, "half-open")
    assert turn(state, half) == TurnRefused("circuit", "circuit half-open: its probe is under way")
    assert reports(state, "s", half) == ["closed"]
    assert turn(state, half) == Turn(0.0)
    assert circuits(state, "p", half) == []


def test_failed_probe_opens_for_twice_as_long_up_to_a_bound() -> None:
    state, now_ns = ProviderState(), T0
    reports(state, "f" * FAILURES)
    for times in (2, 4, 8, 16, 32):
        now_ns = state.models["m"].open_until_ns
        turn(state, now_ns)
        assert reports(state, "f", now_ns) == ["open"]
        assert state.models["m"].open_until_ns - now_ns == min(times * OPEN_NS, LONGEST_OPEN_NS)


def test_a_success_between_keeps_it_closed() -> None:
    assert reports(ProviderState(), ("f" * (FAILURES - 1) + "s") * 3) == [None] * FAILURES * 3


def test_what_was_under_way_when_it_opened_does_not_prolong() -> None:
    state = ProviderState()
    reports(state, "f" * FAILURES)
    until = state.models["m"].open_until_ns
    assert reports(state, "fff", T0 + NS) == [None] * 3
    assert state.models["m"].open_until_ns == until


def test_given_up_probe_lets_the_next_one_go() -> None:
    state = ProviderState()
    reports(state, "f" * FAILURES)
    half = T0 + OPEN_NS
    turn(state, half)
    assert reports(state, "n", half) == [None]
    assert turn(state, half) == Turn(0.0, "half-open")


def test_probe_of_a_dead_process_is_not_waited_for_long() -> None:
    state = ProviderState()
    reports(state, "f" * FAILURES)
    half = T0 + OPEN_NS
    turn(state, half)
    assert isinstance(turn(state, half + PROBE_NS - 1), TurnRefused)
    assert turn(state, half + PROBE_NS) == Turn(0.0, "half-open")


def test_open_and_half_open_circuits_are_told() -> None:
    state = ProviderState()
    reports(state, "f" * FAILURES)
    (told,) = circuits(state, "p", T0)
    assert (told.provider, told.model, told.state) == ("p", "m", "open")
    assert told.reason == "5 failures in a row; next probe in 30.0 s"
    (told,) = circuits(state, "p", T0 + OPEN_NS)
    assert told.state == "half-open"


def test_a_learnt_form_is_forgotten_after_an_hour() -> None:
    state = ProviderState()
    learn_capability(state, "m", T0, "json_object")
    assert known_capability(state, "m", T0 + REMEMBER_NS - 1) == "json_object"
    assert known_capability(state, "m", T0 + REMEMBER_NS) is None
    assert known_capability(state, "other", T0) is None


def test_after_a_restart_of_the_machine_nothing_binds() -> None:
    """The monotonic clock began anew: all stored instants lie far ahead."""
    state = ProviderState(
        slots=[T0 * 10] * 10,
        models={"m": ModelState(open_until_ns=T0 * 10, blocked_until_ns=T0 * 10, failures=7)},
    )
    assert turn(state) == Turn(0.0)
    assert state.models["m"] == ModelState()


@pytest.mark.parametrize("limit", [1, 3])
def test_waiting_callers_queue(limit: int) -> None:
    state = ProviderState()
    waits = [got.wait_s for _ in range(limit * 3) if isinstance(got := turn(state, limit=limit), Turn)]
    assert waits == [n * WINDOW_NS / NS for n in range(3) for _ in range(limit)]
