"""The local log, and a process that outlives whoever read its output."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]

TALK = """
import logging, sys, threading
from pathlib import Path
from prefect.logging import get_logger
from prefect.logging.configuration import setup_logging
from leadline.flows.config.logs import log_to

setup_logging()  # as the engine does before a flow begins
run = {"flow_run_name": "sample", "flow_name": "stream-books"}
log = logging.LoggerAdapter(get_logger("prefect.flow_runs"), run)
ended = []

def talk(name):
    log.info("from %s", name)
    log.info("again from %s", name)
    ended.append(name)

with log_to(Path(sys.argv[1]), "INFO"):
    log.info("heard")
    print("ready", file=sys.stderr, flush=True)
    sys.stdin.readline()  # until nobody reads any more
    thread = threading.Thread(target=talk, args=["a thread"])
    thread.start()
    thread.join()
    talk("main")
    print("to nobody", file=sys.stderr, flush=True)
sys.exit(0 if ended == ["a thread", "main"] else 3)
"""


def test_a_process_goes_on_when_nobody_reads_its_output_any_more(tmp_path: Path) -> None:
    """A worker is killed: the next line of its flow run meets a broken pipe."""
    file = tmp_path / "stream.log"
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_LOGGING")}
    reading, writing = os.pipe()
    talker = subprocess.Popen(
        [sys.executable, "-c", TALK, str(file)],
        stdin=subprocess.PIPE, stdout=writing, stderr=writing, cwd=ROOT,
        env={**kept, "PYTHONPATH": str(ROOT), "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
             "PREFECT_HOME": str(tmp_path)},
    )  # fmt: skip
    os.close(writing)
    try:
        with os.fdopen(reading) as heard:
            lines = "".join(iter(heard.readline, "ready\n"))
        assert "heard" in lines
        assert talker.stdin is not None
        talker.stdin.write(b"\n")
        talker.stdin.close()
        assert talker.wait(120) == 0
    finally:
        talker.kill()
    said = file.read_text()
    assert said.count("from a thread") == 2
    assert said.count("from main") == 2
