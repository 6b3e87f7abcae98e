"""
The installed wheel, in a folder whose own files have our floors' names: quick things; `make wheel-check`
runs the long ones.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.flows.commands import environ
from tests.imports.hostile import make_hostile
from tests.imports.told import Loaded, copies, telling, told
from tests.wheel.building import build, clean_venv

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow

# Every module, as far as an installation without extras has what it needs, and what is read beside them.
EVERYTHING = """
import importlib, json, pkgutil, sys
from pathlib import Path
import leadline
from leadline.flows.local.deploy import names, project_file, read_project
from leadline.storage.access.connect import connect
from leadline.storage.access.owner import Owner
from leadline.tasks.programs import import_path

lacking = set()
for each in pkgutil.walk_packages(leadline.__path__, "leadline."):
    if not each.name.endswith("__main__") and ".migrations." not in each.name:
        try:
            importlib.import_module(each.name)
        except ModuleNotFoundError as exc:
            lacking.add(exc.name)
Owner(Path("new.duckdb")).close()
with connect(Path("new.duckdb")) as con:
    ((tables,),) = con.execute("SELECT count(*) FROM duckdb_tables()").fetchall()
print(json.dumps({
    "package": leadline.__file__, "lacking": sorted(lacking), "tables": tables,
    "project": str(project_file()), "deployments": names(read_project(project_file())),
    "import_path": import_path(),
}))
"""
FILES = "import leadline, importlib.metadata as m; print(*m.files('leadline'), sep='\\n')"


class Installed:
    """A venv with the wheel, and somebody's folder far from the source tree."""

    def __init__(self, folder: Path) -> None:
        self.bin = clean_venv(folder / "venv", build("wheel", ROOT, folder / "dist"))
        self.work = make_hostile(folder / "work")
        self.modules = folder / "modules"

    def run(self, *command: str) -> str:
        variables = {**environ(**telling(self.modules)), "LEADLINE_HOME": str(self.work / "home")}
        ran = subprocess.run(
            [str(self.bin / command[0]), *command[1:]], cwd=self.work, env=variables, capture_output=True,
            text=True, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    def loaded(self) -> list[Loaded]:
        return told(self.modules)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(tmp_path_factory.mktemp("installed"))


def test_it_is_one_name_and_its_record(installed: Installed) -> None:
    listed = installed.run("python", "-P", "-c", FILES).splitlines()
    assert "leadline/prefect.yaml" in listed
    script = {name for name in listed if name.endswith("/bin/leadline")}
    tops = {name.partition("/")[0] for name in set(listed) - script}
    assert len(tops) == 2
    assert {name.partition("-")[0] for name in tops} == {"leadline"}


def test_all_of_it_works_where_others_have_our_names(installed: Installed) -> None:
    found = json.loads(installed.run("python", "-P", "-c", EVERYTHING))
    package = Path(found["package"]).parent
    assert package.is_relative_to(installed.bin.parent)
    assert set(found["lacking"]) <= {"numba", "llvmlite", "xllamacpp"}  # the extras
    assert found["tables"] > 20  # the migrations are there
    assert Path(found["project"]) == package / "prefect.yaml"
    assert "stream-books" in found["deployments"]
    assert found["import_path"] == {}  # a child finds it as it is, with the person's own PYTHONPATH
    loaded = installed.loaded()
    assert {each.name for each in loaded} >= {"leadline.flows.stream", "leadline.storage.access.owner"}
    assert not copies(loaded)
    assert not [each for each in loaded if not Path(each.file).is_relative_to(package)]


@pytest.mark.parametrize("program", [["leadline"], ["python", "-m", "leadline"]])
def test_commands_answer_there(installed: Installed, program: list[str]) -> None:
    assert installed.run(*program, "--version").startswith("leadline ")
    assert "--venue" in installed.run(*program, "up", "--help")
    assert (
        installed.run(*program, "sql", "--db", "new.duckdb", "--format", "csv", "SELECT 6 * 7 AS n")
        == "n\n42\n"
    )
    installed.run(*program, "doctor", "--offline")
