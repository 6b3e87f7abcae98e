"""Progress where stderr is no terminal: a line when it is time, and no sooner."""

from __future__ import annotations

import pytest

from leadline.flows.terminal import progress as module
from leadline.flows.terminal.progress import StepProgress


def test_a_step_is_named_once_it_is_time(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    with StepProgress("export", "finding rows") as progress:
        progress.tick()
        assert capsys.readouterr().err == ""
        now += module.LINE_S
        progress.step("2026-01-31")
        assert capsys.readouterr().err == "export: 2026-01-31\n"
        progress.step("2026-02-01")
        assert capsys.readouterr().err == ""
        now += module.LINE_S
        progress.tick()
        assert capsys.readouterr().err == "export: 2026-02-01\n"
