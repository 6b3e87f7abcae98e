from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from leadline.book.contact.findings import Finding, Verdict
from leadline.flows.contact.report import Report
from leadline.flows.contact.traces import Traces
from leadline.tasks.contact.run import Contact

BEGAN = dt.datetime(2026, 11, 30, 16, 0, tzinfo=dt.UTC)
HOLDS = Finding("ids", "each diff joins", Verdict.HOLDS, "87 diffs", "web-socket-streams.md")
BROKEN = Finding(
    "connection", "a | serves", Verdict.BROKEN, "http://10.1.2.3/x refused\nby annabel", "rest-api.md"
)


def report(*findings: Finding) -> Report:
    contact = Contact(("BTCUSDT",), 60.04, findings)
    return Report.of(contact, "binance-spot", BEGAN, "1.2", Traces(names=("annabel",)))


def test_a_report_can_be_read_and_sent(tmp_path: Path) -> None:
    made = report(HOLDS, BROKEN)
    page, data = made.write(tmp_path)
    assert (page.name, data.name) == (
        "contact-binance-spot-20261130T160000Z.md",
        "contact-binance-spot-20261130T160000Z.json",
    )
    text, told = page.read_text("utf-8"), json.loads(data.read_text("utf-8"))
    assert "**1 of 2 assumptions are broken; 0 differ and are borne, 0 were not seen.**" in text
    assert r"| connection | a \| serves | \<address\> refused by \<name\> | rest-api.md |" in text
    assert text.index("## Broken") < text.index("## Holds")
    assert (told["verdict"], told["venue"], told["seconds"]) == ("broken", "binance-spot", 60.0)
    assert [one["verdict"] for one in told["findings"]] == ["holds", "broken"]
    assert not any(secret in text + json.dumps(told) for secret in ("10.1.2.3", "annabel"))


@pytest.mark.parametrize("verdict", [Verdict.NOTED, Verdict.UNSEEN])
def test_what_is_borne_or_not_seen_breaks_nothing(verdict: Verdict) -> None:
    made = report(HOLDS, Finding("clock", "both agree", verdict, "x"))
    assert made.headline.startswith("no assumption is broken: 1 of 2 hold")
    assert made.as_json()["verdict"] == "holds"
