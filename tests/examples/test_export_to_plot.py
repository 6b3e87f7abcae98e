"""The example does what it says, from a database to drawings."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

from leadline.storage.access.connect import connect
from tests.flows.commands import ROOT, environ
from tests.storage.scores.market import Synthetic
from tests.storage.signals.market import NOON

# An export begins with a book: what each interval began with.
SEEDS = """
INSERT INTO seeds BY NAME
SELECT venue, symbol, epoch, ts_from AS ts_recv, epoch_us(ts_from) * 1000 AS recv_ns, first_id AS last_id,
       [99.0] AS bid_px, [1.0] AS bid_qty, [101.0] AS ask_px, [1.0] AS ask_qty, 'venue' AS source
FROM coverage
"""
# … and the diff that each interval ended with.
DIFFS = """
INSERT INTO depth_diffs BY NAME
SELECT venue, symbol, epoch, ts_to AS ts_event, ts_to AS ts_recv, epoch_us(ts_to) * 1000 AS recv_ns,
       first_id + 1 AS first_id, last_id, [99.0] AS bid_px, [1.0] AS bid_qty, [] AS ask_px, [] AS ask_qty
FROM coverage
"""
AN_HOUR = dt.timedelta(hours=1)
SVG = "{http://www.w3.org/2000/svg}"


def test_from_a_database_to_a_plot(tmp_path: Path) -> None:
    with connect(tmp_path / "demo.duckdb", write=True) as con:
        market = Synthetic(con, hours=2, until=NOON - 3 * AN_HOUR).prices()
        market.covered((0.0, 1.0, "gap"), (1.1, 1.99, "stopped"))
        con.execute(SEEDS)
        con.execute(DIFFS)
    script = ROOT / "examples" / "export_to_plot.py"
    assert script.read_text(encoding="utf-8").count("\n# %% ") >= 6
    ran = subprocess.run(
        [sys.executable, str(script)], cwd=tmp_path, env=environ(PYTHONPATH=str(ROOT)), capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    first, *said = ran.stdout.splitlines()
    assert first.startswith("BTCUSDT ")
    assert first.endswith(": 94.56 % covered, 2 gaps")
    # In a random walk there is nothing to be found.
    answers = [line for line in said if line.startswith("after ")]
    assert len(answers) >= 2
    assert all(line.endswith("no evidence") for line in answers)
    for path in json.loads(said[-1])["plots"]:
        drawn = ElementTree.fromstring((tmp_path / path).read_text(encoding="utf-8"))
        assert drawn.find(f"{SVG}title") is not None
    book = ElementTree.fromstring(
        (tmp_path / "export-example" / "leadline.book.svg").read_text(encoding="utf-8")
    )
    assert len(book.findall(f"{SVG}polyline")) >= 3
    shaded = {title.text for title in book.iterfind(f"{SVG}rect/{SVG}title")}
    assert shaded == {"gap", "stopped"}
