"""
The project file ``prefect.yaml``: where it is, its quick schedules, and deploying all of it.

Deploying is Prefect's own command, so that what ``leadline up`` deploys is what a person would have.
"""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from leadline.book.errors import BadInput, LeadlineError
from leadline.tasks.programs import import_path, python

POOL = "leadline"
PAUSE_S = 0.1
COMMAND_S = 180.0


class NotDeployed(LeadlineError):
    """Prefect refused a deployment or a work pool; the message has its last words."""


def project_file() -> Path:
    """Return the project file that comes with the package."""
    return Path(str(resources.files("leadline") / "prefect.yaml"))


def runs_folder(home: Path) -> Path:
    """Return the folder where worker and runs work; Prefect puts it on the import path, so it is ours."""
    folder = home.resolve() / "runs"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def read_project(path: Path) -> dict[str, Any]:
    """Read a project file; raises `BadInput`."""
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise BadInput(f"{path}: not a readable project file: {exc}") from exc
    if not isinstance(found, dict) or not isinstance(found.get("deployments"), list):
        raise BadInput(f"{path}: expected a list of deployments")
    return found


def names(project: Mapping[str, Any]) -> list[str]:
    """Name the deployments."""
    return [str(each["name"]) for each in project["deployments"]]


def with_quick_schedules(project: dict[str, Any]) -> dict[str, Any]:
    """Give every deployment the schedule of its name under ``definitions: quick:``."""
    quick = project.get("definitions", {}).get("quick", {})
    for each in project["deployments"]:
        if each["name"] in quick:
            each["schedules"] = [{**quick[each["name"]], "active": True}]
    return project


def in_pool(project: dict[str, Any], pool: str) -> dict[str, Any]:
    """
    Send every deployment to ``pool``, and have its runs started by our own Python.

    By itself Prefect puts the folder in which a run works first on the run's import path.
    """
    engine = {"command": shlex.join(python("-m", "prefect.engine"))}
    for each in project["deployments"]:
        work_pool = each.get("work_pool") or {}
        variables = {**engine, **(work_pool.get("job_variables") or {})}
        each["work_pool"] = {**work_pool, "name": pool, "job_variables": variables}
    return project


def in_folder(project: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Have runs work in ``folder``, where the project file does not say otherwise by a pull step."""
    step = {"prefect.deployments.steps.set_working_directory": {"directory": str(folder.resolve())}}
    project.setdefault("pull", [step])
    return project


def write_project(project: Mapping[str, Any], path: Path, source: Path) -> Path:
    """Write a project file for Prefect's command, with a word on where it comes from."""
    text = yaml.safe_dump(dict(project), sort_keys=False, allow_unicode=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"# Made by leadline up from {source}; edits are lost.\n{text}", encoding="utf-8")
    return path


def make_pool(pool: str, folder: Path, environ: Mapping[str, str], tick: Callable[[], None]) -> None:
    """Make a work pool for processes on this machine; raises `NotDeployed`."""
    prefect(["work-pool", "create", pool, "--type", "process"], folder, environ, tick)


def deploy_all(file: Path, folder: Path, environ: Mapping[str, str], tick: Callable[[], None]) -> None:
    """Deploy all of ``file``; raises `NotDeployed`."""
    prefect(["deploy", "--all", "--prefect-file", str(file.resolve())], folder, environ, tick)


def prefect(argv: list[str], folder: Path, environ: Mapping[str, str], tick: Callable[[], None]) -> None:
    """
    Run one of Prefect's commands without prompts in ``folder``, calling ``tick`` meanwhile.

    It imports the flows with the folder on its import path. Raises `NotDeployed`.
    """
    command = python("-m", "prefect", "--no-prompt", *argv)
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**environ, **import_path()},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # a Ctrl-C in the terminal is for us
    )
    until, said = time.monotonic() + COMMAND_S, ""
    try:
        while True:
            try:
                said, _ = process.communicate(timeout=PAUSE_S)
                break
            except subprocess.TimeoutExpired:
                tick()
                if time.monotonic() > until:
                    raise NotDeployed(f"prefect {argv[0]} took more than {COMMAND_S:g} s") from None
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if process.returncode:
        last = [line.strip() for line in said.splitlines() if line.strip()][-3:]
        raise NotDeployed(f"prefect {' '.join(argv[:2])} failed: {' '.join(last) or 'it said nothing'}")
