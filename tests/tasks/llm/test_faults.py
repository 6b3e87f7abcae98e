"""Every named fault leads to its outcome, its number of calls and its dollars, and shows nobody the key."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.tasks.llm.fault_stage import FaultStage, fault_stage
from tests.tasks.llm.faults import CANARY, FAULTS, Fault


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultStage]:
    with fault_stage(tmp_path_factory.mktemp("faults")) as stage:
        yield stage


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
async def test_fault(fault: Fault, stage: FaultStage, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        kind = await stage.run(fault)
    assert not kind.wrong()
    assert CANARY not in caplog.text
    assert CANARY not in repr(kind.reply)
    assert CANARY not in repr(kind.rows)
    files = [path for path in stage.folder.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if CANARY.encode() in path.read_bytes()]


def test_there_are_enough() -> None:
    assert len(FAULTS) >= 30
