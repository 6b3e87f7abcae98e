"""
A key through whole Prefect runs, with a provider that says it back in every way it can: it is nowhere.

Once it comes from a Secret block and once from the environment. Looked through afterwards: all that the
programs printed, every file of home, working folder and Prefect, every table, everything the API tells.
"""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from leadline.flows.demo import prefect_proof as prefect_report
from leadline.flows.local.prefect_server import PrefectServer, authorization, login_file
from leadline.storage.access.connect import Connection, connect
from leadline.storage.spend import prices
from tests.flows.commands import environ
from tests.flows.signals.test_rescoring import MARKET
from tests.storage.signals.market import NOON, Stored
from tests.storage.spend.plans import price
from tests.tasks.llm.scripted import ScriptedServer, Step, answer, fails, says

FROM_BLOCK, FROM_ENVIRONMENT = "canary0block/9f8e7d6c+5b4a==", "canary0environ/1a2b3c4d+5e6f=="
SYMBOLS = ("AUSDT", "BUSDT", "CUSDT", "DUSDT", "EUSDT", "FUSDT")
ROOT_LEVEL = "PREFECT_LOGGING_ROOT_LEVEL"  # a private server's environment keeps it low
PATIENCE_S = 200.0

# The flow as a worker's process runs it; the key comes by stdin, so that no argument holds it.
PROGRAM = """
import asyncio, sys
from prefect.blocks.system import Secret
from leadline.flows.analyze import analyze_signals

if key := sys.stdin.readline().strip():
    Secret(value=key).save("leadline-custom")
given = {"db": sys.argv[1], "symbols": sys.argv[2:], "models": ["m-1"]}
state = asyncio.run(analyze_signals(**given, return_state=True))
print("STATE", state.type.value, state.message)
"""


class Tattler(ScriptedServer):
    """Says the key it was sent back, in another way for each symbol."""

    def __init__(self) -> None:
        super().__init__(Step())
        self.keys: set[str] = set()

    def step_for(self, headers: dict[str, str], body: dict[str, Any]) -> Step:
        key = headers.get("authorization", "").removeprefix("Bearer ")
        self.keys.add(key)
        prompt = json.dumps(body["messages"])
        symbol = next(name for name in SYMBOLS if f"Market {name}," in prompt)
        repaired = "That answer cannot be used" in prompt
        return {
            "AUSDT": fails(401, f"Incorrect key: {key}", www_authenticate=f"Bearer {key}"),
            "BUSDT": fails(500, f"upstream refused Authorization: Bearer {key}; {quote(key, safe='')}"),
            "CUSDT": Step(delay_s=60),
            "DUSDT": Step(body=f"<html>{key}</html>".encode()),
            "EUSDT": says(f"your key is {key}", model=f"m-1-{key}", system_fingerprint=key),
            "FUSDT": says(answer(reasoning=f"because {key}"), model="m-1") if repaired else says(key),
        }[symbol]


def stored_now(db: Path) -> None:
    """Put a trusted book of every symbol into a new database, as of now."""
    with connect(db, write=True) as con:
        prices.load(con, [price("custom", "m-1")])
        for symbol in SYMBOLS:
            Stored(con, symbol).quiet_book()
        _move(con, dt.datetime.now(dt.UTC) - NOON)
        con.execute("UPDATE coverage SET ts_to = ts_to + INTERVAL 1 HOUR, ended_by = 'stopped'")


def _move(con: Connection, by: dt.timedelta) -> None:
    names = con.execute(
        "SELECT table_name, column_name, data_type FROM information_schema.columns "
        "WHERE data_type = 'TIMESTAMP' OR column_name = 'recv_ns'"
    ).fetchall()
    for table, column, kind in names:
        if table in MARKET:
            more = "to_microseconds($by)" if kind == "TIMESTAMP" else "1000 * $by"
            con.execute(
                f"UPDATE {table} SET {column} = {column} + {more}",
                {"by": by // dt.timedelta(microseconds=1)},
            )


def run_flow(folder: Path, server: PrefectServer, url: str, *, block: str = "", env: str = "") -> str:
    """Run the flow in a process of its own; return all it printed, which is in ``folder`` too."""
    folder.mkdir()
    db = folder / "x.duckdb"
    stored_now(db)
    given = {"LEADLINE_LLM_API_KEY": env} if env else {}
    process = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(db), *SYMBOLS],
        cwd=folder,
        env=environ(
            **{key: value for key, value in server.environ.items() if key != ROOT_LEVEL},
            **given,
            LEADLINE_HOME=str(folder / "home"),
            LEADLINE_VENUE="loopback",
            LEADLINE_LLM_PROVIDER="custom",
            LEADLINE_LLM_BASE_URL=url,
            LEADLINE_LLM_DEADLINE_S="8",
            LEADLINE_LLM_SIDE_BY_SIDE="6",
            LEADLINE_SIGNAL_STALE_S="600",
            LEADLINE_LOG_LEVEL="DEBUG",
            PREFECT_LOGGING_LEVEL="DEBUG",
            **{ROOT_LEVEL: "DEBUG"},
        ),
        input=block + "\n",
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    said = process.stdout + process.stderr
    (folder / "said.txt").write_text(said, encoding="utf-8")
    return said


def forms(key: str) -> list[bytes]:
    """The key as it might be written down."""
    return [key.encode(), quote(key, safe="").encode(), base64.b64encode(key.encode()), key[:20].encode()]


def tables(db: Path) -> dict[str, str]:
    with connect(db) as con:
        names = [
            row[0] for row in con.execute("SELECT table_name FROM information_schema.tables").fetchall()
        ]
        return {name: repr(con.execute(f'FROM "{name}"').fetchall()) for name in names}


def told_by_api(server: PrefectServer) -> dict[str, str]:
    """Everything that Prefect's API tells about runs, by kind."""
    api, headers = server.api_url, authorization(server.environ)

    def ask(path: str, body: dict[str, Any]) -> list[dict[str, Any]]:
        return prefect_report.ask(api, path, body, environ=server.environ)

    def read(url: str, data: bytes | None = None) -> str:
        more = {} if data is None else {"Content-Type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(url, data, headers | more)) as reply:
            return str(reply.read().decode())

    kinds = ("flows", "flow_runs", "task_runs", "logs", "artifacts", "variables", "deployments")
    told = {kind: json.dumps(ask(f"/{kind}/filter", {})) for kind in kinds}
    told["block_documents"] = json.dumps(ask("/block_documents/filter", {"include_secrets": False}))
    for run in ask("/flow_runs/filter", {}):
        told[f"states of {run['name']}"] = read(f"{api}/flow_run_states/?flow_run_id={run['id']}")
    told["events"] = page = read(f"{api}/events/filter", b'{"limit": 50}')
    while (more := json.loads(page).get("next_page")) is not None:
        page = read(more)
        told["events"] += page
    return told


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_the_key_is_nowhere_but_in_its_encrypted_block(server: PrefectServer, tmp_path: Path) -> None:
    async with Tattler() as tattler:
        url = tattler.base_url
        said = await asyncio.gather(
            asyncio.to_thread(run_flow, tmp_path / "block", server, url, block=FROM_BLOCK),
            asyncio.to_thread(run_flow, tmp_path / "environ", server, url, env=FROM_ENVIRONMENT),
        )
    assert tattler.keys == {FROM_BLOCK, FROM_ENVIRONMENT}, said
    for words in said:
        assert "STATE COMPLETED" in words
    for name in ("block", "environ"):
        stored = tables(tmp_path / name / "x.duckdb")
        # Every way to fail was met, so there was something to leak.
        for words in ("'error'", "'invalid'", "'ok'", "401: ", "500: ", "no chat completion", "[key]"):
            assert words in stored["llm_calls"] + stored["signals"] + stored["llm_texts"], words
        for table, rows in stored.items():
            for key in (FROM_BLOCK, FROM_ENVIRONMENT):
                assert not any(form.decode() in rows for form in forms(key)), table

    told = told_by_api(server)
    assert "AUSDT" in told["logs"]
    assert "analyze-signals" in told["flow_runs"]
    login = server.environ["PREFECT_API_AUTH_STRING"]
    for kind, text in told.items():
        for key in (FROM_BLOCK, FROM_ENVIRONMENT, login):
            assert not any(form.decode() in text for form in forms(key)), kind

    # The block is there, and gives the key to who may have it: in its file it is encrypted.
    (block,) = [
        one
        for one in prefect_report.ask(
            server.api_url, "/block_documents/filter", {"include_secrets": True}, environ=server.environ
        )
        if one["name"] == "leadline-custom"
    ]
    assert block["data"] == {"value": FROM_BLOCK}
    looked_at = [path for root in (tmp_path, server.home) for path in root.rglob("*") if path.is_file()]
    looked_at.remove(login_file(server.home))
    assert any(path.name.startswith("prefect.db") for path in looked_at)
    for path in looked_at:
        content = path.read_bytes()
        for key in (FROM_BLOCK, FROM_ENVIRONMENT, *([login] if path.name != "said.txt" else [])):
            assert not any(form in content for form in forms(key)), path
