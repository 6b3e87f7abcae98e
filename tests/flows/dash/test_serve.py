"""The page served: while another process owns the database and after, to this machine, at bounded cost."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from leadline.flows.config.settings import Settings
from leadline.flows.dash.data import Look
from leadline.flows.dash.serve import Choice, Watch
from leadline.storage.errors import StoreOwned
from tests.flows.commands import finish, leadline, start
from tests.flows.waiting import until
from tests.storage.helpers import Served

ANSWERS_S = 60.0


@contextlib.contextmanager
def dash(folder: Path, *argv: object) -> Iterator[tuple[httpx.Client, subprocess.Popen[str]]]:
    """Run the command; yield a client of the address that it printed."""
    process = start(folder, "dash", "--port", "0", *argv)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url.startswith("http://127.0.0.1:"), process.communicate(timeout=60)
        with httpx.Client(base_url=url, timeout=ANSWERS_S, trust_env=False) as client:
            yield client, process
    finally:
        process.kill()
        process.wait()


def shows(client: httpx.Client, words: str) -> str:
    """Return the page once it has these words: the look after the last one, however soon that was."""

    def has() -> str:
        answer = client.get("/body")
        assert answer.status_code == 200
        return answer.text if words in answer.text else ""

    return until(has, f"{words!r} on the page", timeout_s=ANSWERS_S)


@pytest.fixture
def db(small_db: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(small_db, tmp_path / "x.duckdb"))


def test_it_answers_while_a_stream_has_the_file_and_after(db: Path) -> None:
    with Served(db) as owner, dash(db.parent, "--db", db, "--every", "0.01") as (client, process):
        page = client.get("/")
        assert page.status_code == 200
        assert "a stream has it open" in page.text
        assert "script-src 'sha256-" in page.headers["content-security-policy"]
        assert client.get("/look.json").json()["is_streaming"] is True
        owner.stop()
        assert "books trusted now" in page.text
        assert "books trusted now" not in shows(client, "no stream has it open")
        told = client.get("/look.json").json()
        assert (told["is_streaming"], [one["light"] for one in told["markets"]]) == (False, ["yellow"] * 2)
        # Another process that keeps the file to itself: the last look stays, with a word.
        with Served(db, serve=False):
            db.touch()
            assert "updates missing" in shows(client, "the database cannot be read now")
            assert "is owned by process" in client.get("/look.json").json()["trouble"]
        until(lambda: "cannot be read" not in client.get("/body").text, "a look", timeout_s=ANSWERS_S)
        process.send_signal(signal.SIGINT)
        said = finish(process)
        assert (said.code, said.err.splitlines()[-1]) == (0, "leadline dash: stopped")


def test_a_database_that_is_not_there_yet_is_waited_for(db: Path) -> None:
    later = db.with_name("later.duckdb")
    with dash(db.parent, "--db", later, "--every", "0.01") as (client, process):
        page = client.get("/")
        assert (page.status_code, "there is no database" in page.text) == (200, True)
        assert client.get("/look.json").status_code == 503
        shutil.copy(db, later)
        shows(client, "updates missing")
        process.terminate()
        assert finish(process).code == 0


def test_the_door(db: Path) -> None:
    with dash(db.parent, "--db", db, "--allow-host", "desk.example") as (client, _):
        for host, code in (
            ("evil.example", 421), ("127.0.0.1.evil.example", 421), ("", 421), ("127.0.0.1", 200),
            ("LOCALHOST:1", 200), ("[::1]:80", 200), ("desk.example", 200),
        ):  # fmt: skip
            assert client.get("/", headers={"Host": host}).status_code == code, host
        for method in ("POST", "PUT", "DELETE"):
            assert client.request(method, "/").status_code == 405
        assert client.get("/../x.duckdb").status_code == 404
        assert client.get("/body").headers["cross-origin-resource-policy"] == "same-origin"


def test_others_are_let_in_only_on_purpose(db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = leadline(capsys, "dash", "--db", db, "--host", "0.0.0.0")
    assert (said.code, "--allow-host NAME" in said.err) == (2, True)


def test_a_port_that_is_taken_is_named(db: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with dash(db.parent, "--db", db) as (client, _):
        said = leadline(capsys, "dash", "--db", db, "--port", client.base_url.port)
    assert (said.code, "--port 0 takes any free one" in said.err) == (1, True)


def test_many_browsers_are_one_look(db: Path) -> None:
    begun, gate, asked = threading.Event(), threading.Event(), 0

    def take() -> Look:
        nonlocal asked
        asked += 1
        begun.set()
        gate.wait(60)
        raise StoreOwned(db, None, None)

    async def many() -> set[str]:
        watch = Watch(take, 3600.0, lambda: False)
        crowd = [asyncio.create_task(watch.shown()) for _ in range(50)]
        assert await asyncio.to_thread(begun.wait, 60)
        crowd[0].cancel()  # who asked first goes away
        gate.set()
        shown = {one.trouble for one in await asyncio.gather(*crowd[1:])}
        shown |= {(await watch.shown()).trouble for _ in range(50)}
        watch.close()
        return shown

    (trouble,) = asyncio.run(many())
    assert "cannot be read now" in trouble
    assert asked == 1


def test_a_closed_file_is_opened_again_only_when_it_changed(db: Path) -> None:
    from leadline.flows.dash.serve import Eye

    async def looks() -> list[int]:
        eye = Eye(Choice(settings=Settings(db=db)))
        watch = Watch(eye.take, 0.0, eye.unchanged)
        counted = []
        for turn in range(4):
            if turn == 2:
                await asyncio.to_thread(db.touch)
            await watch.shown()
            counted.append(watch.looks)
        watch.close()
        return counted

    assert asyncio.run(looks()) == [1, 1, 2, 2]
