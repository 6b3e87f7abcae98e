"""Which Prefect API is used, and a private server from start to stop."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from flows.server import configured_url, free_port, is_healthy, prefect_api, running_private


def test_the_environment_names_the_api() -> None:
    assert configured_url({"PREFECT_API_URL": "http://h:1/api"}) == "http://h:1/api"


def test_else_the_active_profile_does(tmp_path: Path) -> None:
    environ = {"PREFECT_HOME": str(tmp_path)}
    assert configured_url(environ) is None
    profiles = tmp_path / "profiles.toml"
    profiles.write_text('active = "a"\n[profiles.a]\nPREFECT_API_URL = "http://a/api"\n[profiles.b]\n')
    assert configured_url(environ) == "http://a/api"
    assert configured_url({**environ, "PREFECT_PROFILE": "b"}) is None
    profiles.write_text("active = ")
    assert configured_url(environ) is None


def test_nobody_answers_on_a_free_port() -> None:
    assert not is_healthy(f"http://127.0.0.1:{free_port()}/api")
    assert not is_healthy("not a url")


def test_an_address_file_of_a_dead_server_is_not_believed(tmp_path: Path) -> None:
    address = tmp_path / "prefect" / "server.json"
    address.parent.mkdir()
    for text in (
        "",
        "[]",
        '{"api_url": 5}',
        json.dumps({"api_url": f"http://127.0.0.1:{free_port()}/api"}),
    ):
        address.write_text(text)
        assert running_private(tmp_path) is None


@pytest.mark.slow
def test_a_private_server_is_shared_and_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PREFECT_API_URL", f"http://127.0.0.1:{free_port()}/api")
    heard: list[str] = []
    before = dict(os.environ)
    try:
        with prefect_api(tmp_path, say=heard.append) as url:
            assert is_healthy(url)
            assert "does not answer; starting a private server at http://127.0.0.1:" in heard[0]
            os.environ["PREFECT_API_URL"] = ""
            with prefect_api(tmp_path, say=heard.append) as shared:
                assert shared == url
            assert is_healthy(url)
        assert not is_healthy(url)
        assert running_private(tmp_path) is None
    finally:
        os.environ.clear()
        os.environ.update(before)
