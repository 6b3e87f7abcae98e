"""``leadline sql``: statements, the prompt, pipes."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from leadline.storage.access.connect import connect
from leadline.storage.access.owner import Owner
from tests.flows.commands import ROOT, environ, finish, leadline, start

SERIES = "SELECT i AS n, i / 4 AS share FROM range(300) r(i) ORDER BY i"


def test_a_long_table_is_cut_with_a_word_and_csv_is_not(
    db: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = leadline(capsys, "sql", "--db", db, SERIES)
    assert len(said.out.splitlines()) == 202
    assert said.err == "(200 rows)\nthere are more rows: --limit 2000 shows more, --limit 0 all\n"
    rows = list(
        csv.DictReader(io.StringIO(leadline(capsys, "sql", "--db", db, "--format", "csv", SERIES).out))
    )
    assert len(rows) == 300
    assert rows[3] == {"n": "3", "share": "0.75"}
    told = json.loads(leadline(capsys, "sql", "--db", db, "--json", "--limit", "2", SERIES).out)
    assert told == [{"n": 0, "share": 0.0}, {"n": 1, "share": 0.25}]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("DELETE FROM trades", "not a statement that only reads; --write allows others"),
        ("SELEC 1", 'syntax error at or near "SELEC"'),
        ("SELECT * FROM nothing_here", "Table with name nothing_here does not exist"),
    ],
)
def test_a_refused_statement(
    db: Path, capsys: pytest.CaptureFixture[str], statement: str, expected: str
) -> None:
    said = leadline(capsys, "sql", "--db", db, statement)
    assert said.code == 1
    assert expected in said.err
    assert "Traceback" not in said.err


def test_writing_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    db = tmp_path / "x.duckdb"
    Owner(db).close()
    insert = "INSERT INTO budgets VALUES ('all', 'day', 1.5, TIMESTAMP '2026-01-01')"
    assert leadline(capsys, "sql", "--db", db, insert).code == 1
    assert leadline(capsys, "sql", "--db", db, "--write", insert).code == 0
    said = leadline(capsys, "sql", "--db", db, "--format", "csv", "SELECT scope, limit_usd FROM budgets")
    assert said.out == "scope,limit_usd\nall,1.5\n"


def test_reading_and_writing_beside_an_owner_in_another_process(db: Path) -> None:
    with Owner(db, serve=True):
        for argv in (["SELECT count(*) AS n FROM depth_diffs"], ["--write", "CHECKPOINT"]):
            said = finish(start(db.parent, "sql", "--db", db, "--json", *argv))
            assert said.code == 0, said.err
        said = finish(start(db.parent, "sql", "--db", db, "DELETE FROM depth_diffs"))
        assert said.code == 1


@pytest.mark.parametrize("zone", ["Asia/Kathmandu", "America/New_York"])
def test_now_is_utc_in_any_time_zone(db: Path, zone: str) -> None:
    asked = (
        "SELECT epoch_us(now()::TIMESTAMP) - epoch_us(now()) AS us, current_setting('TimeZone') AS zone, "
        "TIMESTAMPTZ '2026-05-28 18:45:00+00' AS moment, CAST(moment AS TIMESTAMP) AS plain"
    )
    said = finish(start(db.parent, "sql", "--db", db, "--format", "csv", asked, env=environ(TZ=zone)))
    assert said.out.splitlines()[1].split(",") == ["0", "UTC", "2026-05-28 18:45:00", "2026-05-28 18:45:00"]


def test_the_demo_is_read_where_there_is_nothing_else(tmp_path: Path) -> None:
    said = finish(start(tmp_path, "sql", "SELECT 1"))
    assert said.code == 1
    assert "there is no database leadline.duckdb; make one with leadline demo" in said.err
    Owner(tmp_path / "demo.duckdb").close()
    said = finish(start(tmp_path, "sql", "--format", "csv", "SELECT 1 AS one"))
    assert (said.code, said.out) == (0, "one\n1\n")
    assert "no leadline.duckdb here; reading demo.duckdb" in said.err


def test_the_prompt_of_a_pipe(db: Path) -> None:
    def ask(text: str) -> str:
        command = [sys.executable, "-m", "leadline", "sql", "--db", str(db)]
        ran = subprocess.run(
            command, input=text, capture_output=True, text=True, env=environ(), cwd=ROOT, check=True
        )
        return ran.stdout

    assert re.search(r"^depth_diffs +table +3 ", ask("\\d\n"), re.MULTILINE)
    assert re.search(r"^last_id +BIGINT ", ask("\\d coverage\n"), re.MULTILINE)
    assert ask("SELECT 7 AS seven\n").splitlines()[0] == "seven"


def test_output_into_a_closed_pipe_is_no_error(db: Path) -> None:
    command = f'{sys.executable} -m leadline sql --db {db} --format csv "FROM range(2000000)" | head -1'
    ran = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert ran.stdout == "range\n"
    assert (ran.returncode, ran.stderr) == (0, "")


def test_connections_are_given_back(db: Path) -> None:
    with connect(db) as con:
        assert con.execute("SELECT 1").fetchall() == [(1,)]
    with Owner(db):
        pass
