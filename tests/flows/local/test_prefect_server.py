"""Which Prefect API is used, and a private server from start to stop."""

from __future__ import annotations

import base64
import json
import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from leadline.flows.demo.prefect_proof import PrefectUnreachable, ask
from leadline.flows.local.prefect_server import (
    PrefectServer,
    ServerUnavailable,
    authorization,
    configured_url,
    free_port,
    is_healthy,
    login,
    login_file,
    prefect_api,
    running_private,
)


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


def test_the_log_in_is_made_once_and_only_its_user_reads_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with ThreadPoolExecutor(8) as pool:
            for n in range(100):  # some of them begin at the same moment
                assert len(set(pool.map(login, [tmp_path / str(n)] * 8))) == 1
        made = login(tmp_path)
    finally:
        os.umask(before)
    file = login_file(tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(file.parent.iterdir()) == [file]
    assert file.read_text() == f"{made}\n"
    assert len(made) > 30
    assert made != login(tmp_path / "another")
    file.write_text("somebody:else:\u0021\r\n")
    file.chmod(0o644)
    assert login(tmp_path) == "somebody:else:!"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("text", ["", "\n", "word", ":password", "user:", "a b:c", "u:ä", "u:p\nu:p"])
def test_what_is_no_log_in_is_refused_and_not_told(tmp_path: Path, text: str) -> None:
    login(tmp_path)
    login_file(tmp_path).write_text(text, encoding="utf-8")
    with pytest.raises(ServerUnavailable, match=r"login\.txt: expected one line user:password") as told:
        login(tmp_path)
    assert not text.strip() or text.strip() not in str(told.value).replace("user:password", "")


def test_a_client_logs_in_as_prefects_own_would(tmp_path: Path) -> None:
    environ = {"PREFECT_HOME": str(tmp_path)}
    assert authorization(environ) == {}
    (tmp_path / "profiles.toml").write_text(
        'active = "a"\n[profiles.a]\nPREFECT_API_AUTH_STRING = "u:ü"\n[profiles.b]\nPREFECT_API_KEY = "k"\n'
    )
    words = base64.b64encode("u:ü".encode()).decode()
    assert authorization(environ) == {"Authorization": f"Basic {words}"}
    assert authorization({**environ, "PREFECT_PROFILE": "b"}) == {"Authorization": "Bearer k"}
    both = {**environ, "PREFECT_API_KEY": "k", "PREFECT_API_AUTH_STRING": "a:b"}
    assert authorization(both) == {"Authorization": "Basic YTpi"}


@pytest.fixture
def nothing_configured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No Prefect settings in the environment; what a test puts there is gone after it."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        del os.environ[name]
    os.environ["PREFECT_HOME"] = str(tmp_path / "no-profiles")
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@pytest.mark.slow
@pytest.mark.usefixtures("nothing_configured")
def test_a_private_server_is_shared_and_ends(tmp_path: Path) -> None:
    os.environ["PREFECT_API_URL"] = f"http://127.0.0.1:{free_port()}/api"
    heard: list[str] = []
    with prefect_api(tmp_path, say=heard.append) as url:
        assert is_healthy(url)
        assert "does not answer; starting a private server at http://127.0.0.1:" in heard[0]
        assert heard[0].endswith(f"; log in with the line in {login_file(tmp_path)}")
        assert login(tmp_path).partition(":")[2] not in heard[0]
        assert ask(url, "/flows/filter", {}) == []
        # A second shell, with nothing and with the address only.
        for given in ("", url):
            os.environ["PREFECT_API_URL"] = given
            os.environ.pop("PREFECT_API_AUTH_STRING")
            with prefect_api(tmp_path, say=heard.append) as shared:
                assert shared == url
                assert ask(url, "/flows/filter", {}) == []
        assert is_healthy(url)
    assert not is_healthy(url)
    assert running_private(tmp_path) is None


@pytest.mark.slow
@pytest.mark.usefixtures("nothing_configured")
def test_a_server_of_ones_own_is_used_with_its_log_in(server: PrefectServer, tmp_path: Path) -> None:
    os.environ["PREFECT_API_URL"] = server.api_url
    for wrong in ("", "leadline:guess"):
        os.environ["PREFECT_API_AUTH_STRING"] = wrong
        with (
            pytest.raises(ServerUnavailable, match=r"refuses us with.* set PREFECT_API_AUTH_STRING"),
            prefect_api(tmp_path, say=print),
        ):
            pass
        with pytest.raises(PrefectUnreachable, match="401"):
            ask(server.api_url, "/work_pools/filter", {})
    right = os.environ["PREFECT_API_AUTH_STRING"] = server.environ["PREFECT_API_AUTH_STRING"]
    with prefect_api(tmp_path, say=print) as url:
        assert url == server.api_url
        assert os.environ["PREFECT_API_AUTH_STRING"] == right
        ask(url, "/work_pools/filter", {})
    assert not login_file(tmp_path).exists()
