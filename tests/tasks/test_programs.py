"""A child finds the package from anywhere, keeps a person's PYTHONPATH and never looks where it works."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from leadline.tasks.programs import import_path, python
from tests.flows.commands import ROOT
from tests.imports.hostile import make_hostile

SHOW = "import json, sys, leadline; print(json.dumps([sys.path, leadline.__file__]))"


def run(folder: Path, *arguments: str) -> str:
    env = {**os.environ, **import_path()}
    ran = subprocess.run(
        python(*arguments), cwd=folder, env=env, capture_output=True, text=True, check=True
    )
    return ran.stdout


@pytest.mark.parametrize("form", ["code", "module"])
def test_the_working_folder_is_not_looked_at(tmp_path: Path, form: str) -> None:
    make_hostile(tmp_path)
    (tmp_path / "json.py").write_text("raise RuntimeError('json of the working folder was imported')")
    if form == "code":
        path, file = json.loads(run(tmp_path, "-c", SHOW))
        assert str(tmp_path) not in path
        assert "" not in path
        assert Path(file) == ROOT / "leadline" / "__init__.py"
    else:
        assert run(tmp_path, "-m", "leadline", "--version").startswith("leadline ")


@pytest.mark.parametrize("kept", ["", "/opt/theirs", "/opt/theirs:/opt/more"])
def test_a_clone_comes_first_and_what_a_person_has_stays(
    monkeypatch: pytest.MonkeyPatch, kept: str
) -> None:
    monkeypatch.setenv("PYTHONPATH", kept)
    assert import_path() == {"PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, kept.split(":"))])}


def test_it_is_named_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["/opt/theirs", str(ROOT)]))
    assert import_path() == {"PYTHONPATH": os.pathsep.join([str(ROOT), "/opt/theirs"])}
