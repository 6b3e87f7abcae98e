"""
A stream whose acknowledgements are written down outside the database: the process the drill kills.

``python -m tests.drills.witnessed WITNESS [stream]``: settings come from the environment. With ``stream``
it is the command ``leadline stream``, Prefect and all; without, its working parts alone. Each batch
that the writer acknowledges becomes one line of WITNESS, written when its COMMIT has returned.
"""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import time

from leadline.flows.cli import main as leadline
from leadline.flows.config.settings import load
from leadline.flows.streaming import host as streaming
from leadline.storage.ingest.commit import Commit

SAMPLE_EVERY_S = 0.3


class WitnessedHost(streaming.StreamHost):
    """The stream's working parts, with a witness."""

    witness = -1  # file descriptor

    def _note(self, commit: Commit) -> None:
        super()._note(commit)
        assert self._writer is not None
        entry = {
            "writer": self._writer.writer_id,
            "seq": commit.seq,
            "rows": dataclasses.asdict(commit.rows),
        }
        os.write(self.witness, json.dumps(entry).encode() + b"\n")


def main() -> int:
    path, *mode = sys.argv[1:]
    WitnessedHost.witness = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    if mode == ["stream"]:
        streaming.StreamHost = WitnessedHost  # type: ignore[misc]  # the flow finds it here
        return leadline(["stream"])
    host = WitnessedHost(load({}), host_grace_s=0.0)
    host.open()
    while True:  # until killed
        time.sleep(SAMPLE_EVERY_S)
        host.check()
        host.sample()


if __name__ == "__main__":
    sys.exit(main())
