"""What must be in the environment before DuckDB is loaded."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

WATCH = """
import importlib, os, sys

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "_duckdb":
            print(os.environ.get("DUCKDB_JE_MALLOC_CONF"))

sys.meta_path.insert(0, Watch())
importlib.import_module(sys.argv[1])
"""


@pytest.mark.parametrize(
    ("module", "set_by_user"),
    [
        ("leadline.storage.access.owner", None),
        ("leadline.storage.access.owner", "tcache:false"),
        ("leadline.flows.stream", None),
    ],
)
def test_idle_threads_keep_little(module: str, set_by_user: str | None) -> None:
    env = {name: value for name, value in os.environ.items() if name != "DUCKDB_JE_MALLOC_CONF"}
    if set_by_user is not None:
        env["DUCKDB_JE_MALLOC_CONF"] = set_by_user
    ran = subprocess.run(
        [sys.executable, "-c", WATCH, module], env=env, capture_output=True, text=True, check=True
    )
    assert ran.stdout.splitlines()[:1] == [set_by_user or "tcache_max:4096"]
