"""The promises of decisions and of the ledger: a row that breaks one is found."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from leadline.storage.access.connect import Connection, connect
from leadline.storage.signals import invariants as audit
from leadline.storage.signals import rows
from leadline.storage.spend import ledger, prices
from tests.storage.signals.market import EPOCH, Stored
from tests.storage.signals.test_rows import decision
from tests.storage.spend.plans import DAY_USD, outcome, plan, price


@pytest.fixture
def con(db: Path) -> Iterator[Connection]:
    with connect(db, write=True) as made:
        prices.load(made, [price()])
        yield made


def test_nothing_is_found_where_nothing_is_wrong(con: Connection) -> None:
    Stored(con).quiet_book()
    ok = {"outcome": "ok", "direction": "bullish", "confidence": 0.5}
    rows.put(con, [decision("a", epoch=EPOCH, last_id=30, mid_at_snapshot=100.5, **ok)])
    assert audit.judged(con).dicts()[0]["mid_at_snapshot"] == 100.5
    for look in (audit.untrusted, audit.false_directions, audit.called_though_refused):
        assert look(con).rows == []


@pytest.mark.parametrize(
    "told",
    [
        pytest.param({"epoch": EPOCH + 1}, id="of-another-epoch"),
        pytest.param({"last_id": 0}, id="before-trust-began"),
        pytest.param({"symbol": "ETHUSDT"}, id="of-a-market-never-covered"),
    ],
)
def test_a_decision_on_a_book_not_trusted_is_found(con: Connection, told: dict[str, Any]) -> None:
    Stored(con).quiet_book()
    rows.put(con, [decision("a", **{"epoch": EPOCH, "last_id": 30, "mid_at_snapshot": 100.5, **told})])
    assert len(audit.untrusted(con).rows) == 1


@pytest.mark.parametrize(
    ("told", "found"),
    [
        pytest.param([], 1, id="nobody-knows-when"),
        pytest.param([(-60, "LIVE", "ready"), (-0.001, "BUFFERING", "gap")], 1, id="known-a-moment-before"),
        pytest.param([(-60, "LIVE", "ready"), (0.001, "BUFFERING", "gap")], 0, id="known-a-moment-after"),
        pytest.param([(-60, "LIVE", "ready")], 0, id="known-never"),
        pytest.param(
            [(-60, "LIVE", "ready"), (-5, "BUFFERING", "gap"), (5, "LIVE", "ready")], 1, id="healed-later"
        ),
    ],
)
def test_a_decision_after_the_end_of_trust_was_known_is_found(
    con: Connection, told: list[tuple[float, str, str]], found: int
) -> None:
    """Coverage ends with the last diff, ten seconds before the decision: what matters is who knew."""
    market = Stored(con)
    market.covered(-60, -10, 30, ended_by="gap")
    for seconds, state, reason in told:
        market.event(seconds, state, reason, before="BUFFERING" if state == "LIVE" else "LIVE")
    rows.put(con, [decision("a", epoch=EPOCH, last_id=30, mid_at_snapshot=100.5)])
    assert len(audit.untrusted(con).rows) == found


def test_a_failure_with_a_confidence_is_found(con: Connection) -> None:
    rows.put(con, [decision("a", outcome="error", confidence=0.9)])
    assert audit.false_directions(con).rows[0][3] == "error"


def test_a_call_for_a_refused_book_and_an_unequal_cost_are_found(con: Connection) -> None:
    one = plan("c", signal_id="a")
    ledger.reserve(con, one, default_usd_per_day=DAY_USD)
    ledger.settle(con, outcome(one), now=one.ts)
    rows.put(con, [decision("a", outcome="refused_stale")])
    assert audit.called_though_refused(con).rows[0][2:] == ("refused_stale", 1)
    assert audit.unequal_costs(con).rows == []
    con.execute("UPDATE signals SET cost_usd = 0")
    assert audit.unequal_costs(con).rows == [("a", Decimal(0), Decimal("0.00075"))]
    assert audit.attempts(con).dicts()[0]["prompt_tokens"] == 700
