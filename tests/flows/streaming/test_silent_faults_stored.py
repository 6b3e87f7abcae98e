"""A level spoilt deep in a book: from the venue, by way of the host, to what SQL says of the minute."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

from leadline.flows.config.settings import Settings
from leadline.flows.streaming.host import StreamHost
from leadline.storage.access.connect import connect
from leadline.storage.queries.trust import judge, newest
from leadline.tasks.loopback import Fault, Options
from leadline.tasks.loopback.threaded import run_in_thread
from tests.flows.waiting import until

SYMBOL = "BTCUSDT"
SHALLOW = 80  # levels a side at the start: an audit of 100 lists the whole book


def test_a_level_that_an_audit_finds_wrong_is_stored_with_its_evidence(tmp_path: Path) -> None:
    with run_in_thread(Options(symbols=(SYMBOL,), levels=SHALLOW)) as venue:
        settings = Settings(
            db=tmp_path / "x.duckdb",
            home=tmp_path / "home",
            venue="loopback-spot",
            symbols=(SYMBOL,),
            ws_url=venue.ws_url,
            rest_url=venue.rest_url,
            audit_every_s=0.1,  # as often as the request weight allows
            audit_levels=100,
        )
        host = StreamHost(settings, host_grace_s=0)
        host.open()
        try:
            until(lambda: host.status().feed.audits.done > 0, "a first audit")
            assert host.status().feed.audits.misses == 0

            def found() -> int:
                # One level may be set anew before the next audit, so another is spoilt.
                if not host.status().feed.audits.misses:
                    venue.inject(Fault("wrong_qty", SYMBOL, text="deepest"))
                return host.status().feed.audits.misses

            until(found, "an audit finds a level wrong")
            until(lambda: host.status().feed.live == 1, "a new seed")
            done = host.status().feed.audits.done
            until(lambda: host.status().feed.audits.done > done, "the new book is audited too")
        finally:
            host.close()
        with connect(settings.db) as con:
            now = newest(con, SYMBOL)
            assert now is not None
            verdict = judge(con, SYMBOL, now - dt.timedelta(hours=1), now)
        evidence = [row for row in verdict.mismatches.dicts() if row["kind"] == "audit" and row["refuted"]]
        first = evidence[0]
        truth = venue.truth(SYMBOL, first["witness_id"])
    is_bid = first["witness_bid_px"] is not None
    side, levels = ("bid", truth.bids) if is_bid else ("ask", truth.asks)
    lots = {float(truth.scale.price(price)): truth.scale.quantity(lots) for price, lots in levels}
    assert first["book_id"] <= first["witness_id"]
    assert first[f"{side}_px"] == first[f"witness_{side}_px"]
    assert first[f"witness_{side}_qty"] == float(lots.get(first[f"{side}_px"], 0))
    assert first[f"{side}_qty"] != first[f"witness_{side}_qty"]
    (found_then,) = [
        row
        for row in verdict.untrusted.dicts()
        if row["minute"] == first["ts"].replace(second=0, microsecond=0)
    ]
    (summary,) = verdict.summary.dicts()
    assert not verdict.is_trusted
    assert len(evidence) <= summary["audit_mismatches"] < summary["audited"]
    assert re.search(r"\b\d+ levels unlike the venue's; book discarded", found_then["why"])
    assert "mismatch" in {gap["cause"] for gap in verdict.gaps.dicts()}
