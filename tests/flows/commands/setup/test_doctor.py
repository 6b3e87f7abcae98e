"""``leadline doctor``: findings, and the settings in force."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from leadline.flows.config.settings import Settings
from tests.flows.commands import environ, finish, leadline, start


def test_the_doctor_tells_what_is_and_what_to_do(db: Path, tmp_path: Path) -> None:
    env = environ(
        LEADLINE_THREADS="3",
        OPENAI_API_KEY="sk-very-secret",
        LEADLINE_WS_URL="wss://u:pass@h/x",
        PYTHONDONTWRITEBYTECODE="1",
    )
    said = finish(start(tmp_path, "doctor", "--offline", "--db", db, env=env))
    assert said.code == 0, said.out
    assert re.search(r"^WARN +environment +PYTHONDONTWRITEBYTECODE is set", said.out, re.MULTILINE)
    assert re.search(r"^OK +OPENAI_API_KEY +set;", said.out, re.MULTILINE)
    assert re.search(rf"^OK +database +{re.escape(str(db))}: \d+ rows", said.out, re.MULTILINE)
    assert "secret" not in said.out
    settings = said.out.partition("\nsettings (")[2]
    assert "pass" not in settings
    for key, value in (
        ("threads", "3"),
        ("ws_url", "wss://h/x"),
        ("rest_url", "the venue's own"),
        ("export_to", "no export"),
        ("snapshot_bands_bps", "5 10 25 50"),
        ("llm_models", "the provider's default"),
    ):
        assert re.search(rf"^  {key} +{re.escape(value)}$", settings, re.MULTILINE)


def test_the_doctor_for_programs_names_every_setting(db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = json.loads(leadline(capsys, "doctor", "--offline", "--json", "--db", db).out)
    assert set(told["settings"]) == set(Settings.__dataclass_fields__)
    checks = {check["check"]: check["verdict"] for check in told["checks"]}
    assert {"python", "packages", "numba", "clock", "disk", "open files", "ports", "database"} <= set(
        checks
    )


def test_a_venue_that_does_not_answer_is_a_warning(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    argv = ["doctor", "--json", "--db", tmp_path / "x.duckdb", "--rest-url", "http://127.0.0.1:9"]
    told = json.loads(leadline(capsys, *argv).out)
    clock = next(check for check in told["checks"] if check["check"] == "clock")
    assert clock["verdict"] == "WARN"
    assert "did not give its time" in clock["detail"]


def test_a_database_of_something_else_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    db = tmp_path / "x.duckdb"
    db.write_bytes(b"not a database" * 1000)
    said = leadline(capsys, "doctor", "--offline", "--db", db)
    assert said.code == 1
    assert re.search(r"^FAIL +database", said.out, re.MULTILINE)
    assert "is not a DuckDB file" in said.out
