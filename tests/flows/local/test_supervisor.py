"""What a house is told and tells, without starting one."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from leadline.flows.config.settings import BadSetting, Settings
from leadline.flows.local.prefect_server import free_port, is_taken
from leadline.flows.local.supervisor import (
    UpOptions,
    api_of,
    port_taken_message,
    prepare,
    run_environ,
    ui_of,
)
from leadline.storage.access.connect import connect
from leadline.storage.access.owner import Owner
from leadline.storage.queries.everyday import row_counts


@pytest.mark.parametrize(
    ("given", "api", "ui"),
    [
        ("http://127.0.0.1:4200", "http://127.0.0.1:4200/api", "http://127.0.0.1:4200"),
        ("http://127.0.0.1:4200/", "http://127.0.0.1:4200/api", "http://127.0.0.1:4200"),
        ("https://h/prefect/api/", "https://h/prefect/api", "https://h/prefect"),
        (
            "https://api.prefect.cloud/api/accounts/a/workspaces/w",
            "https://api.prefect.cloud/api/accounts/a/workspaces/w",
            "https://app.prefect.cloud/account/a/workspace/w",
        ),
    ],
)
def test_a_server_is_named_by_its_ui_or_its_api(given: str, api: str, ui: str) -> None:
    assert api_of(given) == api
    assert ui_of(api) == ui


@pytest.mark.parametrize("given", ["localhost:4200", "ftp://h/api", "http://"])
def test_what_is_no_server_is_named(given: str) -> None:
    with pytest.raises(BadSetting, match="expected a URL such as"):
        api_of(given)


def test_a_taken_port_says_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert is_taken(port)
        assert (
            port_taken_message(port)
            == f"port {port} is taken by another program; choose another one with --port N"
        )
    assert not is_taken(free_port())


def test_runs_get_absolute_paths_and_only_what_was_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LEADLINE_CONFIG", raising=False)
    found = run_environ(UpOptions(settings=Settings(), given={"symbols": "BTCUSDT"}), Settings())
    assert found == {
        "LEADLINE_DB": str(tmp_path / "leadline.duckdb"),
        "LEADLINE_HOME": str(tmp_path / ".leadline"),
        "LEADLINE_SYMBOLS": "BTCUSDT",
    }
    (tmp_path / "leadline.toml").write_text("")
    built_in = Settings(venue="loopback-spot", ws_url="ws://h:1", rest_url="http://h:2")
    found = run_environ(UpOptions(settings=built_in, given={}), built_in)
    assert found["LEADLINE_CONFIG"] == str(tmp_path / "leadline.toml")
    assert (found["LEADLINE_VENUE"], found["LEADLINE_WS_URL"]) == ("loopback-spot", "ws://h:1")
    # A relative path of the file means something in this folder only; an absolute one says itself.
    named = Settings(export_to=Path("days"), local_gguf=tmp_path / "m.gguf")
    found = run_environ(UpOptions(settings=named, given={}), named)
    assert found["LEADLINE_EXPORT_TO"] == str(tmp_path / "days")
    assert "LEADLINE_LOCAL_GGUF" not in found


def test_the_first_runs_find_a_database(tmp_path: Path) -> None:
    db = tmp_path / "new" / "x.duckdb"
    prepare(db)
    with connect(db) as con:
        assert set(row_counts(con).values()) == {0}
    with Owner(db, serve=True):
        prepare(db)  # a stream has it: nothing to do
