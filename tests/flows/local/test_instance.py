"""One house per home folder: who holds it, and where it is."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from leadline.flows.local import instance
from tests.flows.commands import ROOT

WHERE = instance.Instance(
    1, "http://u", "http://u/api", "x.duckdb", "loopback-spot", ["BTCUSDT"], "leadline", True
)


def test_the_second_is_told_and_finds_the_first(tmp_path: Path) -> None:
    assert instance.holder(tmp_path) is None
    with instance.hold(tmp_path) as is_ours:
        assert is_ours
        assert instance.holder(tmp_path) == os.getpid()
        assert instance.read(tmp_path) is None  # it has not said yet where it is
        instance.write(tmp_path, WHERE)
        with instance.hold(tmp_path) as second:
            assert not second
        assert instance.read(tmp_path) == WHERE
    assert instance.holder(tmp_path) is None
    assert instance.read(tmp_path) is None


def test_a_note_of_one_that_was_killed_is_not_believed(tmp_path: Path) -> None:
    program = (
        "import os, pathlib; from leadline.flows.local import instance\n"
        "from tests.flows.local.test_instance import WHERE\n"
        f"home = pathlib.Path({str(tmp_path)!r})\n"
        "with instance.hold(home): instance.write(home, WHERE); os._exit(9)"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=env, check=False)
    assert ran.returncode == 9
    assert (tmp_path / "up.json").exists()
    assert instance.read(tmp_path) is None
    (tmp_path / "up.json").write_text("[]")
    with instance.hold(tmp_path) as is_ours:
        assert is_ours
        assert instance.read(tmp_path) is None
