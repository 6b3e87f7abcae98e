"""The container files keep what deploy/README.md promises; they are parsed here, not built."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from leadline.flows.cli import parse
from leadline.storage.access.extensions import open_duckdb
from leadline.storage.schema.views import VIEWS
from tests.flows.commands import ROOT

DEPLOY = ROOT / "deploy"
FLUSH_S = 60  # the longest a stream may take to close its file
GRACE_S = 30 + FLUSH_S


def dockerfile() -> list[tuple[str, str]]:
    """Read the instructions, with continued lines joined."""
    text = (DEPLOY / "docker" / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in joined.splitlines())]


def of(instruction: str) -> list[str]:
    return [rest for word, rest in dockerfile() if word == instruction]


def documents() -> dict[str, dict[str, Any]]:
    text = (DEPLOY / "kubernetes" / "leadline.yaml").read_text(encoding="utf-8")
    return {each["kind"]: each for each in yaml.safe_load_all(text)}


def services() -> dict[str, dict[str, Any]]:
    text = (DEPLOY / "docker-compose.yaml").read_text(encoding="utf-8")
    found: dict[str, dict[str, Any]] = yaml.safe_load(text)["services"]
    return found


def seconds(text: str) -> int:
    match = re.fullmatch(r"(\d+)s", text)
    assert match, text
    return int(match[1])


def test_the_image_knows_its_instructions_and_is_nobodys_root() -> None:
    known = {"FROM", "ENV", "RUN", "WORKDIR", "COPY", "VOLUME", "USER", "HEALTHCHECK", "STOPSIGNAL",
             "ENTRYPOINT", "CMD"}  # fmt: skip
    words = [word for word, _ in dockerfile()]
    assert set(words) <= known
    assert words[0] == "FROM"
    assert of("USER") == ["leadline"]
    assert words.index("USER") > max(n for n, word in enumerate(words) if word == "RUN")
    assert of("STOPSIGNAL") == ["SIGTERM"]
    assert json.loads(of("VOLUME")[0]) == ["/data"]
    assert not any("latest" in rest for rest in of("FROM"))


def test_the_image_copies_what_is_there_and_installs_by_hash() -> None:
    sources = [word for rest in of("COPY") for word in shlex.split(rest)[:-1]]
    assert [name for name in sources if not (ROOT / name).exists()] == []
    links = {path.name for path in (ROOT / "leadline").iterdir() if path.is_symlink()}
    assert {"leadline", "pyproject.toml", "hatch_build.py", "requirements.lock", *links} <= set(sources)
    assert any("--require-hashes" in rest for rest in of("RUN"))
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert {".git", ".venv", ".leadline"} <= set(ignored)


def commands() -> dict[str, list[str]]:
    """Every command line of ours in the files."""
    container = documents()["StatefulSet"]["spec"]["template"]["spec"]["containers"][0]
    return {
        "image": json.loads(of("CMD")[0]),
        "image health": json.loads(of("HEALTHCHECK")[0].partition("CMD ")[2])[1:],
        "compose": services()["leadline"]["command"],
        "kubernetes": container["args"],
        "kubernetes health": container["livenessProbe"]["exec"]["command"][1:],
    }


@pytest.mark.parametrize("where", ["image", "image health", "compose", "kubernetes", "kubernetes health"])
def test_every_command_is_one_of_ours(where: str) -> None:
    assert json.loads(of("ENTRYPOINT")[0]) == ["leadline"]
    parse(commands()[where])  # exits on wrong usage


@pytest.mark.parametrize("where", ["image health", "kubernetes health"])
@pytest.mark.parametrize(
    ("newest", "is_well"), [("now()", True), ("now() - INTERVAL 1 HOUR", False), (None, False)]
)
def test_the_health_check_looks_at_the_age_of_the_rows(
    where: str, newest: str | None, is_well: bool
) -> None:
    assert "feed_stats" not in VIEWS  # a table
    with open_duckdb() as con:
        con.execute("CREATE TABLE feed_stats (ts TIMESTAMP)")
        if newest is not None:
            con.execute(f"INSERT INTO feed_stats SELECT ({newest})::TIMESTAMP")
        statement = commands()[where][-1]
        if is_well:
            assert con.execute(statement).fetchall() == []
        else:
            with pytest.raises(duckdb.Error, match="stale"):
                con.execute(statement).fetchall()


def test_compose_gives_the_stream_time_and_opens_nothing_to_others() -> None:
    found = services()
    ours = found["leadline"]
    assert seconds(ours["stop_grace_period"]) >= GRACE_S
    assert ours["stop_signal"] == "SIGTERM"
    assert ours["volumes"] == ["data:/data"]
    assert [name for name, each in found.items() if "data:/data" in each["volumes"]] == ["leadline"]
    assert ours["depends_on"]["prefect"]["condition"] == "service_healthy"
    assert found["prefect"]["healthcheck"]["test"][0] == "CMD"
    ports = [port for each in found.values() for port in each.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_kubernetes_runs_one_pod_on_one_volume_and_gives_it_time() -> None:
    found = documents()
    assert set(found) == {"ConfigMap", "PersistentVolumeClaim", "StatefulSet"}
    assert found["PersistentVolumeClaim"]["spec"]["accessModes"] == ["ReadWriteOncePod"]
    spec = found["StatefulSet"]["spec"]
    assert spec["replicas"] == 1
    assert spec["selector"]["matchLabels"] == spec["template"]["metadata"]["labels"]
    pod = spec["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] >= GRACE_S
    assert pod["securityContext"]["runAsNonRoot"] is True
    (container,) = pod["containers"]
    (mount,) = container["volumeMounts"]
    (volume,) = pod["volumes"]
    assert (mount["name"], mount["mountPath"]) == (volume["name"], "/data")
    assert (
        volume["persistentVolumeClaim"]["claimName"] == found["PersistentVolumeClaim"]["metadata"]["name"]
    )
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert not container["image"].endswith(":latest")
    assert container["livenessProbe"]["initialDelaySeconds"] >= 120
    names = {source[kind]["name"] for source in container["envFrom"] for kind in source}
    assert found["ConfigMap"]["metadata"]["name"] in names


@pytest.mark.parametrize("path", sorted(DEPLOY.rglob("*.*")), ids=lambda path: path.name)
def test_no_key_stands_in_a_file(path: Path) -> None:
    for line in path.read_text(encoding="utf-8").splitlines():
        assert not re.search(r"(KEY|TOKEN|PASSWORD)\w*\s*[:=]\s*[\"']?\w{8,}", line), line
