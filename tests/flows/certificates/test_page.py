"""The page of a day: what is yet to be proved of a venue stands above everything else."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from leadline.flows.certificates.page import certificate_page
from leadline.storage.access.connect import connect
from leadline.storage.certificates.day import certify_day
from tests.storage.exports.days import ODD, make_day


def test_a_caveat_is_the_first_thing_said(tmp_path: Path) -> None:
    day = make_day(1)
    day.store(tmp_path / "x.duckdb")
    later = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
    with connect(tmp_path / "x.duckdb") as con:
        told, course = certify_day(
            con, ODD.venue, ODD.symbol, day.moments[0].date(), now=later, made_by="test"
        )
    plain = certificate_page(told, course)
    page = certificate_page({**told, "caveat": "no <frame> was met"}, course)
    assert "no &lt;frame&gt; was met" not in plain
    assert page.index("no &lt;frame&gt; was met") < page.index("of the day covered")
