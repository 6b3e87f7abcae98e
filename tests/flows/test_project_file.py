"""prefect.yaml says all that the README promises, without a server: schedules, limits, words."""

from __future__ import annotations

import importlib
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from prefect.utilities.callables import parameter_schema

from leadline.book.errors import BadInput
from leadline.flows.local import deploy as deploying
from tests.flows.commands import ROOT

PROJECT = deploying.read_project(ROOT / "prefect.yaml")
DEPLOYMENTS: dict[str, dict[str, Any]] = {each["name"]: each for each in PROJECT["deployments"]}
NAMES = [
    "analyze-signals",
    "certify-data",
    "maintain-store",
    "score-signals",
    "snapshot-depth",
    "stream-books",
    "tend-prefect",
    "track-costs",
]


def flow_of(deployment: dict[str, Any]) -> Any:
    module, _, function = deployment["entrypoint"].rpartition(".")
    return getattr(importlib.import_module(module), function)


def test_all_jobs_are_there() -> None:
    assert sorted(DEPLOYMENTS) == NAMES
    assert sorted(PROJECT["definitions"]["quick"]) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_deployment_explains_itself(name: str) -> None:
    deployment = DEPLOYMENTS[name]
    (schedule,) = deployment["schedules"]
    assert schedule["slug"]
    assert schedule["timezone"] == "UTC"
    assert schedule["active"] is True
    assert "leadline" in deployment["tags"]
    words = deployment["description"]
    assert "When it fails:" in words
    assert re.search(r"Writes|writes|Deletes", words), "what does it write?"
    flow = flow_of(deployment)
    assert flow.name == name
    parameters = parameter_schema(flow).model_dump()["properties"]
    assert parameters
    assert [key for key, each in parameters.items() if not each.get("description")] == []


@pytest.mark.parametrize("name", NAMES)
def test_only_the_stream_has_no_limit_and_no_task_has_tags(name: str) -> None:
    limit = DEPLOYMENTS[name].get("concurrency_limit")
    if name == "stream-books":
        assert limit is None
        from leadline.tasks import prefect_tasks

        for task in (prefect_tasks.connect, prefect_tasks.resync):
            assert not task.tags  # a tag's slot needs an API that answers
    else:
        assert (limit["limit"], limit["collision_strategy"]) == (1, "CANCEL_NEW")


def minutes(cron: str) -> set[int]:
    """The minutes of an hour at which a schedule starts."""
    field = cron.split(" ", maxsplit=1)[0]
    span, _, step = field.partition("/")
    first, _, last = span.partition("-")
    if first == "*":
        return set(range(0, 60, int(step or 1)))
    return set(range(int(first), int(last or first) + 1, int(step or 1)))


def test_short_jobs_do_not_start_at_the_same_minute() -> None:
    crons = {name: DEPLOYMENTS[name]["schedules"][0].get("cron") for name in NAMES}
    # The stream has an interval, and signals are made every minute whatever else runs.
    taken = {
        name: minutes(cron) for name, cron in crons.items() if cron and minutes(cron) != set(range(60))
    }
    assert sorted(taken) == sorted(set(NAMES) - {"stream-books", "analyze-signals"})
    starts = [minute for each in taken.values() for minute in each]
    assert len(starts) == len(set(starts))


def test_quick_schedules_replace_those_of_the_file_and_the_pool_can_be_chosen(tmp_path: Path) -> None:
    project = deploying.with_quick_schedules(deploying.read_project(ROOT / "prefect.yaml"))
    path = deploying.write_project(deploying.in_pool(project, "mine"), tmp_path / "x" / "p.yaml", Path("o"))
    written = deploying.read_project(path)
    assert deploying.names(written) == deploying.names(PROJECT)
    for each in written["deployments"]:
        assert each["work_pool"]["name"] == "mine"
        assert each["schedules"][0]["interval"] <= 120
        assert each["schedules"][0]["active"] is True
        assert each["description"] == DEPLOYMENTS[each["name"]]["description"]


def test_runs_are_started_by_our_python_in_a_folder_of_ours(tmp_path: Path) -> None:
    folder = deploying.runs_folder(tmp_path / "home")
    assert folder.is_dir()
    project = deploying.read_project(deploying.project_file())
    first = project["deployments"][0]
    first["work_pool"] = {**first["work_pool"], "job_variables": {"command": "theirs", "env": {"A": "b"}}}
    deploying.in_folder(deploying.in_pool(project, "mine"), folder)
    (step,) = project["pull"]
    assert step == {"prefect.deployments.steps.set_working_directory": {"directory": str(folder)}}
    theirs, *ours = [each["work_pool"]["job_variables"] for each in project["deployments"]]
    assert theirs == {"command": "theirs", "env": {"A": "b"}}
    for each in ours:
        assert shlex.split(each["command"]) == [sys.executable, "-P", "-m", "prefect.engine"]


def test_a_pull_step_of_a_person_stays(tmp_path: Path) -> None:
    project = {**deploying.read_project(deploying.project_file()), "pull": [{"theirs": {}}]}
    assert deploying.in_folder(project, tmp_path)["pull"] == [{"theirs": {}}]


def test_the_package_brings_the_file() -> None:
    assert deploying.project_file().resolve() == ROOT / "prefect.yaml"


def test_nothing_of_this_machine_is_in_the_file() -> None:
    text = (ROOT / "prefect.yaml").read_text(encoding="utf-8")
    assert str(ROOT) not in text
    assert not re.search(r"^\s*(directory|pull):", text, re.MULTILINE)
    assert not re.search(r"(^|[\s\"'])/\w", text), "an absolute path"


@pytest.mark.parametrize("text", ["deployments: [", "- a", "name: x"])
def test_a_file_that_is_no_project_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(text)
    with pytest.raises(BadInput, match=r"p\.yaml"):
        deploying.read_project(path)
